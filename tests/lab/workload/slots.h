// SPDX-License-Identifier: GPL-2.0-or-later
//
// Periodic slots on an absolute time line, as a display refreshes.
//
// Slot k starts at first + k * period. Work that began for slot k and ended at some time continues with
// the next slot that is still ahead; the slots skipped by that are refreshes without a new frame: missed.
//
//   ended in slot   next slot   missed
//   k               k + 1       0
//   k + 1           k + 2       1
//   k + 3           k + 4       3
#pragma once

#include <cstdint>

namespace gamesched::workload {

struct Slots {
  int64_t first_ns = 0;
  int64_t period_ns = 1;

  int64_t start_ns(int64_t slot) const { return first_ns + slot * period_ns; }

  // An end on the very start of a slot is in time for that slot.
  int64_t next_after(int64_t slot, int64_t end_ns) const {
    const int64_t ahead = (end_ns - first_ns + period_ns - 1) / period_ns;
    return ahead > slot + 1 ? ahead : slot + 1;
  }

  int64_t missed(int64_t slot, int64_t end_ns) const { return next_after(slot, end_ns) - slot - 1; }
};

}  // namespace gamesched::workload
