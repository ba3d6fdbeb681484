// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "bpf/policy/chain.h"

namespace gamesched::tests {
namespace {

TEST(Chain, GoesOnAStepWithEachThread) {
  constexpr u64 event_ns = GS_SEC, now = event_ns + GS_MSEC;
  EXPECT_EQ(gs_chain_next(1, event_ns, now), 2U);
  EXPECT_EQ(gs_chain_next(GS_CHAIN_STEPS - 1, event_ns, now), GS_CHAIN_STEPS);
  EXPECT_EQ(gs_chain_next(GS_CHAIN_STEPS, event_ns, now), 0U) << "and ends";
  EXPECT_EQ(gs_chain_next(0, event_ns, now), 0U) << "who is in none wakes nobody into one";
}

TEST(Chain, EndsWhenTheEventIsOld) {
  EXPECT_EQ(gs_chain_next(1, GS_SEC, GS_SEC + GS_CHAIN_LASTS_NS), 2U);
  EXPECT_EQ(gs_chain_next(1, GS_SEC, GS_SEC + GS_CHAIN_LASTS_NS + 1), 0U);
}

}  // namespace
}  // namespace gamesched::tests
