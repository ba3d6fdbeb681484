// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/games/process.h"

#include <poll.h>
#include <sys/ioctl.h>

#include <cerrno>

#include "service/util/procfs.h"
#include "service/util/text.h"

namespace gamesched::games {
namespace {

// include/uapi/linux/pidfd.h of Linux 6.13, by its own layout: the C library's headers may be older.
struct PidfdInfo {
  uint64_t mask;
  uint64_t cgroup_id;
  uint32_t pid, tgid, ppid;
  uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
  int32_t exit_code;
};
static_assert(sizeof(PidfdInfo) == 64, "PIDFD_INFO_SIZE_VER0");
constexpr unsigned long pidfd_get_info = _IOWR(0xFF, 11, PidfdInfo);
constexpr uint64_t pidfd_info_pid = 1U << 0;
constexpr uint64_t pidfd_info_creds = 1U << 1;

Error ended() {
  return {Error::Code::NoSuchProcess, "The process has already ended; register it while it runs."};
}

// A pidfd is readable from the moment its whole process (all threads) is a zombie.
bool alive(int pidfd) {
  pollfd waiting{pidfd, POLLIN, 0};
  return poll(&waiting, 1, 0) == 0;
}

// Linux 6.13 and later: one call, no /proc, no privileges.
bool ask_kernel(int pidfd, ProcessFacts& facts) {
  PidfdInfo info{};
  info.mask = pidfd_info_pid | pidfd_info_creds;
  if (ioctl(pidfd, pidfd_get_info, &info) != 0) return false;
  if ((info.mask & pidfd_info_creds) == 0) return false;
  facts.pid = static_cast<pid_t>(info.pid);
  facts.tgid = static_cast<pid_t>(info.tgid);
  facts.ruid = info.ruid;
  facts.euid = info.euid;
  facts.suid = info.suid;
  facts.fsuid = info.fsuid;
  return true;
}

Result<void> ask_proc(pid_t pid, ProcessFacts& facts) {
  const auto status = procfs::read_status(pid);
  if (!status) return std::unexpected(status.error());
  facts.pid = pid;
  facts.tgid = status->tgid;
  facts.ruid = status->ruid;
  facts.euid = status->euid;
  facts.suid = status->suid;
  facts.fsuid = status->fsuid;
  return {};
}

}  // namespace

Result<ProcessFacts> inspect(int pidfd, Ask ask) {
  // First of all: is it a pidfd? Any other call on a client's descriptor could run the client's code (FUSE).
  const auto pid = procfs::read_pidfd_pid(pidfd);
  if (!pid) {
    return fail(Error::Code::InvalidArgument, "The descriptor is no pidfd; pass one made by pidfd_open(2).");
  }
  if (*pid < 0 || !alive(pidfd)) return std::unexpected(ended());
  if (*pid == 0) {
    return fail(Error::Code::NotYourProcess,
                "The process lives outside the process-id namespace of gameschedd.");
  }
  ProcessFacts facts;
  if (ask == Ask::Proc || !ask_kernel(pidfd, facts)) {
    if (!ask_proc(*pid, facts)) return std::unexpected(ended());
  }
  const auto stat = procfs::read_stat(facts.pid);
  if (!stat) return std::unexpected(ended());
  facts.start_ticks = stat->start_ticks;
  facts.kernel_thread = stat->is_kernel_thread();
  facts.zombie = stat->is_zombie();
  facts.comm = cleaned(stat->comm, 64);
  // Still alive, so the id was not reused: /proc spoke of this process.
  if (!alive(pidfd)) return std::unexpected(ended());
  return facts;
}

Result<void> may_be_game(const ProcessFacts& facts, pid_t own_pid) {
  const std::string who = "Process " + std::to_string(facts.tgid);
  if (facts.zombie) return std::unexpected(ended());
  if (facts.tgid == 1)
    return fail(Error::Code::NotAGame, "Process 1 runs the system and can never be a game.");
  if (facts.tgid == own_pid)
    return fail(Error::Code::NotAGame, who + " is gameschedd itself, which is no game.");
  if (facts.kernel_thread) {
    return fail(Error::Code::NotYourProcess, who + " is a thread of the kernel and belongs to no user.");
  }
  if (facts.pid != facts.tgid) {
    return fail(Error::Code::InvalidArgument,
                "Thread " + std::to_string(facts.pid) + " is not the main thread of " +
                    "its process; pass a pidfd of process " + std::to_string(facts.tgid) + ".");
  }
  if (!facts.one_user()) {
    return fail(
        Error::Code::NotYourProcess,
        who + " runs with the rights of more than one user (it is set-user-id); it cannot be a game.");
  }
  return {};
}

}  // namespace gamesched::games
