// SPDX-License-Identifier: GPL-2.0-or-later
//
// The --json forms. Keys are stable: they are added, never renamed or removed.
// gameschedctl(1) lists them.
#pragma once

#include <string>

#include "desktop/cli/client.h"
#include "desktop/cli/model.h"

namespace gamesched::cli::json {

std::string status(const Status& status);
std::string games(const std::vector<Game>& games);
std::string counters(const Counters& counters);
std::string enabled(bool enabled);
std::string problem(const Problem& problem);

}  // namespace gamesched::cli::json
