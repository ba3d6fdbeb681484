// SPDX-License-Identifier: GPL-2.0-or-later
//
// Registering the calling process with gameschedd, within a bounded time.
//
// Leaves nothing behind that a program executed afterwards could see: no open
// file, no signal disposition, no environment variable. The game lasts until
// the process exits, whatever it executes: gameschedd holds it by the pidfd
// sent here, not by the bus connection.
#pragma once

#include <array>
#include <cstdint>

namespace gamesched::run {

struct Options {
  const char* name = "";    // "": not sent
  const char* app_id = "";  // "": not sent
  uint32_t target_fps = 0;  // 0: not sent
};

// Why the process is not registered, for people, in one line; "" when it is.
using Problem = std::array<char, 512>;

Problem register_self(const Options& options);

// Fills a Problem as printf does; control characters of texts not ours become '?', so that it stays one line.
[[gnu::format(printf, 1, 2)]] Problem problem(const char* format, ...);

}  // namespace gamesched::run
