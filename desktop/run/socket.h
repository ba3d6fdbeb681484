// SPDX-License-Identifier: GPL-2.0-or-later
//
// Asking gameschedd at its own socket (service/bus/registration_socket.h): one packet there, one back, and nothing
// loaded for it.
#pragma once

#include "desktop/run/answer.h"

namespace gamesched::run {

// Reach::Nobody where there is no socket, nobody listens, or the connection ends without an answer. Until
// `deadline_usec` of CLOCK_MONOTONIC.
Answer ask_socket(const Options& options, uint64_t deadline_usec);

}  // namespace gamesched::run
