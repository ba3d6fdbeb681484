// SPDX-License-Identifier: GPL-2.0-or-later
//
// Asking over D-Bus: gameschedd on the system bus, GameMode's interface on the session bus.
//
// libsystemd is loaded here, when the bus is needed: with the libraries that it needs itself, loading it takes longer
// than all the rest of a start that the service's own socket serves. Where it is missing, as in some containers,
// the game runs all the same.
#pragma once

#include "desktop/run/answer.h"

namespace gamesched::run {

// RegisterGame of org.gamesched.Scheduler1, which the bus starts where it does not run.
Answer ask_system_bus(int pidfd, const Options& options, uint64_t deadline_usec);

// RegisterGameByPIDFd of GameMode's interface: through the desktop portal in a sandbox that has one, else directly.
bool ask_session_bus(int pidfd, uint64_t deadline_usec, bool by_portal);

}  // namespace gamesched::run
