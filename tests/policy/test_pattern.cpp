// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <vector>

#include "bpf/policy/pattern.h"

namespace gamesched::tests {
namespace {

gs_pattern after(const std::vector<double>& distances_ms) {
  gs_pattern pattern{};
  u64 now = GS_SEC;
  gs_pattern_woken(&pattern, now);
  for (const double distance : distances_ms)
    gs_pattern_woken(&pattern, now += static_cast<u64>(distance * GS_MSEC));
  return pattern;
}

double period_ms(const gs_pattern& pattern) {
  return static_cast<double>(pattern.period_ns) / GS_MSEC;
}

TEST(PatternTable, ASteadySixtyHertz) {
  const gs_pattern pattern = after({16.7, 16.7, 16.6, 16.8, 16.7, 16.7});
  EXPECT_NEAR(period_ms(pattern), 16.7, 0.05);
  EXPECT_EQ(pattern.confidence, 5);
  EXPECT_TRUE(gs_pattern_periodic(&pattern, 5 * GS_MSEC));
}

TEST(PatternTable, TwoHundredAndFortyHertzWithBeatsSkipped) {
  const gs_pattern pattern = after({8.3, 4.2, 12.5, 4.2, 8.3, 4.2, 4.2});
  EXPECT_NEAR(period_ms(pattern), 4.2, 0.05);
  EXPECT_EQ(pattern.confidence, 5);
  EXPECT_TRUE(gs_pattern_periodic(&pattern, GS_MSEC));
}

TEST(PatternTable, NoPatternAtAll) {
  const gs_pattern pattern = after({3, 40, 7, 22, 50});
  EXPECT_EQ(pattern.confidence, 0);
  EXPECT_FALSE(gs_pattern_periodic(&pattern, GS_MSEC));
}

TEST(PatternTable, SteadyButComputesAllTheTime) {
  const gs_pattern pattern = after({5, 5, 5, 5, 5, 5});
  EXPECT_NEAR(period_ms(pattern), 5, 0.001);
  EXPECT_EQ(pattern.confidence, 5);
  EXPECT_FALSE(gs_pattern_periodic(&pattern, 4900 * GS_USEC));
  EXPECT_TRUE(gs_pattern_periodic(&pattern, 4300 * GS_USEC)) << "an eighth of the period is left free";
}

TEST(Pattern, BeatsAreWholeNumbersWithinTheirTolerance) {
  EXPECT_EQ(gs_pattern_beats(1000, 0), 0U);
  EXPECT_EQ(gs_pattern_beats(0, 1000), 0U);
  EXPECT_EQ(gs_pattern_beats(749, 1000), 0U);
  EXPECT_EQ(gs_pattern_beats(750, 1000), 1U);
  EXPECT_EQ(gs_pattern_beats(1250, 1000), 1U);
  EXPECT_EQ(gs_pattern_beats(1251, 1000), 0U);
  for (u32 beats = 2; beats <= 8; ++beats) {
    EXPECT_EQ(gs_pattern_beats(beats * 1000 - 126, 1000), 0U) << beats;
    EXPECT_EQ(gs_pattern_beats(beats * 1000 - 125, 1000), beats);
    EXPECT_EQ(gs_pattern_beats(beats * 1000 + 125, 1000), beats);
    EXPECT_EQ(gs_pattern_beats(beats * 1000 + 126, 1000), 0U) << beats;
  }
  EXPECT_EQ(gs_pattern_beats(9000, 1000), 0U);
}

TEST(Pattern, OneWakeupSaysNothing) {
  const gs_pattern pattern = after({});
  EXPECT_EQ(pattern.last_ns, GS_SEC);
  EXPECT_EQ(pattern.period_ns, 0U);
  EXPECT_FALSE(gs_pattern_periodic(&pattern, 0));
}

TEST(Pattern, AStrayWakeupCostsTwoSteps) {
  gs_pattern pattern = after({10, 10, 10, 10, 10, 10});
  EXPECT_EQ(pattern.confidence, 5);
  gs_pattern_woken(&pattern, pattern.last_ns + 6 * GS_MSEC);
  EXPECT_EQ(pattern.confidence, 3);
  EXPECT_NEAR(period_ms(pattern), 10, 0.001);
  gs_pattern_woken(&pattern, pattern.last_ns + 6 * GS_MSEC);
  EXPECT_FALSE(gs_pattern_periodic(&pattern, GS_MSEC));
}

TEST(Pattern, ConfidenceIsBounded) {
  const gs_pattern pattern = after(std::vector<double>(300, 10.0));
  EXPECT_EQ(pattern.confidence, GS_PATTERN_MAX);
}

TEST(Pattern, ASecondOfSilenceStartsAfresh) {
  const gs_pattern pattern = after({10, 10, 10, 10, 10, 1000.001});
  EXPECT_EQ(pattern.confidence, 0);
  EXPECT_EQ(pattern.period_ns, 0U);
}

TEST(Pattern, AStrayWakeupInTheMiddleIsForgotten) {
  std::vector<double> distances(20, 16.7);
  distances.insert(distances.end(), {8.3, 8.4});  // looks like 120 Hz for a moment
  distances.insert(distances.end(), 20, 16.7);
  const gs_pattern pattern = after(distances);
  EXPECT_NEAR(period_ms(pattern), 16.7, 0.1);
  EXPECT_TRUE(gs_pattern_periodic(&pattern, 9 * GS_MSEC))
      << "more than half of the period, not of the stray one";
}

TEST(Pattern, AMultipleGivesWayToTheTruePeriod) {
  const gs_pattern pattern = after({20, 20, 20, 20, 10, 10, 10, 10});
  EXPECT_NEAR(period_ms(pattern), 10, 0.001);
  EXPECT_TRUE(gs_pattern_periodic(&pattern, GS_MSEC));
}

}  // namespace
}  // namespace gamesched::tests
