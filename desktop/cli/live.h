// SPDX-License-Identifier: GPL-2.0-or-later
//
// What `gameschedctl top` knows, as plain data, and what two looks at the counters say: pure functions.
//
// Counters begin anew when the scheduler is attached; one that is smaller than before began since. Waits are read from
// the service's histograms, "frame_waits_64us" being those of 32 to 64 us, so a percentile is the upper end of a
// bucket.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "desktop/cli/model.h"

namespace gamesched::cli::live {

struct Look {
  uint64_t at_usec = 0;  // CLOCK_MONOTONIC; 0: none yet
  Counters counters;
};

struct Live {
  Status status;
  std::string problem;  // why nothing is known, a sentence; "" otherwise
  Look before, now;
  uint64_t now_usec = 0;  // CLOCK_REALTIME, for how long games have been running
};

struct LaneRow {
  std::string lane;
  uint64_t threads = 0;      // of all games
  double runs_hz = 0;        // how often threads in it got a CPU
  uint64_t wait_p50_us = 0;  // at most so long, between the two looks; 0: nobody ran
  uint64_t wait_p99_us = 0;
  uint64_t longest_us = 0;  // since the scheduler was attached
};
// All lanes, most urgent first.
std::vector<LaneRow> lane_rows(const Live& live);

struct CounterRow {
  std::string name;
  double hz = 0;
};
// Without those that lane_rows() is made of.
std::vector<CounterRow> counter_rows(const Live& live);

// Of a game's threads: those that get a CPU at once, and all that the scheduler knows.
uint64_t boosted_threads(const Game& game);
uint64_t known_threads(const Game& game);

}  // namespace gamesched::cli::live
