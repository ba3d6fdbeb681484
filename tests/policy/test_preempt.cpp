// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "bpf/policy/preempt.h"
#include "tests/policy/random.h"

namespace gamesched::tests {
namespace {

constexpr u64 granule = GS_MSEC;

bool may(u32 waking, u32 running, u64 has_run) {
  return gs_may_preempt(waking, running, has_run, granule);
}

constexpr u32 least_urgent = GS_LANE_GAME_NETWORK;

TEST(PreemptTable, UrgentThreadsTakeFromAnyLowerLaneAtOnce) {
  for (u32 waking = 0; waking <= least_urgent; ++waking)
    for (u32 running = waking + 1; running < GS_NR_LANES; ++running)
      EXPECT_TRUE(may(waking, running, 0)) << waking << " from " << running;
}

TEST(PreemptTable, UrgentThreadsQueueBehindTheirEquals) {
  for (u32 waking = 0; waking <= least_urgent; ++waking) {
    EXPECT_FALSE(may(waking, waking, GS_SEC)) << waking;
    EXPECT_FALSE(may(waking, GS_LANE_NONE, GS_SEC)) << waking << ": real-time or unknown";
    EXPECT_FALSE(may(waking, GS_NR_LANES, GS_SEC)) << waking << ": unknown";
  }
}

TEST(PreemptTable, ShortOnesTakeFromANormalThreadAfterItsGranule) {
  for (const u32 waking : {GS_LANE_GAME, GS_LANE_INTERACTIVE}) {
    EXPECT_FALSE(may(waking, GS_LANE_NORMAL, granule - 1)) << waking;
    EXPECT_TRUE(may(waking, GS_LANE_NORMAL, granule)) << waking;
  }
}

TEST(PreemptTable, TheKernelsThreadsOfACpuWaitForNoGranule) {
  EXPECT_EQ(gs_preempt_granule(true, true, granule), 0U);
  EXPECT_EQ(gs_preempt_granule(true, false, granule), granule) << "another CPU may be sooner";
  EXPECT_EQ(gs_preempt_granule(false, true, granule), granule) << "anybody may bind a thread";
}

TEST(PreemptTable, EveryHigherLaneTakesFromTheBackground) {
  for (u32 waking = GS_LANE_FRAME; waking < GS_LANE_BACKGROUND; ++waking)
    EXPECT_TRUE(may(waking, GS_LANE_BACKGROUND, 0)) << waking;
}

TEST(PreemptTable, AllElseWaits) {
  EXPECT_FALSE(may(GS_LANE_GAME, GS_LANE_INTERACTIVE, GS_SEC));
  EXPECT_FALSE(may(GS_LANE_NORMAL, GS_LANE_INTERACTIVE, GS_SEC));
  for (u32 waking = 0; waking <= 0xff; ++waking) {
    for (u32 running = 0; running <= waking; ++running)
      EXPECT_FALSE(may(waking, running, GS_SEC)) << waking << running;
    EXPECT_FALSE(may(waking, GS_LANE_NONE, GS_SEC)) << waking;
  }
}

TEST(VictimScore, SparesEqualsAndTheUnknown) {
  for (u32 waking = 0; waking <= least_urgent; ++waking)
    for (const u64 has_run : {u64{0}, u64{GS_SEC}, u64{UINT64_MAX}}) {
      EXPECT_EQ(gs_victim_score(waking, waking, has_run), 0U);
      EXPECT_EQ(gs_victim_score(waking, GS_NR_LANES, has_run), 0U);
      EXPECT_EQ(gs_victim_score(waking, GS_LANE_NONE, has_run), 0U);
    }
}

TEST(VictimScore, PrefersTheLeastUrgentLaneThenWhoHadMost) {
  Random random(__FILE__, __LINE__);
  for (int i = 0; i < 10000; ++i) {
    const u32 lane = static_cast<u32>(random.between(GS_LANE_GAME, GS_LANE_NORMAL));
    const u64 has_run = random.any() >> random.between(0, 63);
    const u64 score = gs_victim_score(GS_LANE_FRAME, lane, has_run);
    EXPECT_GT(score, 0U) << "a lower lane is always a victim";
    EXPECT_LT(score, gs_victim_score(GS_LANE_FRAME, lane + 1, 0)) << lane << ", has run " << has_run;
    if (has_run < 0xffffffff) {
      EXPECT_LT(score, gs_victim_score(GS_LANE_FRAME, lane, has_run + 1)) << lane << ", has run " << has_run;
    }
  }
}

TEST(VictimScore, AgreesWithWhoMayBePreempted) {
  for (u32 waking = 0; waking <= least_urgent; ++waking)
    for (u32 running = 0; running <= 0xff; ++running)
      EXPECT_EQ(gs_victim_score(waking, running, 0) > 0, may(waking, running, 0))
          << waking << " from " << running;
}

TEST(Slices, AreKeptByWhomABriefUrgentThreadPreEmpts) {
  const u64 now = 100 * GS_MSEC, end = now + 2 * GS_MSEC;
  EXPECT_EQ(gs_slice_kept(GS_LANE_NORMAL, GS_LANE_FRAME, GS_BRIEF_NS, end, now), 2 * GS_MSEC);
  EXPECT_EQ(gs_slice_kept(GS_LANE_NORMAL, GS_LANE_FRAME, GS_BRIEF_NS + 1, end, now), 0U) << "it may stay";
  EXPECT_EQ(gs_slice_kept(GS_LANE_NORMAL, GS_LANE_INTERACTIVE, 0, end, now), 0U) << "they share by turns";
  EXPECT_EQ(gs_slice_kept(GS_LANE_FRAME, GS_LANE_AUDIO, 0, end, now), 0U) << "it looks for another CPU";
  EXPECT_EQ(gs_slice_kept(GS_LANE_NORMAL, GS_LANE_NONE, 0, end, now), 0U) << "nobody took it";
  EXPECT_EQ(gs_slice_kept(GS_LANE_NORMAL, GS_LANE_FRAME, 0, now + GS_SLICE_REST_NS, now), 0U);
  EXPECT_EQ(gs_slice_kept(GS_LANE_NORMAL, GS_LANE_FRAME, 0, now - 1, now), 0U) << "over";
}

TEST(Queue, PassesOverWhoIsInNoHurry) {
  EXPECT_TRUE(gs_may_be_passed(GS_LANE_NORMAL, 0));
  EXPECT_TRUE(gs_may_be_passed(GS_LANE_INTERACTIVE, 1)) << "it has run since it woke";
  EXPECT_FALSE(gs_may_be_passed(GS_LANE_INTERACTIVE, 0));
  EXPECT_FALSE(gs_may_be_passed(GS_LANE_GAME, 0));
}

TEST(Takers, GiveBackSoonWhenTheyAlwaysDid) {
  const auto briefly = [](u64 had_ns, u64 turns) { return gs_takes_briefly(gs_usual_turn(had_ns, turns)); };
  EXPECT_TRUE(briefly(1000 * 20 * GS_USEC, 1000)) << "the thread of an interrupt";
  EXPECT_FALSE(briefly(1000 * 2 * GS_MSEC, 1000));
  EXPECT_FALSE(briefly(0, 0)) << "a new one, of which nothing is known";
  EXPECT_FALSE(briefly(GS_USEC, GS_TAKERS_KNOWN_BY - 1));
  EXPECT_FALSE(briefly(10 * GS_SEC, 20)) << "a hog";
}

}  // namespace
}  // namespace gamesched::tests
