// SPDX-License-Identifier: GPL-2.0-or-later
//
// Options of a game as gamesched-run sends them past the bus: "key=value" (name, app-id, profile, target-fps), each
// ended by a NUL, which no argument of a program can hold.
#pragma once

#include <string_view>

#include "service/games/options.h"

namespace gamesched::games {

// InvalidArgument, as RegisterGame of the same options.
Result<GameOptions> options_of_text(std::string_view text);

}  // namespace gamesched::games
