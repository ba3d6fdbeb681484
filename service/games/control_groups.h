// SPDX-License-Identifier: GPL-2.0-or-later
//
// Paths of control groups. Reading one costs more than all rules together, and in a storm of programs they
// are the same few: those that ids were seen for are remembered. An id is never used twice while the machine
// runs.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>

namespace gamesched::games {

class ControlGroups {
 public:
  explicit ControlGroups(std::string root = "/sys/fs/cgroup") : root_(std::move(root)) {}

  // Of the group of that id, which the process was in; of the process's group now where `id` is 0 or it has
  // moved. "" when unknown.
  std::string path_of(pid_t pid, uint64_t id);

 private:
  const std::string root_;
  std::unordered_map<uint64_t, std::string> paths_;
};

}  // namespace gamesched::games
