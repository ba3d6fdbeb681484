// SPDX-License-Identifier: GPL-2.0-or-later
//
// Latencies collected by one thread, and what is reported of them: microseconds, nearest-rank percentiles.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "tests/lab/workload/clock.h"

namespace gamesched::workload {

// Memory is reserved (and locked) beforehand: recording never allocates.
class Samples {
 public:
  explicit Samples(size_t capacity) { values_ns_.reserve(capacity); }

  void add(int64_t value_ns) {
    if (values_ns_.size() < values_ns_.capacity()) values_ns_.push_back(value_ns);
  }

  nlohmann::json summary(bool raw) const {
    auto sorted = values_ns_;
    std::sort(sorted.begin(), sorted.end());
    constexpr double rounding = 1e-6;  // 99.9 % of 1000 is 999, not 999.0000001
    const auto percentile_us = [&](double p) -> nlohmann::json {
      if (sorted.empty()) return nullptr;
      const auto rank =
          static_cast<size_t>(std::ceil(p * static_cast<double>(sorted.size()) / 100 - rounding));
      return static_cast<double>(sorted[std::max<size_t>(rank, 1) - 1]) / ns_per_us;
    };
    nlohmann::json result = {{"count", sorted.size()},
                             {"p50_us", percentile_us(50)},
                             {"p99_us", percentile_us(99)},
                             {"p99_9_us", percentile_us(99.9)},
                             {"max_us", percentile_us(100)}};
    if (raw) result["raw_ns"] = values_ns_;
    return result;
  }

 private:
  std::vector<int64_t> values_ns_;
};

}  // namespace gamesched::workload
