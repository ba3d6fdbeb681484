// SPDX-License-Identifier: GPL-2.0-or-later
//
// The loop leaves room for others, however much there is to do.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "service/loop/loop.h"
#include "service/loop/pace.h"
#include "service/util/time.h"

namespace gamesched {
namespace {

TEST(Pace, RestsOnlyWhenTheBudgetIsUsed) {
  const Pace pace(1'000, 500);
  EXPECT_EQ(pace.rest_usec(1'000 + Pace::budget_usec, 500 + Pace::budget_usec - 1), 0U);
  EXPECT_GT(pace.rest_usec(1'000 + Pace::budget_usec, 500 + Pace::budget_usec), 0U);
}

TEST(Pace, TakesAtMostHalfOfAProcessor) {
  const Pace pace(0, 0);
  EXPECT_EQ(pace.rest_usec(Pace::budget_usec, Pace::budget_usec), Pace::budget_usec);
  EXPECT_EQ(pace.rest_usec(Pace::budget_usec + 5'000, Pace::budget_usec), Pace::budget_usec - 5'000);
}

TEST(Pace, RestsBrieflyAfterRareWorkAndNeverLong) {
  const Pace pace(0, 0);
  EXPECT_EQ(pace.rest_usec(3600 * usec_per_sec, Pace::budget_usec), Pace::min_rest_usec);
  EXPECT_EQ(pace.rest_usec(usec_per_sec, usec_per_sec), Pace::max_rest_usec);
}

TEST(Pace, BeginsAnewAfterARest) {
  Pace pace(0, 0);
  pace.rested(2 * Pace::budget_usec, Pace::budget_usec);
  EXPECT_EQ(pace.rest_usec(3 * Pace::budget_usec, 2 * Pace::budget_usec - 1), 0U);
}

long waits_of_this_thread() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

TEST(Loop, SleepsThoughThereIsAlwaysSomethingToDo) {
  constexpr int budgets = 5;
  Loop loop;
  const auto cpu_usec = [] { return clock_usec(CLOCK_THREAD_CPUTIME_ID); };
  const uint64_t until_usec = cpu_usec() + budgets * Pace::budget_usec + Pace::budget_usec / 2;
  Defer* again = nullptr;
  Defer work(loop, [&] {
    if (cpu_usec() >= until_usec) return loop.exit(7);
    again->schedule();
  });
  again = &work;
  work.schedule();
  const long before = waits_of_this_thread();
  EXPECT_EQ(loop.run(), 7);
  EXPECT_GE(waits_of_this_thread() - before, budgets - 1);
}

}  // namespace
}  // namespace gamesched
