// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "bpf/policy/share.h"
#include "tests/policy/defaults.h"

namespace gamesched::tests {
namespace {

TEST(ShareTable, ABurstThatFitsIntoAFrameStays) {
  constexpr u64 period = 16'700 * GS_USEC;
  EXPECT_FALSE(gs_burst_too_long(12 * GS_MSEC, period, defaults.burst_floor_ns));
  EXPECT_TRUE(gs_burst_too_long(20 * GS_MSEC, period, defaults.burst_floor_ns));
  EXPECT_FALSE(gs_burst_too_long(period, period, defaults.burst_floor_ns));
  EXPECT_TRUE(gs_burst_too_long(period + 1, period, defaults.burst_floor_ns));
}

TEST(ShareTable, AtHighFrameRatesTheFloorHolds) {
  EXPECT_FALSE(gs_burst_too_long(defaults.burst_floor_ns, 2 * GS_MSEC, defaults.burst_floor_ns));
  EXPECT_TRUE(gs_burst_too_long(defaults.burst_floor_ns + 1, 2 * GS_MSEC, defaults.burst_floor_ns));
  EXPECT_TRUE(gs_burst_too_long(defaults.burst_floor_ns + 1, 0, defaults.burst_floor_ns)) << "period unknown";
}

TEST(ShareTable, OthersAreDueAfterTheLongestHog) {
  constexpr u64 hog = 25 * GS_MSEC;
  for (const u64 served : {u64{0}, u64{GS_SEC}, u64{UINT64_MAX - 10 * GS_MSEC}}) {
    EXPECT_FALSE(gs_others_are_due(served, served, hog)) << served;
    EXPECT_FALSE(gs_others_are_due(served + hog, served, hog)) << served;
    EXPECT_TRUE(gs_others_are_due(served + hog + 1, served, hog)) << served;
  }
}

// A CPU whose frame threads never sleep: what do the others get?
TEST(Share, OfAHoggedCpuIsTheMinimumSliceInEveryHog) {
  u64 now = GS_SEC, served = now, others = 0, longest_gap = 0;
  const u64 start = now;
  while (now - start < 10 * GS_SEC) {
    if (gs_others_are_due(now, served, defaults.frame_hog_ns)) {
      longest_gap = gs_max(longest_gap, now - served);
      now += defaults.slice_min_ns;
      others += defaults.slice_min_ns;
      served = now;
    } else {
      now += defaults.slice_frame_ns;
    }
  }
  EXPECT_LE(longest_gap, defaults.frame_hog_ns + defaults.slice_frame_ns);
  EXPECT_GE(others, 10 * GS_SEC * defaults.slice_min_ns /
                            (defaults.frame_hog_ns + defaults.slice_frame_ns + defaults.slice_min_ns) -
                        defaults.slice_min_ns);
}

}  // namespace
}  // namespace gamesched::tests
