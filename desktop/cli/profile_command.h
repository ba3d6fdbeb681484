// SPDX-License-Identifier: GPL-2.0-or-later
//
// gameschedctl profile: list, get, set, hold.
#pragma once

#include <string>
#include <vector>

#include "desktop/cli/client.h"

namespace gamesched::cli::profile {

std::string text(const ProfileState& state);
std::string json(const ProfileState& state);

// Runs `command` and waits for its end; its exit status, 128 + N after signal N, 127 when it cannot be
// started.
int run_command(const std::vector<std::string>& command);

}  // namespace gamesched::cli::profile
