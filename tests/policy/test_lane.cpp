// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "bpf/policy/lane.h"
#include "bpf/shared/abi.h"

namespace gamesched::tests {
namespace {

constexpr u64 interactive = GS_MSEC;

TEST(Lanes, AreOrderedByUrgencyAndCounted) {
  EXPECT_LT(GS_LANE_GAME_AUDIO, GS_LANE_FRAME);
  EXPECT_LT(GS_LANE_AUDIO, GS_LANE_FRAME);
  EXPECT_LT(GS_LANE_FRAME, GS_LANE_COMPOSITOR);
  EXPECT_LT(GS_LANE_FRAME, GS_LANE_GAME);
  EXPECT_LT(GS_LANE_GAME, GS_LANE_INTERACTIVE);
  EXPECT_LT(GS_LANE_INTERACTIVE, GS_LANE_NORMAL);
  EXPECT_LT(GS_LANE_NORMAL, GS_LANE_BACKGROUND);
  EXPECT_EQ(static_cast<int>(GS_NR_LANES), GS_WAIT_LANES) << "waits are counted by lane";
  EXPECT_GT(static_cast<int>(GS_LANE_NONE), static_cast<int>(GS_NR_LANES));
}

// The rows of the header's table that this function decides.
TEST(LaneTable, EveryRow) {
  struct Row {
    bool sched_idle, game, input_window;
    u64 burst;
    u32 lane;
    const char* who;
  };
  constexpr Row rows[] = {
      {false, true, true, 100 * GS_USEC, GS_LANE_GAME, "the game's, short bursts, hand on the input"},
      {false, true, false, 100 * GS_USEC, GS_LANE_INTERACTIVE, "the game's, short bursts, no input"},
      {false, false, true, 100 * GS_USEC, GS_LANE_INTERACTIVE, "another's, short bursts"},
      {false, true, true, 5 * GS_MSEC, GS_LANE_NORMAL, "the game's, long bursts"},
      {false, false, false, 5 * GS_MSEC, GS_LANE_NORMAL, "another's, long bursts"},
      {false, false, false, interactive, GS_LANE_NORMAL, "just too long"},
      {false, false, false, interactive - 1, GS_LANE_INTERACTIVE, "just short enough"},
      {true, true, true, 0, GS_LANE_BACKGROUND, "SCHED_IDLE, whoever it is"},
      {true, false, false, 5 * GS_MSEC, GS_LANE_BACKGROUND, "SCHED_IDLE"},
  };
  for (const Row& row : rows)
    EXPECT_EQ(gs_lane_of_other(row.sched_idle, row.game, row.input_window, row.burst, interactive), row.lane)
        << row.who;
}

TEST(LaneTable, NobodyBecomesUrgentThisWay) {
  for (int bits = 0; bits < 8; ++bits)
    for (const u64 burst : {u64{0}, interactive - 1, interactive, u64{UINT64_MAX}})
      EXPECT_FALSE(gs_lane_urgent(gs_lane_of_other(bits & 1, bits & 2, bits & 4, burst, interactive)));
}

TEST(Evidence, IsOneBitEach) {
  EXPECT_EQ(GS_EVIDENCE_INPUT | GS_EVIDENCE_PERIODIC | GS_EVIDENCE_WAKER | GS_EVIDENCE_PEER, 15);
}

}  // namespace
}  // namespace gamesched::tests
