// SPDX-License-Identifier: GPL-2.0-or-later
//
// The share of a processor that the loop may have. The service runs with real-time priority, and anybody may
// call it as often as they like: without a bound they would have that priority through it, and a loop that
// never blocks is killed at RLIMIT_RTTIME.
//
// After each `budget_usec` of processor time it sleeps until that was at most half of the time that went by.
// What came rarely has its rest behind it already and sleeps for `min_rest_usec` only.
#pragma once

#include <algorithm>
#include <cstdint>

namespace gamesched {

class Pace {
 public:
  static constexpr uint64_t budget_usec = 20'000;
  static constexpr uint64_t min_rest_usec = 1'000;   // any sleep begins RLIMIT_RTTIME anew
  static constexpr uint64_t max_rest_usec = 20'000;  // after one long turn (an attach) games still wait

  // `monotonic_usec` and `cpu_usec` (of this thread) now.
  Pace(uint64_t monotonic_usec, uint64_t cpu_usec) : since_usec_(monotonic_usec), cpu_usec_(cpu_usec) {}

  // How long to sleep now: 0 is not at all. One that is not 0 is to be followed by rested().
  uint64_t rest_usec(uint64_t monotonic_usec, uint64_t cpu_usec) const {
    const uint64_t busy_usec = cpu_usec - cpu_usec_;
    if (busy_usec < budget_usec) return 0;
    const uint64_t passed_usec = monotonic_usec - since_usec_;
    const uint64_t owed_usec = 2 * busy_usec - std::min(2 * busy_usec, passed_usec);
    return std::clamp(owed_usec, min_rest_usec, max_rest_usec);
  }
  void rested(uint64_t monotonic_usec, uint64_t cpu_usec) { *this = Pace(monotonic_usec, cpu_usec); }

 private:
  uint64_t since_usec_;
  uint64_t cpu_usec_;
};

}  // namespace gamesched
