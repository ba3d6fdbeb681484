// SPDX-License-Identifier: GPL-2.0-or-later
//
// Threads of games by lane, counted when somebody asks and shared by those who ask soon after: each count goes through
// all threads of the machine.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "service/kernel/backend.h"

namespace gamesched::metrics {

class LaneCounts {
 public:
  // Twice as often as a live view looks, and with 2000 threads less than a thousandth of a processor.
  static constexpr uint64_t age_max_usec = 500'000;

  explicit LaneCounts(const kernel::Backend& backend) : backend_(backend) {}

  // Of the game in that slot (Backend's game_id).
  const std::map<std::string, uint32_t>& of(uint32_t slot, uint64_t now_usec) {
    if (counted_at_usec_ == 0 || now_usec - counted_at_usec_ >= age_max_usec) {
      counts_ = backend_.lane_threads();
      counted_at_usec_ = now_usec;
    }
    static const std::map<std::string, uint32_t> none;
    const auto found = counts_.find(slot);
    return found == counts_.end() ? none : found->second;
  }

 private:
  const kernel::Backend& backend_;
  uint64_t counted_at_usec_ = 0;  // CLOCK_MONOTONIC; 0: never
  kernel::LaneThreads counts_;
};

}  // namespace gamesched::metrics
