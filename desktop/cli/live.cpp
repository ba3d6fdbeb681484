// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/cli/live.h"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <optional>
#include <string_view>

#include "service/util/lanes.h"

namespace gamesched::cli::live {
namespace {

constexpr std::string_view longest_suffix = "_longest_wait_ns";

struct Bucket {
  std::string_view lane;
  uint64_t upper_us = 0;
};

std::optional<Bucket> bucket_of(std::string_view name) {
  constexpr std::string_view middle = "_waits_", unit = "us";
  const std::size_t at = name.find(middle);
  if (at == name.npos || !name.ends_with(unit)) return std::nullopt;
  const std::string_view digits =
      name.substr(at + middle.size(), name.size() - at - middle.size() - unit.size());
  Bucket bucket{name.substr(0, at)};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bucket.upper_us);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return bucket;
}

uint64_t grown(const Live& live, const std::string& name, uint64_t value) {
  const auto before = live.before.counters.find(name);
  return before == live.before.counters.end() || before->second > value ? value : value - before->second;
}

// 0 where there are no two looks to compare.
double seconds_between(const Live& live) {
  if (live.before.at_usec == 0 || live.now.at_usec <= live.before.at_usec) return 0;
  return static_cast<double>(live.now.at_usec - live.before.at_usec) / 1e6;
}

// `waits`: upper end, number; by upper end.
uint64_t percentile(const std::vector<std::pair<uint64_t, uint64_t>>& waits, uint64_t all, uint64_t percent) {
  uint64_t below = 0;
  for (const auto& [upper_us, number] : waits) {
    below += number;
    if (below * 100 >= all * percent) return upper_us;
  }
  return 0;
}

}  // namespace

std::vector<LaneRow> lane_rows(const Live& live) {
  const double seconds = seconds_between(live);
  std::vector<LaneRow> rows;
  for (const std::string lane : lane_names) {
    LaneRow row{.lane = lane};
    for (const Game& game : live.status.games) {
      const auto threads = game.lanes.find(lane);
      if (threads != game.lanes.end()) row.threads += threads->second;
    }
    const auto longest = live.now.counters.find(lane + std::string(longest_suffix));
    if (longest != live.now.counters.end()) row.longest_us = longest->second / 1000;
    std::vector<std::pair<uint64_t, uint64_t>> waits;
    uint64_t all = 0;
    for (const auto& [name, value] : live.now.counters) {
      const auto bucket = bucket_of(name);
      if (!bucket || bucket->lane != lane) continue;
      waits.emplace_back(bucket->upper_us, grown(live, name, value));
      all += waits.back().second;
    }
    if (seconds > 0 && all > 0) {
      std::ranges::sort(waits);
      row.runs_hz = static_cast<double>(all) / seconds;
      row.wait_p50_us = percentile(waits, all, 50);
      row.wait_p99_us = percentile(waits, all, 99);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<CounterRow> counter_rows(const Live& live) {
  const double seconds = seconds_between(live);
  std::vector<CounterRow> rows;
  for (const auto& [name, value] : live.now.counters) {
    if (bucket_of(name) || name.ends_with(longest_suffix)) continue;
    rows.push_back({name, seconds > 0 ? static_cast<double>(grown(live, name, value)) / seconds : 0});
  }
  return rows;
}

uint64_t boosted_threads(const Game& game) {
  uint64_t threads = 0;
  for (std::size_t lane = 0; lane < urgent_lanes; lane++) {
    const auto found = game.lanes.find(lane_names[lane]);
    if (found != game.lanes.end()) threads += found->second;
  }
  return threads;
}

uint64_t known_threads(const Game& game) {
  return std::accumulate(game.lanes.begin(), game.lanes.end(), uint64_t{0},
                         [](uint64_t sum, const auto& lane) { return sum + lane.second; });
}

}  // namespace gamesched::cli::live
