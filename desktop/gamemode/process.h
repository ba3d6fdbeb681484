// SPDX-License-Identifier: GPL-2.0-or-later
//
// The processes that GameMode's clients name: by pidfd or, from those that cannot, by number.
//
// A number means the process that has it now: it is turned into a pidfd at once,
// and everything after is about that. Facts from /proc are believed when the
// process still lives once they are read.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "service/util/fd.h"

namespace gamesched::gamemode {

struct Process {
  pid_t pid = 0;
  UniqueFd pidfd;
  uint64_t start_ticks = 0;  // since boot; with the pid, the process's identity
  std::string executable;    // as /proc/PID/exe names it; where that is hidden, as the process names itself
};

// Nothing when the process has ended, is no process of ours to read, or `pidfd` is no pidfd.
std::optional<Process> process_of(UniqueFd pidfd);
std::optional<Process> process_of(pid_t pid);

// The process of a pidfd, ended or not visible from here: nothing.
std::optional<pid_t> pid_of(int pidfd);

// 0 when the process has ended.
pid_t parent_of(pid_t pid);

// What the sender means by `number`: itself, where that is its own id in a pid namespace of its own; else
// `number`.
pid_t meant_by(pid_t sender, pid_t number);

// What gameschedd should call it: from its command line, else from its executable.
std::string name_of(const Process& process);

}  // namespace gamesched::gamemode
