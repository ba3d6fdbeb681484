// SPDX-License-Identifier: GPL-2.0-or-later
//
// Who a pidfd stands for, and whether that may be a game.
//
// inspect() asks the kernel through the pidfd itself, so that a reused process
// id cannot answer for it; /proc is read only between two proofs that the
// process lives. may_be_game() is the pure rule over those facts.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "service/util/result.h"

namespace gamesched::games {

struct ProcessFacts {
  pid_t pid = 0;   // of the thread the pidfd stands for
  pid_t tgid = 0;  // of its process
  uid_t ruid = 0, euid = 0, suid = 0, fsuid = 0;
  uint64_t start_ticks = 0;  // with tgid: the process's identity for all time since boot
  bool kernel_thread = false;
  bool zombie = false;
  std::string comm;  // cleaned for people

  bool one_user() const { return ruid == euid && euid == suid && suid == fsuid; }
  bool same_process(const ProcessFacts& other) const {
    return tgid == other.tgid && start_ticks == other.start_ticks;
  }
};

// Proc: as before Linux 6.13, which has no PIDFD_GET_INFO; for tests.
enum class Ask { Kernel, Proc };

// NoSuchProcess when it has ended, InvalidArgument when the descriptor is no pidfd.
Result<ProcessFacts> inspect(int pidfd, Ask ask = Ask::Kernel);

// NotAGame, NotYourProcess or NoSuchProcess. Whose process it is, is for the caller to judge: facts.ruid.
Result<void> may_be_game(const ProcessFacts& facts, pid_t own_pid);

}  // namespace gamesched::games
