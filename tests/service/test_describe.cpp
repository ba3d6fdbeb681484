// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>

#include "bpf/policy/classify.h"
#include "service/kernel/describe.h"

namespace gamesched::kernel {
namespace {

using testing::ElementsAre;
using testing::Pair;

constexpr uint64_t now = 10 * GS_SEC;

TEST(Describe, AThreadOfAGame) {
  task_ctx thread{};
  thread.game = 3;
  thread.lane = GS_LANE_FRAME;
  thread.evidence = GS_EVIDENCE_GPU | GS_EVIDENCE_PEER;
  thread.hop = 1;
  thread.signals.submit_ns = now - 5 * GS_MSEC;
  thread.wait_ns = 70 * GS_USEC;
  const ThreadFacts facts = describe(thread, 6'944'444, now);
  EXPECT_EQ(facts.lane, "frame");
  EXPECT_THAT(facts.evidence, ElementsAre("peer", "gpu"));
  EXPECT_THAT(facts.ages_usec, ElementsAre(Pair("submit", 5000)));
  EXPECT_EQ(facts.frame_period_usec, 6944U);
  EXPECT_EQ(facts.wait_usec, 70U);
  EXPECT_EQ(facts.game_id, 3U);
  EXPECT_EQ(facts.hop, 1U);
}

TEST(Describe, ACompositorHasItsOwnPeriod) {
  task_ctx thread{};
  thread.lane = GS_LANE_COMPOSITOR;
  thread.signals.frames = {.begin_ns = now,
                           .gap_ns = 0,
                           .period_ns = 16'666'667,
                           .odd_ns = 0,
                           .submits = 1,
                           .usual = 1,
                           .steady = GS_FRAMES_STEADY,
                           .unused = 0};
  EXPECT_EQ(describe(thread, 0, now).frame_period_usec, 16'666U);
}

TEST(Describe, EveryEvidenceHasAWordAndEveryLaneAName) {
  task_ctx thread{};
  thread.evidence = GS_EVIDENCE_STARTS | GS_EVIDENCE_NAME | GS_EVIDENCE_PATH | GS_EVIDENCE_AUDIO |
                    GS_EVIDENCE_NETWORK | GS_EVIDENCE_LAUNCH | GS_EVIDENCE_ANSWERS | GS_EVIDENCE_ERRAND |
                    GS_EVIDENCE_BRINGS | GS_EVIDENCE_SERVES;
  EXPECT_EQ(describe(thread, 0, now).evidence.size(),
            static_cast<std::size_t>(std::popcount(thread.evidence)));
  for (thread.lane = 0; thread.lane < GS_NR_LANES; ++thread.lane)
    EXPECT_NE(describe(thread, 0, now).lane, "");
}

}  // namespace
}  // namespace gamesched::kernel
