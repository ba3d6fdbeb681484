// SPDX-License-Identifier: GPL-2.0-or-later
//
// gameschedctl explain: how the threads of a process, or one thread, are scheduled, and why.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "desktop/cli/model.h"
#include "service/util/fd.h"

namespace gamesched::cli::thread {

// All threads of the process with that id, by id; or the one thread that has it. Empty when there is neither.
std::vector<pid_t> threads_of(pid_t id);
// A pidfd of a thread; none when it has ended.
UniqueFd open_thread(pid_t tid);

std::string text(const std::vector<Thread>& threads);
std::string json(const std::vector<Thread>& threads);

}  // namespace gamesched::cli::thread
