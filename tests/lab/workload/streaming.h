// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a game does beside its frames, and no frame waits for: a thread that reads from a disk (it sleeps for
// as long as a disk takes) and one that it gives the data to unpack; and one that the frame's thread asks
// for something every few frames, and that takes longer for it than a frame.
#pragma once

#include <cstdint>
#include <random>

#include "tests/lab/workload/clock.h"
#include "tests/lab/workload/posix_semaphore.h"
#include "tests/lab/workload/spin.h"

namespace gamesched::workload {

class Streaming {
 public:
  explicit Streaming(uint64_t ms_iterations) : ms_iterations_(ms_iterations) {}

  // Without end, each a thread's.
  void read() {
    std::minstd_rand random;
    std::uniform_int_distribution<int64_t> disk_ns(2 * ns_per_ms, 30 * ns_per_ms);
    for (;;) {
      sleep_until_ns(now_ns() + disk_ns(random));
      spin(ms_iterations_ / 2);
      unpack_.post();
    }
  }
  void unpack() {
    for (;;) {
      unpack_.wait();
      spin(4 * ms_iterations_);
    }
  }
  void load() {
    for (;;) {
      load_.wait();
      spin(20 * ms_iterations_);
    }
  }

  // The frame's thread's, once a frame.
  void frame_begins() {
    if (++frames_ % 5 == 0) load_.post();
  }

 private:
  uint64_t ms_iterations_;
  uint64_t frames_ = 0;
  Semaphore unpack_, load_;
};

}  // namespace gamesched::workload
