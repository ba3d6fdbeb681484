// SPDX-License-Identifier: GPL-2.0-or-later
//
// Frames and their period from submits: changes of rate, several submits a frame, jitter, missed frames.
#include <gtest/gtest.h>

#include <cmath>
#include <optional>

#include "bpf/policy/frame.h"
#include "tests/policy/random.h"

namespace gamesched::tests {
namespace {

// A thread that draws: `submits` a frame, spread over `spread` of it, each frame off by up to `jitter`.
class Drawer {
 public:
  explicit Drawer(Random* random = nullptr) : random_(random) {}

  unsigned submits = 1;
  double spread = 0.3;
  double jitter = 0;

  // One frame of `period`; how many the policy took it for.
  unsigned frame(double period) {
    const double off = random_ != nullptr ? jitter * period * random_->real(-1, 1) : 0;
    unsigned begun = 0;
    for (unsigned i = 0; i < submits; ++i)
      begun += submit(start_ + off + (submits > 1 ? i * spread * period / (submits - 1) : 0));
    start_ += period;
    return begun;
  }

  bool submit(double at) {
    const u64 now = static_cast<u64>(at);
    const bool begins = gs_frame_submit(&frames, last_, now);
    last_ = now;
    return begins;
  }

  // Frames until the period is within `tolerance` of this rate and stays so for ten; none within 60.
  std::optional<int> settles(double hz, double tolerance = 0.12) {
    const double period = 1e9 / hz;
    int good_since = 0;
    for (int n = 1; n <= 60; ++n) {
      frame(period);
      const u64 known = gs_frame_period(&frames);
      if (!known || std::abs(static_cast<double>(known) - period) > tolerance * period) good_since = n;
      if (n - good_since >= 10) return good_since;
    }
    return std::nullopt;
  }

  gs_frames frames{};

 private:
  Random* random_;
  double start_ = 5e9;
  u64 last_ = 0;
};

TEST(Frame, GPU6_FollowsTheRateWithinEightFrames) {
  for (const unsigned submits : {1U, 3U, 8U}) {
    Drawer drawer;
    drawer.submits = submits;
    for (const double hz : {60.0, 144.0, 40.0, 240.0, 60.0, 30.0, 120.0}) {
      const auto frames = drawer.settles(hz);
      ASSERT_TRUE(frames) << hz << " Hz, " << submits << " submits";
      EXPECT_LE(*frames, 8) << hz << " Hz, " << submits << " submits";
    }
  }
}

TEST(Frame, GPU6_FollowsVariableRefresh) {
  Drawer drawer;
  drawer.submits = 3;
  double hz = 48, step = 1.03;
  for (int n = 0; n < 400; ++n) {
    if (hz > 144 || hz < 45) step = 1 / step;
    hz *= step;
    drawer.frame(1e9 / hz);
    if (n < 8) continue;
    const double known = static_cast<double>(gs_frame_period(&drawer.frames));
    ASSERT_NEAR(known, 1e9 / hz, 0.12e9 / hz) << "frame " << n << " at " << hz << " Hz";
  }
}

TEST(Frame, OneFrameIsCountedOnce) {
  Drawer drawer;
  drawer.submits = 12;
  for (int n = 0; n < 8; ++n) drawer.frame(16.7e6);
  for (int n = 0; n < 100; ++n) EXPECT_EQ(drawer.frame(16.7e6), 1U);
}

TEST(Frame, AMissedFrameChangesNoRate) {
  Drawer drawer;
  ASSERT_TRUE(drawer.settles(60));
  for (int n = 0; n < 60; ++n) {
    drawer.frame(n % 7 ? 16.67e6 : 33.3e6);
    EXPECT_NEAR(static_cast<double>(drawer.frames.period_ns), 16.67e6, 1e6);
  }
}

TEST(Frame, APauseForgetsTheRateUntilItIsSeenAgain) {
  Drawer drawer;
  ASSERT_TRUE(drawer.settles(60));
  drawer.frame(2.5e9);
  drawer.frame(16.7e6);
  EXPECT_EQ(gs_frame_period(&drawer.frames), 0U);
  EXPECT_LE(drawer.settles(60).value_or(99), 8);
}

TEST(Frame, AThreadThatUploadsNowAndThenIsNotSteady) {
  Drawer drawer;
  Random random(__FILE__, __LINE__);
  double at = 5e9;
  int steady = 0;
  for (int n = 0; n < 400; ++n) {
    at += 1e6 * static_cast<double>(random.between(1, random.between(1, 200)));
    drawer.submit(at);
    steady += gs_frame_period(&drawer.frames) != 0;
  }
  EXPECT_LT(steady, 100);
}

TEST(Frame, EachFlipIsAFrame) {
  gs_frames frames{};
  for (u64 n = 0; n < 10; ++n) gs_frame_begins(&frames, GS_SEC + n * 6'944'444);
  EXPECT_NEAR(static_cast<double>(gs_frame_period(&frames)), 6'944'444.0, 10);
}

TEST(Frame, NobodyPlaysAtTenHertz) {
  gs_frames frames{};
  for (u64 n = 0; n < 20; ++n) gs_frame_begins(&frames, GS_SEC + n * 100 * GS_MSEC);
  EXPECT_EQ(gs_frame_period(&frames), 0U);
}

TEST(Frame, WhoLeads) {
  EXPECT_TRUE(gs_frame_leads(7, 0, false, false, 0, 0)) << "the first";
  EXPECT_TRUE(gs_frame_leads(7, 7, false, true, 0, 0));
  EXPECT_FALSE(gs_frame_leads(7, 8, true, true, GS_MSEC, 16 * GS_MSEC)) << "a steady one leads";
  EXPECT_TRUE(gs_frame_leads(7, 8, true, false, GS_MSEC, 16 * GS_MSEC)) << "an unsteady one led";
  EXPECT_TRUE(gs_frame_leads(7, 8, false, true, GS_SEC, 16 * GS_MSEC)) << "silent";
  EXPECT_FALSE(gs_frame_leads(7, 8, false, true, GS_SEC, 500 * GS_MSEC)) << "slow, not silent";
}

// Any rate after any other, any number of submits in the first third of the frame, some jitter: to an eighth,
// within eight frames but for one change in two hundred.
TEST(FrameProperties, AnySteadyRateIsFound) {
  Random random(__FILE__, __LINE__);
  constexpr int changes = 6000;
  int late = 0;
  for (int round = 0; round < changes / 3; ++round) {
    Drawer drawer(&random);
    drawer.submits = static_cast<unsigned>(random.between(1, 10));
    drawer.spread = random.real(0, 0.35);
    drawer.jitter = random.real(0, 0.03);
    for (int change = 0; change < 3; ++change) {
      const double hz = random.real(25, 300);
      const auto frames = drawer.settles(hz, 0.125);
      ASSERT_TRUE(frames) << hz << " Hz, " << drawer.submits << " submits over " << drawer.spread
                          << ", jitter " << drawer.jitter;
      late += *frames > 8;
    }
  }
  EXPECT_LE(late, changes / 200);
}

}  // namespace
}  // namespace gamesched::tests
