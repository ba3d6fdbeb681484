// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

namespace gamesched {

// Whether a session of that user is in front at a seat, by what systemd-logind keeps in /run/systemd. False
// where there is no logind.
bool is_at_a_seat(uid_t uid);

}  // namespace gamesched
