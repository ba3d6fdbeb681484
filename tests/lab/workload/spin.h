// SPDX-License-Identifier: GPL-2.0-or-later
//
// CPU work of a fixed number of instructions. Work is never measured out by a clock: a thread that is
// pre-empted would then do less of it, and a bad scheduler would look good.
#pragma once

#include <cstdint>

namespace gamesched::workload {

inline void spin(uint64_t iterations) {
  for (uint64_t i = 0; i < iterations; ++i) {
    asm volatile("" : "+r"(i));  // keeps the loop as written
  }
}

}  // namespace gamesched::workload
