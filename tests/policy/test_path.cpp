// SPDX-License-Identifier: GPL-2.0-or-later
//
// The arithmetic of waits.
#include <gtest/gtest.h>

#include <map>

#include "bpf/policy/path.h"
#include "tests/policy/random.h"

namespace gamesched::tests {
namespace {

constexpr u32 tid = 42;

gs_waiter waiter_at(u32 waits) {
  return {.tid = tid, .waits = waits, .ended_by_game = 0, .waiting = 0, .hop = 0};
}

TEST(Waits, WorkBelongsToTheNextOne) {
  gs_waiter waiter = waiter_at(7);
  const u32 wait = gs_path_next_wait(&waiter);
  EXPECT_EQ(wait, 8U);
  EXPECT_TRUE(gs_path_done_in_time(&waiter, tid, wait)) << "done before the wait even began";
  EXPECT_FALSE(gs_path_was_waited_for(&waiter, tid, wait)) << "not begun";
  gs_path_wait_begins(&waiter);
  EXPECT_TRUE(gs_path_done_in_time(&waiter, tid, wait)) << "done during the wait";
  EXPECT_FALSE(gs_path_was_waited_for(&waiter, tid, wait)) << "not ended";
  gs_path_wait_ends(&waiter, true);
  EXPECT_FALSE(gs_path_done_in_time(&waiter, tid, wait)) << "done too late";
  EXPECT_TRUE(gs_path_was_waited_for(&waiter, tid, wait));
  gs_path_wait_begins(&waiter);
  EXPECT_FALSE(gs_path_done_in_time(&waiter, tid, wait)) << "done in the wait after";
  EXPECT_TRUE(gs_path_was_waited_for(&waiter, tid, wait)) << "what happened stays true";
}

TEST(Waits, EndedByATimerAreNotForAnybody) {
  gs_waiter waiter = waiter_at(7);
  gs_path_wait_begins(&waiter);
  gs_path_wait_ends(&waiter, false);
  EXPECT_FALSE(gs_path_was_waited_for(&waiter, tid, 8));
}

TEST(Waits, OfASlotThatAnotherThreadTookAreForgotten) {
  gs_waiter waiter = waiter_at(7);
  gs_path_wait_begins(&waiter);
  gs_path_wait_ends(&waiter, true);
  EXPECT_FALSE(gs_path_done_in_time(&waiter, tid + 1, 9));
  EXPECT_FALSE(gs_path_was_waited_for(&waiter, tid + 1, 8));
}

// The last 64 waits against a list of all of them, across the wrap of the bits and of the count.
TEST(Waits, AreRememberedForSixtyFour) {
  Random random(__FILE__, __LINE__);
  for (const u32 first : {0U, 1U, 63U, 64U, UINT32_MAX - 100, UINT32_MAX - 64}) {
    gs_waiter waiter = waiter_at(first);
    std::map<u32, bool> ended_by_game;
    for (int i = 0; i < 1000; ++i) {
      gs_path_wait_begins(&waiter);
      const u32 wait = waiter.waits;
      EXPECT_FALSE(gs_path_was_waited_for(&waiter, tid, wait))
          << "the bit of 64 waits ago is still there, wait " << i;
      const bool by_game = random.chance(0.5);
      gs_path_wait_ends(&waiter, by_game);
      ended_by_game[wait] = by_game;
      for (u32 age = 0; age < 130 && age <= static_cast<u32>(i); ++age) {
        const bool expected = age < 64 && ended_by_game[wait - age];
        EXPECT_EQ(gs_path_was_waited_for(&waiter, tid, wait - age), expected)
            << "wait " << wait << ", age " << age;
      }
      EXPECT_FALSE(gs_path_was_waited_for(&waiter, tid, wait + 1)) << "yet to come";
      EXPECT_FALSE(gs_path_done_in_time(&waiter, tid, wait));
      EXPECT_TRUE(gs_path_done_in_time(&waiter, tid, wait + 1));
      EXPECT_FALSE(gs_path_done_in_time(&waiter, tid, wait + 2));
    }
  }
}

}  // namespace
}  // namespace gamesched::tests
