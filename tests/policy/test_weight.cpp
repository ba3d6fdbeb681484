// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <vector>

#include "bpf/policy/weight.h"
#include "tests/policy/random.h"

namespace gamesched::tests {
namespace {

// cpu.weight as the kernel keeps it.
u64 shares(u64 weight) {
  return weight * 1024 / 100 << 10;
}

u32 weigh(u64 own, const std::vector<u64>& groups) {
  u64 weight = own * GS_WEIGHT_UNIT;
  for (const u64 group : groups) weight = gs_weight_in_group(weight, shares(group));
  return gs_weight_final(weight, false);
}

TEST(WeightTable, EveryRow) {
  EXPECT_EQ(weigh(100, {100}), 100U);
  EXPECT_NEAR(weigh(100, {100, 20}), 20, 1);
  EXPECT_EQ(weigh(100, {50, 50}), 25U);
  EXPECT_NEAR(weigh(11, {20}), 2, 1) << "nice 10";
  EXPECT_EQ(weigh(100, {10000}), 100U);
  EXPECT_EQ(gs_weight_final(gs_weight_in_limit(100 * GS_WEIGHT_UNIT, 25 * GS_MSEC, 100 * GS_MSEC, 4), false),
            6U);
  EXPECT_EQ(gs_weight_final(gs_weight_in_group(100 * GS_WEIGHT_UNIT, 3 << 10), false), 1U) << "idle";
}

TEST(Weight, NoGroupRaisesItAndNoneMakesItNothing) {
  Random random(__FILE__, __LINE__);
  for (int i = 0; i < 10000; ++i) {
    const u64 own = random.between(1, 10000);
    u64 weight = own * GS_WEIGHT_UNIT;
    for (u64 depth = random.between(0, 8); depth > 0; --depth) {
      const u64 before = weight;
      weight = gs_weight_in_group(weight, random.any() >> random.between(0, 63));
      weight = gs_weight_in_limit(weight, random.any() >> random.between(0, 63),
                                  random.between(0, 10 * GS_SEC), static_cast<u32>(random.between(0, 512)));
      EXPECT_LE(weight, before);
    }
    EXPECT_GE(gs_weight_final(weight, false), 1U);
    EXPECT_LE(gs_weight_final(weight, false), own);
  }
}

TEST(Weight, WithoutALimitItStays) {
  constexpr u64 weight = 100 * GS_WEIGHT_UNIT;
  EXPECT_EQ(gs_weight_in_limit(weight, UINT64_MAX, 100 * GS_MSEC, 4), weight);
  EXPECT_EQ(gs_weight_in_limit(weight, 400 * GS_MSEC, 100 * GS_MSEC, 4), weight) << "all CPUs";
  EXPECT_EQ(gs_weight_in_limit(weight, 0, 0, 4), weight) << "no bandwidth control";
}

TEST(Weight, AKernelThreadsIsNeverTiny) {
  EXPECT_EQ(gs_weight_final(1 * GS_WEIGHT_UNIT, true), GS_WEIGHT_KERNEL_MIN)
      << "nice 19, and others wait for its locks";
  EXPECT_EQ(gs_weight_final(100 * GS_WEIGHT_UNIT, true), 100U);
  EXPECT_EQ(gs_weight_final(8876 * GS_WEIGHT_UNIT, true), 8876U);
}

}  // namespace
}  // namespace gamesched::tests
