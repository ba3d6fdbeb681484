// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/policy/rules.h"

#include <algorithm>

#include "service/util/glob.h"

namespace gamesched::policy {
namespace {

bool one_matches(const std::vector<std::string>& patterns, const std::string& text, Case letters) {
  return !text.empty() && std::ranges::any_of(patterns, [&](const std::string& pattern) {
    return glob_matches(pattern, text, letters);
  });
}

}  // namespace

bool matches(const GameRule& rule, const GameFacts& facts) {
  if (!rule.has_condition()) return false;
  if (!rule.app_id.empty() && std::ranges::find(rule.app_id, facts.app_id) == rule.app_id.end()) return false;
  if (!rule.executable.empty() && !one_matches(rule.executable, facts.executable, Case::Ignored))
    return false;
  return rule.path.empty() || one_matches(rule.path, facts.path, Case::Sensitive);
}

const GameRule* find_rule(const std::vector<GameRule>& rules, const GameFacts& facts) {
  const auto found = std::ranges::find_if(rules, [&](const GameRule& rule) { return matches(rule, facts); });
  return found == rules.end() ? nullptr : &*found;
}

}  // namespace gamesched::policy
