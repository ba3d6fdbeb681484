// SPDX-License-Identifier: GPL-2.0-or-later
//
// One file: each key into the Config, or the first thing that is wrong with it.
#include <algorithm>
#include <array>
#include <optional>

#include "service/kernel/backend.h"
#include "service/policy/config.h"
#include "service/policy/toml_reader.h"
#include "service/util/suggest.h"
#include "service/util/text.h"

namespace gamesched::policy {
namespace {

using toml_reader::Item;
using toml_reader::Wrong;

constexpr std::size_t max_message_bytes = 512;
constexpr std::size_t max_text_bytes = 256;
constexpr std::size_t max_patterns = 256;  // in one condition

std::optional<AttachMode> attach_mode(std::string_view word) {
  for (const AttachMode mode : {AttachMode::Game, AttachMode::Always, AttachMode::Never}) {
    if (word == to_string(mode)) return mode;
  }
  return std::nullopt;
}

class Parser {
 public:
  Parser(const std::string& file, Config& config) : file_(file), config_(config) {}

  void run(const toml::table& file) {
    for (const auto& [key, value] : file) top({key, value});
    // Rules of this file come before those of earlier ones.
    config_.games.insert(config_.games.begin(), std::make_move_iterator(games_.begin()),
                         std::make_move_iterator(games_.end()));
    config_.detect.insert(config_.detect.begin(), std::make_move_iterator(detect_.begin()),
                          std::make_move_iterator(detect_.end()));
    if (config_.detect.size() > games::max_detection_rules) {
      throw Wrong{{1, 1},
                  "with the files before it there are more than " +
                      std::to_string(games::max_detection_rules) + " of [[detect]]"};
    }
    if (config_.games.size() > max_game_rules) {
      throw Wrong{
          {1, 1},
          "with the files before it there are more than " + std::to_string(max_game_rules) + " of [[game]]"};
    }
    // What names a profile may stand before the profile.
    for (const auto& [where, name] : named_profiles_) {
      if (!config_.profiles.contains(name)) throw Wrong{where, no_such_profile(name, config_.profiles)};
    }
  }

 private:
  void top(const Item& item) {
    static constexpr std::array<std::string_view, 9> known{
        "attach", "linger_s", "enabled", "profile", "profiles", "detection", "detect", "game", "detectors"};
    const std::string_view key = item.key.str();
    if (key == "attach") {
      const auto word = item.value.value_exact<std::string>();
      const auto mode = word ? attach_mode(*word) : std::nullopt;
      if (!mode) item.wrong(R"(attach must be "game", "always" or "never")");
      config_.attach = *mode;
    } else if (key == "linger_s") {
      config_.linger_s = static_cast<uint32_t>(item.number(0, Config::max_linger_s, "seconds"));
    } else if (key == "enabled") {
      config_.enabled = item.boolean();
    } else if (key == "profile") {
      config_.profile = profile_named_by(item);
    } else if (key == "profiles") {
      for (const auto& [name, value] : item.table()) profile({name, value});
    } else if (key == "detectors") {
      for (const auto& [name, value] : item.table()) detector({name, value});
    } else if (key == "detection") {
      config_.detection = item.boolean();
    } else if (key == "detect") {
      for (const toml::table* table : item.tables(games::max_detection_rules))
        detect_.push_back(detection(*table));
    } else if (key == "game") {
      for (const toml::table* table : item.tables(max_game_rules)) games_.push_back(game(*table));
    } else {
      item.unknown(known);
    }
  }

  void detector(const Item& item) {
    const std::string name(item.key.str());
    if (std::ranges::find(kernel::optional_detectors, name) == kernel::optional_detectors.end())
      item.unknown(kernel::optional_detectors);
    if (item.boolean())
      config_.detectors_off.erase(name);
    else
      config_.detectors_off.insert(name);
  }

  std::string profile_named_by(const Item& item) {
    std::string name = item.text(max_profile_name_bytes);
    named_profiles_.emplace_back(item.where(), name);
    return name;
  }

  void profile(const Item& item) {
    static constexpr std::array<std::string_view, 4> known{"description", "scheduler", "power_profile",
                                                           "tunables"};
    const std::string name(item.key.str());
    if (!is_profile_name(name))
      item.wrong("\"" + cleaned(name, max_profile_name_bytes) +
                 "\" is no name of a profile: up to 64 of a-z, 0-9, - and _, the first a letter or digit");
    if (!config_.profiles.contains(name) && config_.profiles.size() >= max_profiles)
      item.wrong("there are more than " + std::to_string(max_profiles) + " profiles");
    Profile& profile = config_.profiles[name];
    for (const auto& [key, value] : item.table()) {
      const Item entry{key, value};
      if (key.str() == "description") {
        profile.description = entry.text(max_text_bytes);
      } else if (key.str() == "scheduler") {
        profile.scheduler = entry.boolean();
      } else if (key.str() == "power_profile") {
        profile.power_profile = power_profile(entry);
      } else if (key.str() == "tunables") {
        for (const auto& [tunable, number] : entry.table()) set_tunable({tunable, number}, profile);
      } else {
        entry.unknown(known);
      }
    }
  }

