// SPDX-License-Identifier: GPL-2.0-or-later
//
// The one clock of every workload: CLOCK_MONOTONIC in nanoseconds, the clock that evdev, the
// orchestrator (time.monotonic_ns) and all processes of one machine share.
#pragma once

#include <time.h>

#include <cerrno>
#include <cstdint>

namespace gamesched::workload {

inline constexpr int64_t ns_per_s = 1'000'000'000;
inline constexpr int64_t ns_per_ms = 1'000'000;
inline constexpr int64_t ns_per_us = 1'000;

inline int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * ns_per_s + now.tv_nsec;
}

// What this thread has had of a CPU.
inline int64_t cpu_time_ns() {
  timespec ran{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ran);
  return ran.tv_sec * ns_per_s + ran.tv_nsec;
}

// Absolute, so that a late wake-up never shifts the next one.
inline void sleep_until_ns(int64_t deadline_ns) {
  timespec deadline{.tv_sec = deadline_ns / ns_per_s, .tv_nsec = deadline_ns % ns_per_s};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, nullptr) == EINTR) {
  }
}

}  // namespace gamesched::workload
