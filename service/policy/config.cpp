// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/policy/config.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <system_error>
#include <toml++/toml.hpp>

#include "service/util/file.h"
#include "service/util/text.h"

namespace gamesched::policy {
namespace {

// A handful of keys and their comments; a bigger file is a mistake.
constexpr std::size_t max_bytes = 64 * 1024;
constexpr std::size_t max_drop_ins = 64;
constexpr std::size_t max_message_bytes = 512;

std::optional<AttachMode> attach_mode(std::string_view word) {
  for (const AttachMode mode : {AttachMode::Game, AttachMode::Always, AttachMode::Never}) {
    if (word == to_string(mode)) return mode;
  }
  return std::nullopt;
}

// One key into `config`; the sentence of what is wrong with it otherwise.
std::optional<std::string> apply(std::string_view key, const toml::node& value, Config& config) {
  if (key == "attach") {
    const auto word = value.value_exact<std::string>();
    const auto mode = word ? attach_mode(*word) : std::nullopt;
    if (!mode) return R"(attach must be "game", "always" or "never")";
    config.attach = *mode;
  } else if (key == "linger_s") {
    const auto seconds = value.value_exact<int64_t>();
    if (!seconds || *seconds < 0 || *seconds > Config::max_linger_s) {
      return "linger_s must be a whole number of seconds from 0 to " + std::to_string(Config::max_linger_s);
    }
    config.linger_s = static_cast<uint32_t>(*seconds);
  } else if (key == "enabled") {
    const auto on = value.value_exact<bool>();
    if (!on) return "enabled must be true or false";
    config.enabled = *on;
  } else {
    return "there is no key \"" + std::string(key) + "\"; known are attach, linger_s and enabled";
  }
  return std::nullopt;
}

std::unexpected<Error> wrong(const std::string& file, const toml::source_position& where,
                             std::string_view what) {
  return fail(Error::Code::InvalidArgument, file + ":" + std::to_string(where.line) + ":" +
                                                std::to_string(where.column) + ": " +
                                                cleaned(what, max_message_bytes));
}

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

Result<Config> parse(std::string_view text, const std::string& file, Config base) {
  try {
    const toml::table table = toml::parse(text);
    for (const auto& [key, value] : table) {
      const toml::source_position at_value = value.source().begin;
      const toml::source_position at_key = key.source().begin;
      if (const auto what = apply(key.str(), value, base))
        return wrong(file, at_value ? at_value : at_key, *what);
    }
    return base;
  } catch (const toml::parse_error& error) {
    return wrong(file, error.source().begin, error.description());
  }
}

Loaded load(const ConfigFolders& folders) {
  Loaded loaded;
  std::vector<std::filesystem::path> files{folders.vendor / "gamesched.toml",
                                           folders.administrator / "gamesched.toml"};
  std::ranges::copy(drop_ins(folders.administrator / "gamesched.toml.d", loaded.errors),
                    std::back_inserter(files));
  for (const auto& file : files) {
    if (!file_exists(file)) continue;
    const auto config = read_file(file, max_bytes).and_then([&](const std::string& text) {
      return parse(text, file.string(), loaded.config);
    });
    if (config) {
      loaded.config = *config;
      loaded.files.push_back(file.string());
    } else {
      loaded.errors.push_back(config.error().message);
    }
  }
  return loaded;
}

}  // namespace gamesched::policy
