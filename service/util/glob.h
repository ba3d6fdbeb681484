// SPDX-License-Identifier: GPL-2.0-or-later
//
// Patterns of rules: '*' stands for any number of characters ('/' too), '?' for one.
//
// Not fnmatch(3): its time grows with a power of the number of stars, and what is matched here was written by
// other users' processes. This takes at most length times length steps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

// Many patterns for one text. Nearly all want a letter that the text has not got, which is told without
// trying them.
class Patterns {
 public:
  Patterns() = default;
  Patterns(std::vector<std::string> texts) : texts_(std::move(texts)) {
    for (const std::string& text : texts_) needed_.push_back(letters_of(text) & ~letters_of("*?"));
  }
  Patterns(std::initializer_list<std::string> texts) : Patterns(std::vector<std::string>(texts)) {}

  bool empty() const { return texts_.empty(); }
  auto begin() const { return texts_.begin(); }
  auto end() const { return texts_.end(); }

  bool match(std::string_view text, Case letters) const {
    const uint64_t there = letters_of(text);
    for (std::size_t i = 0; i < texts_.size(); ++i) {
      if ((needed_[i] & ~there) == 0 && glob_matches(texts_[i], text, letters)) return true;
    }
    return false;
  }

  bool operator==(const Patterns&) const = default;

 private:
  // A bit for each, shared by characters that are 64 apart.
  static uint64_t letters_of(std::string_view text) {
    uint64_t letters = 0;
    for (const char c : text) letters |= uint64_t{1} << (static_cast<unsigned char>(lower(c)) % 64);
    return letters;
  }

  std::vector<std::string> texts_;
  std::vector<uint64_t> needed_;  // of each, whichever their case
};

}  // namespace gamesched
