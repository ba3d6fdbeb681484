// SPDX-License-Identifier: GPL-2.0-or-later
//
// Rules for single games: which profile a game wants, and what it is called.
//
// A rule names one or more conditions; all that it names must hold, and of a list one entry. Patterns are
// those of service/util/glob.h. The first rule that matches decides; rules of later files come first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gamesched::policy {

// What is known of a game; "" is unknown and matches nothing.
struct GameFacts {
  std::string app_id;
  std::string executable;  // name without folders
  std::string path;
};

struct GameRule {
  std::vector<std::string> app_id;      // exact
  std::vector<std::string> executable;  // patterns, upper and lower case alike
  std::vector<std::string> path;        // patterns

  std::string profile;      // "": none of its own
  std::string name;         // "": as found
  uint32_t target_fps = 0;  // 0: unknown
  std::string where;        // FILE:LINE, for people

  bool has_condition() const { return !app_id.empty() || !executable.empty() || !path.empty(); }
  bool operator==(const GameRule&) const = default;
};

constexpr std::size_t max_game_rules = 512;

bool matches(const GameRule& rule, const GameFacts& facts);
// Null when none matches.
const GameRule* find_rule(const std::vector<GameRule>& rules, const GameFacts& facts);

}  // namespace gamesched::policy
