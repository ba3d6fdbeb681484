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
  EXPECT_TRUE(gs_woken_by_input(sync, sync, wake));
  EXPECT_TRUE(gs_woken_by_input(sync + wake, sync, wake));
  EXPECT_FALSE(gs_woken_by_input(sync + wake + 1, sync, wake));
  EXPECT_FALSE(gs_woken_by_input(sync - 1, sync, wake)) << "an event that is yet to come wakes nobody";
  EXPECT_FALSE(gs_woken_by_input(GS_SEC, 0, wake)) << "no event at all";
}

TEST(InputLane, OfEveryKindOfDevice) {
  struct Row {
    bool gamepad, mouse_button, relative, letters, touch;
    u32 lane;
    const char* device;
  };
  constexpr Row rows[] = {
      {true, false, false, false, false, GS_INPUT_CONTROLLER, "gamepad"},
      {true, false, false, false, true, GS_INPUT_CONTROLLER, "controller with a touchpad"},
      {true, true, true, true, true, GS_INPUT_CONTROLLER, "a controller that says it is everything"},
      {false, true, true, false, false, GS_INPUT_MOUSE, "mouse"},
      {false, true, true, true, false, GS_INPUT_MOUSE, "mouse with macro keys"},
      {false, false, false, true, false, GS_INPUT_KEYBOARD, "keyboard"},
      {false, false, true, true, false, GS_INPUT_KEYBOARD, "keyboard with a wheel"},
      {false, false, false, false, true, GS_INPUT_OTHER, "touchscreen"},
      {false, true, false, false, true, GS_INPUT_OTHER, "touchpad"},
      {false, false, false, false, false, GS_INPUT_NONE, "lid, power button, sensor"},
      {false, false, true, false, false, GS_INPUT_NONE, "a wheel alone"},
  };
  for (const Row& row : rows)
    EXPECT_EQ(gs_input_lane_of(row.gamepad, row.mouse_button, row.relative, row.letters, row.touch), row.lane)
        << row.device;
}

}  // namespace
}  // namespace gamesched::tests
