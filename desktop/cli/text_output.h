// SPDX-License-Identifier: GPL-2.0-or-later
//
// What people read. Colours only mark the state, and only where asked for.
#pragma once

#include <string>

#include "desktop/cli/model.h"

namespace gamesched::cli::text {

// Whether standard output takes colours: a terminal that is not "dumb", and no NO_COLOR (no-color.org).
bool colours_wanted();

std::string status(const Status& status, bool colours);
std::string games(const std::vector<Game>& games);
std::string counters(const Counters& counters);

}  // namespace gamesched::cli::text