  // power-profiles-daemon holds these two only.
  static std::string power_profile(const Item& item) {
    const auto word = item.value.value_exact<std::string>();
    if (!word || (*word != "performance" && *word != "power-saver" && *word != "none"))
      item.wrong(R"(power_profile must be "performance", "power-saver" or "none")");
    return *word == "none" ? "" : *word;
  }

  static void set_tunable(const Item& item, Profile& profile) {
    const kernel::Tunable* const tunable = kernel::find_tunable(item.key.str());
    if (tunable == nullptr) {
      std::vector<std::string_view> names;
      for (const kernel::Tunable& each : kernel::tunables()) names.push_back(each.name);
      item.unknown(names);
    }
    profile.tunables[std::string(tunable->name)] = item.number(tunable->minimum, tunable->maximum, "");
  }

  GameRule game(const toml::table& table) {
    static constexpr std::array<std::string_view, 6> known{"app_id",  "executable", "path",
                                                           "profile", "name",       "target_fps"};
    GameRule rule;
    const auto line = table.source().begin.line;
    rule.where = file_ + ":" + std::to_string(line);
    for (const auto& [key, value] : table) {
      const Item item{key, value};
      if (key.str() == "app_id") {
        rule.app_id = item.texts(max_patterns, max_text_bytes);
      } else if (key.str() == "executable") {
        rule.executable = item.texts(max_patterns, max_text_bytes);
      } else if (key.str() == "path") {
        rule.path = item.texts(max_patterns, max_text_bytes);
      } else if (key.str() == "profile") {
        rule.profile = profile_named_by(item);
      } else if (key.str() == "name") {
        rule.name = item.text(64);
      } else if (key.str() == "target_fps") {
        rule.target_fps = static_cast<uint32_t>(item.number(1, 1000, "frames per second"));
      } else {
        item.unknown(known);
      }
    }
    if (!rule.has_condition())
      throw Wrong{table.source().begin, "[[game]] needs at least one of app_id, executable and path"};
    return rule;
  }

  games::DetectionRule detection(const toml::table& table) {
    using List = Patterns games::DetectionRule::*;
    static constexpr std::pair<std::string_view, List> lists[] = {
        {"executable", &games::DetectionRule::executable},
        {"path", &games::DetectionRule::path},
        {"argument", &games::DetectionRule::argument},
        {"ancestor", &games::DetectionRule::ancestor},
        {"cgroup", &games::DetectionRule::cgroup}};
    static constexpr std::array<std::string_view, 10> known{
        "name",     "verdict", "executable",    "path",         "argument",
        "ancestor", "cgroup",  "from_launcher", "desktop_game", "app_id_argument"};
    games::DetectionRule rule;
    bool has_verdict = false;
    rule.where = file_ + ":" + std::to_string(table.source().begin.line);
    for (const auto& [key, value] : table) {
      const Item item{key, value};
      const auto list = std::ranges::find(lists, key.str(), &std::pair<std::string_view, List>::first);
      if (list != std::end(lists)) {
        rule.*list->second = item.texts(max_patterns, max_text_bytes);
      } else if (key.str() == "name") {
        rule.name = item.text(64);
      } else if (key.str() == "verdict") {
        const auto verdict = games::verdict_of(item.text(32));
        if (!verdict)
          item.wrong(
              "verdict must be \"game\", \"wrapper\", \"launcher\", \"not-a-game\", \"audio-server\" or "
              "\"ignored\"");
        rule.verdict = *verdict;
        has_verdict = true;
      } else if (key.str() == "from_launcher") {
        rule.from_launcher = item.boolean();
      } else if (key.str() == "desktop_game") {
        rule.desktop_game = item.boolean();
      } else if (key.str() == "app_id_argument") {
        rule.app_id_argument = item.text(64);
      } else {
        item.unknown(known);
      }
    }
    const toml::source_position here = table.source().begin;
    if (rule.name.empty()) throw Wrong{here, "[[detect]] needs a name"};
    if (!has_verdict) throw Wrong{here, "[[detect]] needs a verdict"};
    if (!rule.has_condition())
      throw Wrong{here,
                  "[[detect]] needs a condition: executable, path, argument, ancestor, cgroup, from_launcher "
                  "or desktop_game"};
    return rule;
  }

  const std::string& file_;
  Config& config_;
  std::vector<GameRule> games_;
  std::vector<games::DetectionRule> detect_;
  std::vector<std::pair<toml::source_position, std::string>> named_profiles_;
};

std::unexpected<Error> wrong(const std::string& file, const toml::source_position& where,
                             std::string_view what) {
  return fail(Error::Code::InvalidArgument, file + ":" + std::to_string(where.line) + ":" +
                                                std::to_string(where.column) + ": " +
                                                cleaned(what, max_message_bytes));
}

}  // namespace

Result<Config> parse(std::string_view text, const std::string& file, Config base) {
  try {
    const toml::table table = toml::parse(text);
    Parser(file, base).run(table);
    return base;
  } catch (const Wrong& found) {
    return wrong(file, found.where, found.what);
  } catch (const toml::parse_error& error) {
    return wrong(file, error.source().begin, error.description());
  }
}

}  // namespace gamesched::policy
