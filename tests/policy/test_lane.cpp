// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "bpf/policy/lane.h"
#include "bpf/shared/abi.h"

namespace gamesched::tests {
namespace {

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

TEST(Lanes, ThoseThatPreEmptAtOnceAreTheFirst) {
  for (u32 lane = 0; lane < GS_NR_LANES; ++lane)
    EXPECT_EQ(gs_lane_urgent(lane), lane <= GS_LANE_GAME_NETWORK) << lane;
  EXPECT_FALSE(gs_lane_urgent(GS_LANE_NONE));
}

}  // namespace
}  // namespace gamesched::tests
