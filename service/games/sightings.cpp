// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/games/sightings.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "service/util/procfs.h"

namespace gamesched::games {
namespace {

// As much as the kernel's hook tells of a start.
constexpr std::size_t max_args_bytes = 512;
constexpr std::size_t max_args = 64;

std::vector<std::string> split_args(std::string_view text) {
  std::vector<std::string> args;
  text = text.substr(0, max_args_bytes);
  while (!text.empty() && args.size() < max_args) {
    const std::size_t end = std::min(text.find('\0'), text.size());
    args.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return args;
}

}  // namespace

std::optional<Sighting> sight(pid_t pid) {
  const auto stat = procfs::read_stat(pid);
  if (!stat || stat->is_zombie() || stat->is_kernel_thread()) return std::nullopt;
  const auto status = procfs::read_status(pid);
  const auto line = procfs::read_command_line(pid);
  if (!status || !line) return std::nullopt;
  Sighting sighting{
      .pid = pid, .parent = stat->ppid, .uid = status->ruid, .path = {}, .args = split_args(*line)};
  if (!sighting.args.empty()) sighting.path = sighting.args[0];
  return sighting;
}

std::string cgroup_of(pid_t pid) {
  const auto text = procfs::read_cgroup(pid);
  return text ? *text : std::string{};
}

std::vector<Running> running_since(uint64_t since_ticks) {
  std::vector<Running> out;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator("/proc", error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    pid_t pid = 0;
    const auto [end, wrong] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (wrong != std::errc{} || end != name.data() + name.size()) continue;
    const auto stat = procfs::read_stat(pid);
    if (stat && !stat->is_kernel_thread() && stat->start_ticks >= since_ticks)
      out.push_back({pid, stat->start_ticks});
  }
  std::ranges::sort(out, {}, [](const Running& each) { return std::pair(each.start_ticks, each.pid); });
  return out;
}

}  // namespace gamesched::games
