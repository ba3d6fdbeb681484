// SPDX-License-Identifier: GPL-2.0-or-later
//
// A thread or process that always has work, and counts how much of it got done, and what it had of a CPU
// for that.
//
// Its longest wait is the longest time between two units, less the shortest (the unit itself, when
// nothing came between). That includes interrupts and, in a virtual machine, the other virtual CPUs'
// turns: an upper bound of what the scheduler did to it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "tests/lab/workload/interval.h"
#include "tests/lab/workload/spin.h"

namespace gamesched::workload {

struct WorkCounter {
  uint64_t units = 0;
  int64_t cpu_ns = 0;
  int64_t longest_gap_ns = 0;
  int64_t shortest_gap_ns = std::numeric_limits<int64_t>::max();

  int64_t longest_wait_ns() const { return units == 0 ? 0 : longest_gap_ns - shortest_gap_ns; }

  // Whoever got nothing done waited for the whole interval.
  int64_t longest_wait_ns(const Interval& interval) const {
    return units == 0 ? interval.stop_ns() - interval.start_ns() : longest_wait_ns();
  }

  void run(const Interval& interval, uint64_t unit_iterations) {
    int64_t had_ns = 0;
    for (int64_t last_ns = now_ns(); !interval.over(last_ns);) {
      spin(unit_iterations);
      const int64_t end_ns = now_ns();
      // A wait that ends after STOP counts from its begin on: a thread starved at the end is not forgotten.
      if (interval.contains(end_ns) || interval.contains(last_ns)) {
        longest_gap_ns = std::max(longest_gap_ns, end_ns - last_ns);
        shortest_gap_ns = std::min(shortest_gap_ns, end_ns - last_ns);
      }
      if (interval.contains(end_ns) && units++ == 0) had_ns = cpu_time_ns();
      last_ns = end_ns;
    }
    if (units > 0) cpu_ns = cpu_time_ns() - had_ns;
  }
};

}  // namespace gamesched::workload
