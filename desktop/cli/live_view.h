// SPDX-License-Identifier: GPL-2.0-or-later
//
// How `gameschedctl top` looks: a pure function of what is known and of the terminal's size.
//
// The state and why; each game with its threads by lane; how often threads of each lane ran and how long they waited;
// counters. What does not fit is left out from below, and said so. Made for 80x24 and more.
#pragma once

#include <cstddef>
#include <string>

#include "desktop/cli/live.h"

namespace gamesched::cli::live {

struct Window {
  int columns = 80, rows = 24;
  std::size_t scrolled = 0;  // games left out above
};

// As many lines as the window has rows, "\r\n" between them, with the terminal's escape sequences for bold and, where
// `colours`, for colours.
std::string picture(const Live& live, const Window& window, bool colours);

}  // namespace gamesched::cli::live
