// SPDX-License-Identifier: GPL-2.0-or-later
//
// Registering the calling process with gameschedd, within a bounded time.
//
// Leaves nothing behind that a program executed afterwards could see: no open
// file, no signal disposition, no environment variable. The game lasts until
// the process exits, whatever it executes: gameschedd holds it by the pidfd
// sent here, not by the bus connection.
//
// It asks at the service's own socket first, and over the system bus where nobody
// answers there. Where that cannot be reached either, as in most sandboxes, the request
// goes to GameMode's interface on the session bus instead, of which gamesched-gamemode
// makes the same: through the desktop portal in Flatpak and Snap, else directly.
// It takes the pidfd only; what the options say stays here.
#pragma once

#include <array>
#include <cstdint>

namespace gamesched::run {

struct Options {
  const char* name = "";     // "": not sent
  const char* app_id = "";   // "": not sent
  const char* profile = "";  // "": not sent
  uint32_t target_fps = 0;   // 0: not sent
};

// What went wrong, for people, in one line; "" when nothing did.
using Problem = std::array<char, 512>;

struct Registration {
  bool done = false;
  Problem problem{};  // why it is not done, or not with all options
};

Registration register_self(const Options& options);

// Fills a Problem as printf does; control characters of texts not ours become '?', so that it stays one line.
[[gnu::format(printf, 1, 2)]] Problem problem(const char* format, ...);

}  // namespace gamesched::run
