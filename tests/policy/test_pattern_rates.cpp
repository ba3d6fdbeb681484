// SPDX-License-Identifier: GPL-2.0-or-later
//
// Patterns against streams of wake-ups: every steady rate is found, chance is not taken for one.
#include <gtest/gtest.h>

#include <iostream>

#include "bpf/policy/pattern.h"
#include "tests/policy/random.h"

namespace gamesched::tests {
namespace {

struct Stream {
  double rate_hz;
  double jitter;   // each beat is off by up to this part of a period; it does not add up
  double skipped;  // this part of the beats is left out
};

struct Verdicts {
  int first = 0;  // wake-ups until first found periodic
  int wakeups = 0, periodic = 0;
  double period_ns = 0;  // at the end
  double share() const { return static_cast<double>(periodic) / wakeups; }
};

constexpr int warm_up = 32;  // wake-ups that are not judged

Verdicts watch(const Stream& stream, int wakeups, Random& random) {
  const double period = GS_SEC / stream.rate_hz;
  const double phase = static_cast<double>(GS_SEC) + random.real(0, period);
  gs_pattern pattern{};
  Verdicts verdicts;
  for (int beat = 1, woken = 0; woken < warm_up + wakeups; ++beat) {
    if (random.chance(stream.skipped)) continue;
    gs_pattern_woken(&pattern,
                     static_cast<u64>(phase + (beat + random.real(-stream.jitter, stream.jitter)) * period));
    const bool periodic = gs_pattern_periodic(&pattern, static_cast<u64>(period / 4));
    ++woken;
    if (periodic && verdicts.first == 0) verdicts.first = woken;
    if (woken <= warm_up) continue;
    ++verdicts.wakeups;
    verdicts.periodic += periodic;
  }
  verdicts.period_ns = pattern.period_ns;
  return verdicts;
}

constexpr int phases = 16;
constexpr double rates_hz[] = {25, 30, 40, 48, 60, 72, 75, 90, 100, 120, 144, 165, 240, 360, 500, 750, 1000};

TEST(SteadyRates, AreFoundAtOnceAndKept) {
  Random random(__FILE__, __LINE__);
  for (const double rate : rates_hz) {
    for (int phase = 0; phase < phases; ++phase) {
      const Verdicts verdicts = watch({rate, 0.01, 0}, 500, random);
      EXPECT_LE(verdicts.first, 7) << rate << " Hz";
      EXPECT_NE(verdicts.first, 0) << rate << " Hz";
      EXPECT_EQ(verdicts.periodic, verdicts.wakeups) << rate << " Hz";
      EXPECT_NEAR(verdicts.period_ns * rate / GS_SEC, 1, 0.05) << rate << " Hz";
    }
  }
}

TEST(SteadyRates, AreKeptInSpiteOfJitter) {
  Random random(__FILE__, __LINE__);
  for (const double rate : rates_hz) {
    for (int phase = 0; phase < phases; ++phase) {
      // Neighbouring beats may be off in opposite directions: twice as much from one to the next.
      const Verdicts verdicts = watch({rate, 0.04, 0}, 500, random);
      EXPECT_NE(verdicts.first, 0) << rate << " Hz";
      EXPECT_LE(verdicts.first, 8) << rate << " Hz";
      EXPECT_EQ(verdicts.periodic, verdicts.wakeups) << rate << " Hz";
    }
  }
}

TEST(SteadyRates, AreFoundWhenBeatsAreSkipped) {
  Random random(__FILE__, __LINE__);
  for (const double rate : rates_hz) {
    for (const double skipped : {0.1, 0.3, 0.5}) {
      for (int phase = 0; phase < phases; ++phase) {
        const Verdicts verdicts = watch({rate, 0.02, skipped}, 500, random);
        EXPECT_NE(verdicts.first, 0) << rate << " Hz, skipped " << skipped;
        EXPECT_LE(verdicts.first, warm_up) << rate << " Hz, skipped " << skipped;
        EXPECT_GE(verdicts.share(), 0.97) << rate << " Hz, skipped " << skipped;
        EXPECT_NEAR(verdicts.period_ns * rate / GS_SEC, 1, 0.15) << rate << " Hz, skipped " << skipped;
      }
    }
  }
}

TEST(RatesOutsideOfTheRange, AreNotOfFrames) {
  Random random(__FILE__, __LINE__);
  for (const double rate : {2.0, 5.0, 10.0, 20.0, 1300.0, 2000.0, 8000.0})
    for (int phase = 0; phase < phases; ++phase)
      EXPECT_EQ(watch({rate, 0.01, 0}, 500, random).periodic, 0) << rate << " Hz";
}

TEST(RatesOutsideOfTheRange, AreNotOfFramesWhenBeatsAreSkippedEither) {
  Random random(__FILE__, __LINE__);
  for (const double rate : {1300.0, 2000.0, 8000.0})
    for (int phase = 0; phase < phases; ++phase)
      EXPECT_LT(watch({rate, 0.01, 0.3}, 500, random).share(), 0.02) << rate << " Hz";
}

// Wake-ups without memory: the distance to the next one is exponential.
double false_positives(double rate_hz, int wakeups, Random& random) {
  gs_pattern pattern{};
  u64 now = GS_SEC;
  int periodic = 0;
  for (int i = 0; i < wakeups; ++i) {
    now += 1 + static_cast<u64>(random.exponential(GS_SEC / rate_hz));
    gs_pattern_woken(&pattern, now);
    periodic += gs_pattern_periodic(&pattern, 0);
  }
  return static_cast<double>(periodic) / wakeups;
}

TEST(RandomWakeups, AreHardlyEverTakenForAPattern) {
  Random random(__FILE__, __LINE__);
  for (const double rate : {5.0, 25.0, 60.0, 100.0, 144.0, 250.0, 500.0, 1000.0, 3000.0}) {
    const double share = false_positives(rate, 200'000, random);
    std::cout << "random wake-ups at " << rate << " Hz: " << share * 100 << " % taken for periodic\n";
    EXPECT_LT(share, 0.05) << rate << " Hz";
  }
}

TEST(RandomWakeups, EvenlySpreadAreNotTakenForAPatternEither) {
  Random random(__FILE__, __LINE__);
  gs_pattern pattern{};
  u64 now = GS_SEC;
  int periodic = 0;
  constexpr int wakeups = 200'000;
  for (int i = 0; i < wakeups; ++i) {
    gs_pattern_woken(&pattern, now += random.between(GS_MSEC, 60 * GS_MSEC));
    periodic += gs_pattern_periodic(&pattern, 0);
  }
  std::cout << "evenly spread from 1 to 60 ms: " << 100.0 * periodic / wakeups << " % taken for periodic\n";
  EXPECT_LT(periodic, wakeups / 10);
}

}  // namespace
}  // namespace gamesched::tests
