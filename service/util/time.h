// SPDX-License-Identifier: GPL-2.0-or-later
//
// Clocks and units. Durations of the daemon are microseconds of CLOCK_MONOTONIC,
// as in sd-event: time asleep does not count.
#pragma once

#include <cstdint>
#include <ctime>

namespace gamesched {

constexpr uint64_t usec_per_msec = 1'000;
constexpr uint64_t usec_per_sec = 1'000'000;

inline uint64_t clock_usec(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * usec_per_sec + static_cast<uint64_t>(now.tv_nsec) / 1'000;
}

inline uint64_t monotonic_usec() {
  return clock_usec(CLOCK_MONOTONIC);
}
inline uint64_t realtime_usec() {
  return clock_usec(CLOCK_REALTIME);
}

// Telling others of a change may wait this long: a game that has just been registered is past its exec by then,
// and nobody sees the difference.
constexpr uint64_t may_wait_usec = 50 * usec_per_msec;

}  // namespace gamesched
