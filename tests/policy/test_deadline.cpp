// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "bpf/policy/deadline.h"
#include "tests/policy/random.h"

namespace gamesched::tests {
namespace {

constexpr u64 lag_max = 4 * GS_MSEC, burst_max = 4 * GS_MSEC,
              wait_max = 40 * GS_MSEC;  // of the header's table

u64 key_of(u64 vtime, u64 now_v, u64 burst, u32 weight) {
  return gs_deadline_key(gs_vtime_at_wake(vtime, now_v, lag_max), now_v, burst, weight, burst_max, wait_max);
}

TEST(DeadlineTable, EveryRow) {
  struct Row {
    u64 vtime_ms, burst_ms;
    u32 weight;
    double key_ms;
    const char* who;
  };
  constexpr Row rows[] = {
      {1000, 0, 100, 1000, "just its turn"},   {200, 0, 100, 996, "slept for long"},
      {1000, 9, 100, 1004, "a hog"},           {1000, 4, 15, 1026.7, "of little weight"},
      {1200, 0, 15, 1040, "but not for ever"},
  };
  // The same from any origin, the wrap of the clock included.
  for (const u64 origin :
       {0ULL, 0ULL - 1000 * GS_MSEC, 0ULL - 1003 * GS_MSEC, 0ULL - 1100 * GS_MSEC, 1ULL << 63}) {
    for (const Row& row : rows) {
      const u64 now_v = origin + 1000 * GS_MSEC;
      const u64 key = key_of(origin + row.vtime_ms * GS_MSEC, now_v, row.burst_ms * GS_MSEC, row.weight);
      EXPECT_NEAR(static_cast<double>(key - origin) / GS_MSEC, row.key_ms, 0.05)
          << row.who << ", from " << origin;
    }
  }
}

TEST(VirtualTime, GrowsByTheInverseOfTheWeight) {
  EXPECT_EQ(gs_virtual(GS_MSEC, 100), GS_MSEC);
  EXPECT_EQ(gs_virtual(GS_MSEC, 50), 2 * GS_MSEC);
  EXPECT_EQ(gs_virtual(GS_MSEC, 10000), 10 * GS_USEC);
  EXPECT_EQ(gs_virtual(GS_MSEC, 1), 100 * GS_MSEC);
  EXPECT_EQ(gs_virtual(GS_MSEC, 0), 100 * GS_MSEC) << "no division by zero";
  EXPECT_EQ(gs_virtual(0, 1), 0U);
}

TEST(VirtualTime, NeverOverflowsInTheLifeOfAMachine) {
  constexpr u64 three_years = 3ULL * 365 * 24 * 3600 * GS_SEC;
  for (const u32 weight : {1U, 15U, 99U, 101U, 10000U})
    EXPECT_NEAR(static_cast<double>(gs_virtual(three_years, weight)) * weight / 100 / three_years, 1, 1e-6)
        << weight;
}

TEST(Waking, LiftsASleeperAndLeavesOthers) {
  Random random(__FILE__, __LINE__);
  for (int i = 0; i < 100000; ++i) {
    const u64 now_v = random.chance(0.5) ? random.any() : 0ULL - random.between(0, 100 * GS_MSEC);
    const u64 lag = random.between(0, 100 * GS_MSEC);
    const u64 vtime = now_v + random.between(0, 2 * GS_SEC) - GS_SEC;
    const u64 woken = gs_vtime_at_wake(vtime, now_v, lag);
    EXPECT_FALSE(gs_before(woken, now_v - lag)) << vtime << ", queue at " << now_v << ", lag " << lag;
    EXPECT_FALSE(gs_before(woken, vtime)) << "time is never given back";
    if (!gs_before(vtime, now_v - lag)) {
      EXPECT_EQ(woken, vtime);
    }
  }
}

TEST(Clock, FollowsWhoRunsByASliceOrWhatThatHasRun) {
  EXPECT_EQ(gs_clock_follows(1000, 900, 6), 1000U) << "never back";
  EXPECT_EQ(gs_clock_follows(1000, 1004, 6), 1004U);
  EXPECT_EQ(gs_clock_follows(1000, 1053, 6), 1006U) << "of tiny weight";
  u64 now_v = 1000, vtime = 1000;
  for (int slice = 0; slice < 1000; ++slice) { /* of 6, each ended by a tick of 4 */
    vtime += 8;
    now_v = gs_clock_follows(now_v, vtime, 8);
  }
  EXPECT_EQ(now_v, vtime) << "alone, it owes nothing";
}

TEST(Children, ArePaidForUpToASliceBehindTheQueue) {
  EXPECT_EQ(gs_vtime_paid(1000, 1000, 4, 0, 6), 1004U);
  EXPECT_EQ(gs_vtime_paid(1000, 1000, 60, 0, 6), 1006U);
  EXPECT_EQ(gs_vtime_paid(900, 1000, 60, 0, 6), 960U);
  EXPECT_EQ(gs_vtime_paid(1100, 1000, 60, 0, 6), 1100U) << "it has paid enough";
  EXPECT_EQ(gs_vtime_paid(UINT64_MAX - 2, UINT64_MAX - 2, 60, 0, 6), 3U);
}

TEST(Children, GiveBackWhatTheyDidNotRun) {
  EXPECT_EQ(gs_vtime_paid(1004, 1000, -3, 4, 6), 1001U);
  EXPECT_EQ(gs_vtime_paid(1, 1000, -3, 4, 6), UINT64_MAX - 1);
  EXPECT_EQ(gs_vtime_paid(1004, 1000, 0, 4, 6), 1004U);
  EXPECT_EQ(gs_vtime_paid(1004, 1000, -3, 1, 6), 1003U) << "no more than it has paid";
  EXPECT_EQ(gs_vtime_paid(1004, 1000, -3, 0, 6), 1004U);
}

TEST(Children, ThatNobodyPaysForStartBehindCreatorAndQueue) {
  EXPECT_EQ(gs_vtime_unpaid(900, 1000, 6), 1006U);
  EXPECT_EQ(gs_vtime_unpaid(1100, 1000, 6), 1100U);
  EXPECT_EQ(gs_vtime_unpaid(UINT64_MAX - 10, UINT64_MAX - 2, 6), 3U);
}

TEST(DeadlineKey, NeverLiesBeyondTheLongestWait) {
  Random random(__FILE__, __LINE__);
  for (int i = 0; i < 100000; ++i) {
    const u64 now_v = random.chance(0.5) ? random.any() : 0ULL - random.between(0, 100 * GS_MSEC);
    const u64 ahead = random.between(0, 3600 * GS_SEC), burst = random.between(0, 60 * GS_SEC);
    const u32 weight = static_cast<u32>(random.between(0, 10000));
    const u64 burst_most = random.between(0, 100 * GS_MSEC), wait_most = random.between(GS_MSEC, GS_SEC);
    const u64 vtime = gs_vtime_at_wake(now_v + ahead - 1800 * GS_SEC, now_v, lag_max);
    const u64 key = gs_deadline_key(vtime, now_v, burst, weight, burst_most, wait_most);
    EXPECT_FALSE(gs_before(now_v + wait_most, key))
        << "vtime " << vtime << ", queue at " << now_v << ", weight " << weight;
    EXPECT_FALSE(gs_before(key, now_v - lag_max)) << "vtime " << vtime << ", queue at " << now_v;
  }
}

TEST(DeadlineKey, KeepsItsOrderAtTheWrap) {
  Random random(__FILE__, __LINE__);
  for (int i = 0; i < 10000; ++i) {
    const u64 now_v = 0ULL - random.between(0, 10 * GS_MSEC);
    const u64 vtime = now_v + random.between(0, 10 * GS_MSEC);
    const u64 burst = random.between(0, 3 * GS_MSEC);
    const u64 key = key_of(vtime, now_v, burst, 100);
    EXPECT_TRUE(gs_before(key, key_of(vtime + 1, now_v, burst, 100)));
    EXPECT_TRUE(gs_before(key, key_of(vtime, now_v, burst + 1, 100)))
        << "the one that woke goes before the one that runs";
    EXPECT_FALSE(gs_before(key_of(vtime, now_v, burst, 50), key)) << "less weight never comes earlier";
  }
}

TEST(DeadlineKey, SaysWhetherItsThreadMayBePassedOver) {
  for (const u64 key : {0ULL, 1ULL, 5 * GS_MSEC, ~0ULL}) {
    EXPECT_TRUE(gs_key_may_be_passed(gs_key_marked(key, true)));
    EXPECT_FALSE(gs_key_may_be_passed(gs_key_marked(key, false)));
    EXPECT_LE(gs_key_marked(key, true) ^ key, 1U) << "and nothing else changes";
    EXPECT_LE(gs_key_marked(key, false) ^ key, 1U);
  }
}

}  // namespace
}  // namespace gamesched::tests
