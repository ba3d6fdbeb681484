// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "bpf/policy/window.h"
#include "tests/policy/random.h"

namespace gamesched::tests {
namespace {

constexpr u64 mouse = 8 * GS_MSEC;

TEST(WindowTable, EveryRow) {
  u64 until = gs_window_extend(0, 100 * GS_MSEC, mouse);
  EXPECT_EQ(until, 108 * GS_MSEC);
  until = gs_window_extend(until, 103 * GS_MSEC, mouse);
  EXPECT_EQ(until, 111 * GS_MSEC);
  EXPECT_TRUE(gs_window_open(until, 103 * GS_MSEC));
  EXPECT_TRUE(gs_window_open(until, 111 * GS_MSEC - 1));
  EXPECT_FALSE(gs_window_open(until, 111 * GS_MSEC));
}

TEST(Window, IsClosedBeforeAnyEvent) {
  EXPECT_FALSE(gs_window_open(0, 1));
}

TEST(Window, OnlyMovesForward) {
  Random random(__FILE__, __LINE__);
  for (int i = 0; i < 10000; ++i) {
    const u64 until = random.any(), now = until + random.between(0, 2 * GS_SEC) - GS_SEC;
    const u64 length = random.between(0, GS_SEC);
    const u64 next = gs_window_extend(until, now, length);
    EXPECT_FALSE(gs_before(next, until));
    EXPECT_FALSE(gs_before(next, now + length));
    EXPECT_TRUE(next == until || next == now + length);
    if (length > 0) {
      EXPECT_TRUE(gs_window_open(next, now));
    }
  }
}

TEST(WokenByInput, IsAtMostSoLongAgo) {
  constexpr u64 wake = 20 * GS_USEC, sync = GS_SEC;
  for (const bool by_writer : {false, true}) {
    const u64 last = sync + (by_writer ? GS_INPUT_WRITERS_FACTOR * wake : wake);

    EXPECT_TRUE(gs_woken_by_input(sync, sync, wake, by_writer));
    EXPECT_TRUE(gs_woken_by_input(last, sync, wake, by_writer));
    EXPECT_FALSE(gs_woken_by_input(last + 1, sync, wake, by_writer));
    EXPECT_FALSE(gs_woken_by_input(sync - 1, sync, wake, by_writer))
        << "an event that is yet to come wakes nobody";
    EXPECT_FALSE(gs_woken_by_input(GS_SEC, 0, wake, by_writer)) << "no event at all";
  }
}

TEST(InputProfits, TheForegroundGameAloneOnceItIsKnown) {
  EXPECT_TRUE(gs_input_profits(3, 0)) << "nobody knows which game is seen";
  EXPECT_TRUE(gs_input_profits(3, 3));
  EXPECT_FALSE(gs_input_profits(3, 4));
  EXPECT_FALSE(gs_input_profits(0, 0)) << "no game at all";
  EXPECT_FALSE(gs_input_profits(0, 3));
}

}  // namespace
}  // namespace gamesched::tests
