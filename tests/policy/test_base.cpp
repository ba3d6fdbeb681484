// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "bpf/policy/base.h"
#include "tests/policy/random.h"

namespace gamesched::tests {
namespace {

TEST(Before, IsStrict) {
  EXPECT_TRUE(gs_before(1, 2));
  EXPECT_FALSE(gs_before(2, 2));
  EXPECT_FALSE(gs_before(3, 2));
}

TEST(Before, HoldsAcrossTheWrap) {
  Random random(__FILE__, __LINE__);
  for (int i = 0; i < 10000; ++i) {
    const u64 a = random.any(), distance = random.between(1, (1ULL << 63) - 1);
    EXPECT_TRUE(gs_before(a, a + distance)) << a << " + " << distance;
    EXPECT_FALSE(gs_before(a + distance, a)) << a << " + " << distance;
  }
  EXPECT_TRUE(gs_before(UINT64_MAX, 0));
  EXPECT_FALSE(gs_before(0, UINT64_MAX));
}

TEST(MinAndMax, AreThatOfTheTwo) {
  EXPECT_EQ(gs_min(1, 2), 1U);
  EXPECT_EQ(gs_min(2, 1), 1U);
  EXPECT_EQ(gs_max(1, UINT64_MAX), UINT64_MAX);
  EXPECT_EQ(gs_max(UINT64_MAX, 1), UINT64_MAX);
}

TEST(Average, StaysBetweenOldAndNew) {
  Random random(__FILE__, __LINE__);
  for (int i = 0; i < 10000; ++i) {
    const u64 average = random.any() >> random.between(0, 63), sample = random.any() >> random.between(0, 63);
    const u64 next = gs_ewma4(average, sample);
    // Both quarters are rounded down: never off by more than one.
    EXPECT_GE(next + 1, gs_min(average, sample));
    EXPECT_LE(next, gs_max(average, sample) + 1);
  }
}

TEST(Average, WeighsTheNewSampleByAQuarterAndArrives) {
  EXPECT_EQ(gs_ewma4(1000, 2000), 1250U);
  u64 average = 0;
  for (int i = 0; i < 60; ++i) average = gs_ewma4(average, 1'000'000);
  EXPECT_NEAR(static_cast<double>(average), 1e6, 8);
}

}  // namespace
}  // namespace gamesched::tests
