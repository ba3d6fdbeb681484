// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/gamemode/process.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <vector>

#include "desktop/run/label.h"
#include "service/util/file.h"
#include "service/util/procfs.h"
#include "service/util/text.h"

namespace gamesched::gamemode {
namespace {

// Enough for a launcher's chain: Steam's longest are around 4 KiB. What is beyond only costs a name.
constexpr std::size_t max_command_line = 32 * 1024;
constexpr std::size_t max_status = 64 * 1024;

std::string path_in_proc(pid_t pid, const char* file) {
  return "/proc/" + std::to_string(pid) + "/" + file;
}

// A pidfd becomes readable when its process ends.
bool alive(int pidfd) {
  pollfd end{.fd = pidfd, .events = POLLIN, .revents = 0};
  return poll(&end, 1, 0) == 0;
}

// Not read_file(), which refuses what is longer: here the beginning will do.
std::string command_line(pid_t pid) {
  const UniqueFd fd(open(path_in_proc(pid, "cmdline").c_str(), O_RDONLY | O_CLOEXEC));
  std::string text(max_command_line, '\0');
  const ssize_t size = fd ? read(fd.get(), text.data(), text.size()) : 0;
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return text;
}

// A login at the machine's screen has a capability (CAP_WAKE_ALARM) that the same user's services may not
// have. The kernel then hides from them what its processes execute, but not what they say they do.
std::optional<std::string> claimed_executable_of(pid_t pid, const procfs::Stat& stat) {
  const auto status = procfs::read_status(pid);
  if (!status || status->ruid != getuid()) return std::nullopt;
  const std::string words = command_line(pid);
  const std::string first = words.substr(0, words.find('\0'));
  return cleaned(first.empty() ? stat.comm : first, PATH_MAX);
}

std::optional<std::string> executable_of(pid_t pid, const procfs::Stat& stat) {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = readlink(path_in_proc(pid, "exe").c_str(), path.data(), path.size());
  if (size > 0) return std::string(path.data(), static_cast<std::size_t>(size));
  return errno == EACCES || errno == EPERM ? claimed_executable_of(pid, stat) : std::nullopt;
}

}  // namespace

std::optional<pid_t> pid_of(int pidfd) {
  const auto pid = procfs::read_pidfd_pid(pidfd);
  if (!pid || *pid <= 0) return std::nullopt;
  return *pid;
}

std::optional<Process> process_of(UniqueFd pidfd) {
  const auto pid = pid_of(pidfd.get());
  if (!pid) return std::nullopt;
  const auto stat = procfs::read_stat(*pid);
  if (!stat) return std::nullopt;
  auto executable = executable_of(*pid, *stat);
  if (!executable || !alive(pidfd.get())) return std::nullopt;
  return Process{.pid = *pid,
                 .pidfd = std::move(pidfd),
                 .start_ticks = stat->start_ticks,
                 .executable = std::move(*executable)};
}

std::optional<Process> process_of(pid_t pid) {
  if (pid <= 0) return std::nullopt;
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0U)));
  return pidfd ? process_of(std::move(pidfd)) : std::nullopt;
}

pid_t parent_of(pid_t pid) {
  const auto stat = procfs::read_stat(pid);
  return stat ? stat->ppid : 0;
}

pid_t meant_by(pid_t sender, pid_t number) {
  if (sender <= 0 || sender == number) return number;
  const auto status = read_file(path_in_proc(sender, "status"), max_status);
  if (!status) return number;
  // "NSpid:\t4711\t12": its ids from our namespace to its own.
  constexpr std::string_view key = "\nNSpid:";
  const std::size_t at = status->find(key);
  if (at == status->npos) return number;
  std::string_view ids(status->data() + at + key.size());
  ids = ids.substr(0, ids.find('\n'));
  const std::size_t last = ids.rfind('\t');
  if (last == ids.npos || last == 0) return number;  // one id: it shares our namespace
  pid_t own = 0;
  std::from_chars(ids.data() + last + 1, ids.data() + ids.size(), own);
  return own == number ? sender : number;
}

std::string name_of(const Process& process) {
  std::string text = command_line(process.pid);
  text.push_back('\0');
  std::vector<char*> words;
  for (std::size_t at = 0; at < text.size() && text[at] != '\0';) {
    words.push_back(text.data() + at);
    at = text.find('\0', at) + 1;
  }
  if (words.empty()) words.push_back(const_cast<char*>(process.executable.c_str()));
  words.push_back(nullptr);
  return run::name_of_command(words.data(), /*by_steam=*/false).data();
}

}  // namespace gamesched::gamemode
