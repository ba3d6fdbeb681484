// SPDX-License-Identifier: GPL-2.0-or-later
//
// The measured interval, the same for every process of one block.
//
// Protocol with the orchestrator (bench/guest.py): a workload starts at once and warms up; when it is
// ready it writes one line to --ready PATH (a file or a FIFO) and, with --go, reads one line
// "START_NS STOP_NS" from stdin. Only what happens from START to STOP counts, and at STOP it ends.
// Without --go the interval begins after --warmup and lasts --seconds.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <string>

#include "tests/lab/workload/clock.h"

namespace gamesched::workload {

// Lock-free, so that it also works in memory shared with child processes.
class Interval {
 public:
  bool contains(int64_t t_ns) const { return t_ns >= start_ns() && t_ns < stop_ns(); }
  bool over(int64_t t_ns) const { return t_ns >= stop_ns(); }
  int64_t start_ns() const { return start_ns_.load(std::memory_order_relaxed); }
  int64_t stop_ns() const { return stop_ns_.load(std::memory_order_relaxed); }

  void set(int64_t start_ns, int64_t stop_ns) {
    // Threads may see the two in either order: both begin as "never", so nothing counts too early.
    stop_ns_.store(stop_ns, std::memory_order_relaxed);
    start_ns_.store(start_ns, std::memory_order_relaxed);
  }

 private:
  static constexpr int64_t never = std::numeric_limits<int64_t>::max();
  std::atomic<int64_t> start_ns_ = never;
  std::atomic<int64_t> stop_ns_ = never;
};

// The options every workload has, and what they do.
struct Control {
  std::string ready_path;
  std::string out_path;
  bool go = false;
  double seconds = 5;
  double warmup_seconds = 0.5;

  // Tells the orchestrator (with a word for it, where there is one), then waits for the interval. False
  // when the interval had begun already: this process was held up and its figures are worth nothing.
  bool announce_and_arm(Interval& interval, const std::string& word = {}) const;

  // One JSON document to --out or stdout.
  void write(const std::string& document) const;
};

}  // namespace gamesched::workload
