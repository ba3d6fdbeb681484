// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/policy/config.h"

#include <algorithm>
#include <iterator>
#include <sstream>
#include <system_error>
#include <toml++/toml.hpp>

#include "service/kernel/backend.h"
#include "service/util/file.h"

namespace gamesched::policy {
namespace {

// Rules for hundreds of games fit; a bigger file is a mistake.
constexpr std::size_t max_bytes = 256 * 1024;
constexpr std::size_t max_drop_ins = 64;

std::vector<std::filesystem::path> drop_ins(const std::filesystem::path& folder,
                                            std::vector<std::string>& errors) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(folder, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    if (entry->path().extension() == ".toml") files.push_back(entry->path());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    errors.push_back("cannot list " + folder.string() + ": " + error.message());
  }
  std::ranges::sort(files);
  if (files.size() > max_drop_ins) {
    errors.push_back(folder.string() + " holds more than " + std::to_string(max_drop_ins) +
                     " files; those after the first " + std::to_string(max_drop_ins) + " are ignored");
    files.resize(max_drop_ins);
  }
  return files;
}

toml::array array_of(const auto& texts) {
  toml::array out;
  for (const std::string& text : texts) out.push_back(text);
  return out;
}

toml::table table_of(const games::DetectionRule& rule) {
  toml::table out{{"name", rule.name}, {"verdict", to_string(rule.verdict)}};
  if (!rule.executable.empty()) out.insert("executable", array_of(rule.executable));
  if (!rule.path.empty()) out.insert("path", array_of(rule.path));
  if (!rule.argument.empty()) out.insert("argument", array_of(rule.argument));
  if (!rule.ancestor.empty()) out.insert("ancestor", array_of(rule.ancestor));
  if (!rule.cgroup.empty()) out.insert("cgroup", array_of(rule.cgroup));
  if (rule.from_launcher) out.insert("from_launcher", true);
  if (rule.desktop_game) out.insert("desktop_game", true);
  if (!rule.app_id_argument.empty()) out.insert("app_id_argument", rule.app_id_argument);
  return out;
}

toml::table table_of(const GameRule& rule) {
  toml::table out;
  if (!rule.app_id.empty()) out.insert("app_id", array_of(rule.app_id));
  if (!rule.executable.empty()) out.insert("executable", array_of(rule.executable));
  if (!rule.path.empty()) out.insert("path", array_of(rule.path));
  if (!rule.profile.empty()) out.insert("profile", rule.profile);
  if (!rule.name.empty()) out.insert("name", rule.name);
  if (rule.target_fps != 0) out.insert("target_fps", rule.target_fps);
  return out;
}

}  // namespace

std::string_view to_string(AttachMode mode) {
  switch (mode) {
    case AttachMode::Game:
      return "game";
    case AttachMode::Always:
      return "always";
    case AttachMode::Never:
      return "never";
  }
  return "game";
}

std::string to_toml(const Config& config) {
  toml::table out{{"attach", to_string(config.attach)},
                  {"linger_s", config.linger_s},
                  {"enabled", config.enabled},
                  {"detection", config.detection},
                  {"profile", config.profile}};
  toml::table detectors;
  for (const std::string_view name : kernel::optional_detectors)
    detectors.insert(name, !config.detectors_off.contains(std::string(name)));
  out.insert("detectors", std::move(detectors));
  toml::table profiles;
  for (const auto& [name, profile] : config.profiles) {
    toml::table table{{"scheduler", profile.scheduler},
                      {"power_profile", profile.power_profile.empty() ? "none" : profile.power_profile}};
    if (!profile.description.empty()) table.insert("description", profile.description);
    toml::table tunables;
    for (const auto& [tunable, value] : profile.tunables)
      tunables.insert(tunable, static_cast<int64_t>(value));
    if (!tunables.empty()) table.insert("tunables", std::move(tunables));
    profiles.insert(name, std::move(table));
  }
  out.insert("profiles", std::move(profiles));
  toml::array games;
  for (const GameRule& rule : config.games) games.push_back(table_of(rule));
  if (!games.empty()) out.insert("game", std::move(games));
  toml::array detect;
  for (const games::DetectionRule& rule : config.detect) detect.push_back(table_of(rule));
  if (!detect.empty()) out.insert("detect", std::move(detect));
  std::ostringstream text;
  text << out << "\n";
  return text.str();
}

Loaded load(const ConfigFolders& folders) {
  Loaded loaded;
  std::vector<std::filesystem::path> files;
  for (const auto& folder : {folders.vendor, folders.administrator}) {
    files.push_back(folder / "gamesched.toml");
    std::ranges::copy(drop_ins(folder / "gamesched.toml.d", loaded.errors), std::back_inserter(files));
  }
  for (const auto& file : files) {
    if (!file_exists(file)) continue;
    auto config = read_file(file, max_bytes).and_then([&](const std::string& text) {
      return parse(text, file.string(), loaded.config);
    });
    if (config) {
      loaded.config = std::move(*config);
      loaded.files.push_back(file.string());
    } else {
      loaded.errors.push_back(config.error().message);
    }
  }
  return loaded;
}

}  // namespace gamesched::policy
