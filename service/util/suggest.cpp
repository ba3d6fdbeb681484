// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/util/suggest.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

namespace gamesched {
namespace {

// A longer word is no typing error; also bounds the work.
constexpr std::size_t max_word_bytes = 64;
// A list of more is no help.
constexpr std::size_t max_listed = 24;

// Insertions, removals and replacements from one to the other.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> known) {
  if (word.empty() || word.size() > max_word_bytes) return {};
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string_view candidate : known) {
    const std::size_t d = distance(word, candidate);
    if (d >= best_distance) continue;
    best_distance = d;
    best = candidate;
  }
  return best;
}

std::string suggestion(std::string_view word, std::span<const std::string_view> known) {
  if (const std::string_view near = nearest(word, known); !near.empty())
    return "; did you mean \"" + std::string(near) + "\"?";
  std::string out = known.empty() ? "; there are none" : "; known are ";
  const std::size_t listed = std::min(known.size(), max_listed);
  for (std::size_t i = 0; i < listed; ++i) {
    if (i > 0) out += i + 1 == known.size() ? " and " : ", ";
    out += known[i];
  }
  if (known.size() > listed) out += ", ...";
  return out;
}

}  // namespace gamesched
