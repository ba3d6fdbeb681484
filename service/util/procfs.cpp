// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/util/procfs.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <vector>

#include "service/util/fd.h"

namespace gamesched::procfs {
namespace {

// stat is one line, status 60 to 70 lines (supplementary groups make it longer).
constexpr std::size_t max_bytes = 64 * 1024;

enum class Longer { IsWrong, Cut };

Result<std::string> read(const std::string& path, Longer longer = Longer::IsWrong) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno("cannot open " + path, errno);
  std::string text;
  std::array<char, 4096> part{};
  while (text.size() < max_bytes) {
    const ssize_t n = ::read(fd.get(), part.data(), part.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("cannot read " + path, errno);
    if (n == 0) return text;
    text.append(part.data(), static_cast<std::size_t>(n));
  }
  if (longer == Longer::Cut) return text;
  return fail(Error::Code::System, path + " is longer than expected");
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> out;
  constexpr std::string_view blanks = " \t\n";
  for (std::size_t at = text.find_first_not_of(blanks); at != text.npos;) {
    const std::size_t end = std::min(text.find_first_of(blanks, at), text.size());
    out.push_back(text.substr(at, end - at));
    at = text.find_first_not_of(blanks, end);
  }
  return out;
}

template <typename Number>
std::optional<Number> number(std::string_view word) {
  Number value{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
  return value;
}

// The words after "KEY:" of a status-like file.
std::optional<std::vector<std::string_view>> line_of(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    if (line.starts_with(key) && line.substr(key.size()).starts_with(':'))
      return words(line.substr(key.size() + 1));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::nullopt;
}

}  // namespace

Result<Stat> parse_stat(std::string_view text) {
  // The name may hold blanks and brackets: it ends at the last ')'.
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == text.npos || close == text.npos || close < open) {
    return fail(Error::Code::System, "/proc/PID/stat has no name");
  }
  // After the name: field 3 (state) is words[0], 4 (ppid) is [1], 9 (flags) is [6], 22 (starttime) is [19],
  // 39 (processor) is [36].
  const auto rest = words(text.substr(close + 1));
  if (rest.size() < 20 || rest[0].size() != 1)
    return fail(Error::Code::System, "/proc/PID/stat is too short");
  const auto ppid = number<pid_t>(rest[1]);
  const auto flags = number<uint64_t>(rest[6]);
  const auto start = number<uint64_t>(rest[19]);
  if (!ppid || !flags || !start)
    return fail(Error::Code::System, "/proc/PID/stat has no numbers where they belong");
  const auto processor = rest.size() > 36 ? number<uint32_t>(rest[36]) : std::nullopt;
  return Stat{std::string(text.substr(open + 1, close - open - 1)),
              rest[0][0],
              *flags,
              *start,
              *ppid,
              processor.value_or(0)};
}

Result<Status> parse_status(std::string_view text) {
  const auto tgid = line_of(text, "Tgid");
  const auto uids = line_of(text, "Uid");
  if (!tgid || tgid->size() != 1 || !uids || uids->size() != 4) {
    return fail(Error::Code::System, "/proc/PID/status lacks Tgid or Uid");
  }
  const auto id = number<pid_t>((*tgid)[0]);
  std::array<uid_t, 4> uid{};
  for (std::size_t i = 0; i < uid.size(); ++i) {
    const auto value = number<uid_t>((*uids)[i]);
    if (!value) return fail(Error::Code::System, "/proc/PID/status has no user id where it belongs");
    uid[i] = *value;
  }
  if (!id) return fail(Error::Code::System, "/proc/PID/status has no process id where it belongs");
  return Status{*id, uid[0], uid[1], uid[2], uid[3]};
}

Result<pid_t> parse_pidfd_fdinfo(std::string_view text) {
  const auto line = line_of(text, "Pid");
  if (!line || line->size() != 1) return fail(Error::Code::InvalidArgument, "not a pidfd");
  const auto pid = number<pid_t>((*line)[0]);
  if (!pid) return fail(Error::Code::InvalidArgument, "not a pidfd");
  return *pid;
}

Result<Stat> read_stat(pid_t pid) {
  return read("/proc/" + std::to_string(pid) + "/stat").and_then(parse_stat);
}

Result<Status> read_status(pid_t pid) {
  return read("/proc/" + std::to_string(pid) + "/status").and_then(parse_status);
}

Result<pid_t> read_pidfd_pid(int fd) {
  return read("/proc/self/fdinfo/" + std::to_string(fd)).and_then(parse_pidfd_fdinfo);
}

Result<std::string> read_command_line(pid_t pid) {
  return read("/proc/" + std::to_string(pid) + "/cmdline", Longer::Cut);
}

Result<std::string> read_cgroup(pid_t pid) {
  auto text = read("/proc/" + std::to_string(pid) + "/cgroup");
  if (!text) return text;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    if (line.starts_with("0::")) return std::string(line.substr(3));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return fail(Error::Code::System, "process " + std::to_string(pid) + " is in no unified control group");
}

}  // namespace gamesched::procfs
