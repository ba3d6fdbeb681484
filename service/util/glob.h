// SPDX-License-Identifier: GPL-2.0-or-later
//
// Patterns of rules: '*' stands for any number of characters ('/' too), '?' for one.
//
// Not fnmatch(3): its time grows with a power of the number of stars, and what is matched here was written by
// other users' processes. This takes at most length times length steps.
#pragma once

#include <cstddef>
#include <string_view>

namespace gamesched {

enum class Case { Sensitive, Ignored };  // of ASCII letters

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr bool glob_matches(std::string_view pattern, std::string_view text, Case letters) {
  const auto same = [&](char a, char b) { return letters == Case::Ignored ? lower(a) == lower(b) : a == b; };
  constexpr std::size_t none = std::string_view::npos;
  std::size_t p = 0, t = 0, star = none, retry = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || same(pattern[p], text[t]))) {
      ++p;
      ++t;
    } else if (star != none) {
      p = star + 1;
      t = ++retry;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace gamesched
