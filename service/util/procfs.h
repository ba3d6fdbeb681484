// SPDX-License-Identifier: GPL-2.0-or-later
//
// Facts of a process from /proc, parsed apart from reading so that tests can
// feed any text. A process may end at any time: a reader that needs to know
// whose facts these are holds a pidfd and asks it afterwards.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "service/util/result.h"

namespace gamesched::procfs {

struct Stat {
  std::string comm;  // raw bytes, at most 15 for a user's process
  char state = '?';  // proc_pid_stat(5)
  uint64_t flags = 0;
  uint64_t start_ticks = 0;  // since boot
  pid_t ppid = 0;
  uint32_t processor = 0;  // where it ran last

  bool is_zombie() const { return state == 'Z' || state == 'X' || state == 'x'; }
  bool is_kernel_thread() const { return (flags & pf_kthread) != 0; }
  static constexpr uint64_t pf_kthread = 0x0020'0000;  // include/linux/sched.h, stable ABI of this file
};

struct Status {
  pid_t tgid = 0;
  uid_t ruid = 0, euid = 0, suid = 0, fsuid = 0;
};

Result<Stat> parse_stat(std::string_view text);
Result<Status> parse_status(std::string_view text);

// The "Pid:" line of a descriptor's fdinfo: a pid, -1 when the process was reaped. InvalidArgument when the
// descriptor is no pidfd at all. Never calls into the file behind the descriptor, which may be anybody's.
Result<pid_t> parse_pidfd_fdinfo(std::string_view text);

Result<Stat> read_stat(pid_t pid);
Result<Status> read_status(pid_t pid);
Result<pid_t> read_pidfd_pid(int fd);
// The arguments, each ended by a zero byte; at most the first 64 KiB.
Result<std::string> read_command_line(pid_t pid);
// The path in the unified hierarchy ("0::/...").
Result<std::string> read_cgroup(pid_t pid);

}  // namespace gamesched::procfs
