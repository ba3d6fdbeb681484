// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "bpf/policy/budget.h"
#include "tests/policy/random.h"

namespace gamesched::tests {
namespace {

TEST(BudgetTable, EveryRow) {
  u64 full_at = 0;
  EXPECT_TRUE(gs_budget_take(&full_at, 100, 5, 2));
  EXPECT_EQ(full_at, 105U);
  EXPECT_TRUE(gs_budget_take(&full_at, 100, 5, 2));
  EXPECT_EQ(full_at, 110U);
  EXPECT_FALSE(gs_budget_take(&full_at, 100, 5, 2));
  EXPECT_EQ(full_at, 110U) << "what is refused costs nothing";
  EXPECT_TRUE(gs_budget_take(&full_at, 106, 5, 2));
  EXPECT_EQ(full_at, 115U);
}

TEST(Budget, LetsThroughABurstAndThenItsRateWhateverComes) {
  Random random(__FILE__, __LINE__);
  for (int run = 0; run < 20; ++run) {
    u64 full_at = 0, passed = 0;
    const u64 begin = random.between(0, GS_SEC), most_apart = 2 * GS_EXEC_INTERVAL_NS;
    u64 now = begin;
    for (int i = 0; i < 5000; ++i) {
      now += random.between(0, run % 2 == 0 ? most_apart : GS_USEC);
      passed += gs_budget_take(&full_at, now, GS_EXEC_INTERVAL_NS, GS_EXEC_BURST);
      EXPECT_LE(passed, GS_EXEC_BURST + (now - begin) / GS_EXEC_INTERVAL_NS);
    }
    EXPECT_GE(passed, u64{GS_EXEC_BURST});
  }
}

TEST(Budget, IsWholeAgainAfterAPause) {
  u64 full_at = 0, now = GS_SEC;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < GS_EXEC_BURST; ++i)
      EXPECT_TRUE(gs_budget_take(&full_at, now, GS_EXEC_INTERVAL_NS, GS_EXEC_BURST));
    EXPECT_FALSE(gs_budget_take(&full_at, now, GS_EXEC_INTERVAL_NS, GS_EXEC_BURST));
    now += GS_EXEC_BURST * GS_EXEC_INTERVAL_NS;
  }
}

}  // namespace
}  // namespace gamesched::tests
