// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "bpf/policy/urgent.h"
#include "tests/policy/random.h"

namespace gamesched::tests {
namespace {

constexpr u64 now = 100 * GS_MSEC, period = 16'666'667;

// The rows of the header's table.
TEST(Urgent, AFrameIsDueAtItsEnd) {
  EXPECT_EQ(gs_frame_end(now, 90 * GS_MSEC, period), 90 * GS_MSEC + period);
  EXPECT_EQ(gs_frame_end(now, 99 * GS_MSEC, period), 99 * GS_MSEC + period);
  EXPECT_EQ(gs_frame_end(now, 80 * GS_MSEC, period), now) << "late";
  EXPECT_EQ(gs_frame_end(now, 0, period), now + period) << "nothing known";
}

u64 key(u32 lane, u32 hop = 0, u64 begin = 0, u64 audio_period = 0, bool window = false) {
  return gs_urgent_key(now, lane, hop, begin, period, audio_period, window);
}

TEST(Urgent, NearerToTheFramesStartComesFirst) {
  EXPECT_LT(key(GS_LANE_FRAME, 0), key(GS_LANE_FRAME, 1));
  EXPECT_LT(key(GS_LANE_FRAME, 1), key(GS_LANE_FRAME, 4));
}

TEST(Urgent, AsTheFramesEndComesNearItPassesTheOthers) {
  const u64 audio = key(GS_LANE_GAME_AUDIO), network = key(GS_LANE_GAME_NETWORK);
  EXPECT_GT(key(GS_LANE_FRAME, 0, now - GS_MSEC), network);
  EXPECT_LT(key(GS_LANE_FRAME, 0, now - period + 2 * GS_MSEC), network);
  EXPECT_GT(key(GS_LANE_FRAME, 0, now - period + 2 * GS_MSEC), audio);
  EXPECT_LT(key(GS_LANE_FRAME, 0, now - period + GS_MSEC), audio);
}

TEST(Urgent, NET2_AnAnswerIsWaitedForWhileTheHandIsOnTheInput) {
  EXPECT_LT(key(GS_LANE_GAME_NETWORK, 0, 0, 0, true), key(GS_LANE_GAME_NETWORK, 0, 0, 0, false));
}

TEST(Urgent, AU6_AShorterPeriodIsDueSooner) {
  EXPECT_LT(key(GS_LANE_AUDIO, 0, 0, GS_MSEC), key(GS_LANE_AUDIO, 0, 0, 5 * GS_MSEC));
  EXPECT_EQ(key(GS_LANE_AUDIO), key(GS_LANE_AUDIO, 0, 0, GS_AUDIO_PERIOD_NS)) << "not known";
}

TEST(UrgentProperties, NoKeyLiesInThePastOrFurtherAheadThanAFrame) {
  Random random(__FILE__, __LINE__);
  for (int i = 0; i < 100'000; ++i) {
    const u64 at = GS_SEC + random.between(0, GS_SEC - 1),
              frame = 4 * GS_MSEC + random.between(0, 40 * GS_MSEC - 1);
    const u32 hop = static_cast<u32>(random.between(0, 5 - 1));
    const u64 k =
        gs_urgent_key(at, static_cast<u32>(random.between(0, 5 - 1)), hop, random.between(0, at - 1), frame,
                      random.between(0, 50 * GS_MSEC - 1), random.between(0, 2 - 1) == 1);
    ASSERT_GE(k, at);
    ASSERT_LE(k, at + gs_max(frame, 5 * GS_MSEC) + hop * GS_HOP_LATER_NS);
  }
}

}  // namespace
}  // namespace gamesched::tests
