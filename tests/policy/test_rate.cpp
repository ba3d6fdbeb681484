// SPDX-License-Identifier: GPL-2.0-or-later
#include "bpf/policy/rate.h"

#include <gtest/gtest.h>

#include "tests/policy/random.h"

namespace gamesched::tests {
namespace {

// The hook's own use of it: a device's state after `seconds` of events at a steady rate, from `high`.
bool mode_after(double events_a_second, double seconds, bool high) {
  u64 start = 0, now = 0;
  u32 events = 0;
  const auto step = static_cast<u64>(1e9 / events_a_second);
  while (static_cast<double>(now) < seconds * 1e9) {
    now += step;
    events++;
    if (!gs_rate_period_over(now - start)) continue;
    high = gs_rate_high(high, events, now - start);
    start = now;
    events = 0;
  }
  return high;
}

TEST(RateTable, EveryRow) {
  EXPECT_TRUE(gs_rate_high(false, 67, GS_RATE_PERIOD_NS));
  EXPECT_FALSE(gs_rate_high(false, 12, GS_RATE_PERIOD_NS));
}

TEST(Rate, MiceOfEveryRate) {
  for (const bool before : {false, true}) {
    EXPECT_TRUE(mode_after(16000, 1, before)) << "8000 Hz";
    EXPECT_TRUE(mode_after(2000, 1, before)) << "1000 Hz";
    EXPECT_FALSE(mode_after(60, 1, before)) << "a fast typist";
  }
  EXPECT_FALSE(mode_after(375, 1, false)) << "125 Hz with both axes";
}

TEST(Rate, DoesNotFlapNearTheBorder) {
  Random random(__FILE__, __LINE__);
  for (int i = 0; i < 1000; ++i) {
    const double rate = random.real(350, 480);
    EXPECT_FALSE(mode_after(rate, 2, false)) << rate;
    EXPECT_TRUE(mode_after(rate, 2, true)) << rate;
  }
}

TEST(Rate, TellsOfTheFirstEventAtOnceAndThenOnceASecond) {
  EXPECT_TRUE(gs_rate_tells(0, 5 * GS_MSEC));
  u64 told = 0;
  int times = 0;
  for (u64 now = GS_SEC; now < 11 * GS_SEC; now += 8 * GS_MSEC) {
    if (!gs_rate_tells(told, now)) continue;
    told = now;
    times++;
  }
  EXPECT_EQ(times, 10);
}

TEST(Rate, APauseEndsIt) {
  EXPECT_FALSE(gs_rate_high(true, 32, GS_SEC));
  EXPECT_FALSE(gs_rate_high(true, 0xffffffff, 11 * GS_SEC));
  EXPECT_FALSE(gs_rate_high(false, 1, ~0ULL));
}

}  // namespace
}  // namespace gamesched::tests
