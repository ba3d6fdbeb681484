// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "bpf/policy/foreground.h"

namespace gamesched::tests {
namespace {

constexpr u64 now = 100 * GS_SEC;

TEST(ForegroundTable, EveryRow) {
  EXPECT_FALSE(gs_foreground_by_input(now, now - 100 * GS_MSEC));
  EXPECT_TRUE(gs_foreground_by_input(now, now - 500 * GS_MSEC));
  EXPECT_FALSE(gs_foreground_by_frame(now, now - 3 * GS_SEC, now - 200 * GS_MSEC));
  EXPECT_TRUE(gs_foreground_by_frame(now, now - 3 * GS_SEC, now - 2 * GS_SEC));
  EXPECT_FALSE(gs_foreground_by_frame(now, now - GS_SEC, now - 2 * GS_SEC));
}

TEST(Foreground, MovesAtItsBordersAndNotBefore) {
  EXPECT_FALSE(gs_foreground_by_input(now, now - GS_FOREGROUND_INPUT_NS + 1));
  EXPECT_TRUE(gs_foreground_by_input(now, now - GS_FOREGROUND_INPUT_NS));
  EXPECT_FALSE(gs_foreground_by_frame(now, now - GS_FOREGROUND_PAUSE_NS, now - GS_FOREGROUND_FRAME_NS + 1));
  EXPECT_FALSE(gs_foreground_by_frame(now, now - GS_FOREGROUND_PAUSE_NS + 1, now - GS_FOREGROUND_FRAME_NS));
  EXPECT_TRUE(gs_foreground_by_frame(now, now - GS_FOREGROUND_PAUSE_NS, now - GS_FOREGROUND_FRAME_NS));
}

TEST(Foreground, MovesToWhoIsPlayedFromAGameThatNeverWas) {
  EXPECT_TRUE(gs_foreground_by_input(now, 0));
  EXPECT_TRUE(gs_foreground_by_frame(now, 0, 0));
}

TEST(Foreground, StaysWhereTheOtherCpusClockIsAhead) {
  EXPECT_FALSE(gs_foreground_by_input(now, now + GS_USEC));
  EXPECT_FALSE(gs_foreground_by_frame(now, now + GS_USEC, now + GS_USEC));
}

// A controller that both games read, at 250 Hz: the one that is played keeps its place.
TEST(Foreground, DoesNotFlapBetweenTwoThatReadOneController) {
  u64 input_ns[2] = {now, now};
  int played = 0, moves = 0;
  for (u64 at = now; at < now + 10 * GS_SEC; at += 4 * GS_MSEC) {
    for (int game = 0; game < 2; game++) {
      input_ns[game] = at;
      if (game != played && gs_foreground_by_input(at, input_ns[played])) {
        played = game;
        moves++;
      }
    }
  }
  EXPECT_EQ(moves, 0);
}

}  // namespace
}  // namespace gamesched::tests
