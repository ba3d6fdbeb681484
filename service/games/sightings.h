// SPDX-License-Identifier: GPL-2.0-or-later
//
// Processes as everybody sees them in /proc: command line, parent, user, control group. Not the environment
// and not the executable's file, which are their user's own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "service/games/detection.h"

namespace gamesched::games {

// Nothing when it has ended or is a thread of the kernel.
std::optional<Sighting> sight(pid_t pid);

// The path in the unified hierarchy; "" when unknown.
std::string cgroup_of(pid_t pid);

struct Running {
  pid_t pid = 0;
  uint64_t start_ticks = 0;
};

// All processes that started at `since_ticks` or later, oldest first: parents come before their children.
std::vector<Running> running_since(uint64_t since_ticks);

}  // namespace gamesched::games
