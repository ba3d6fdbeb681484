// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/cli/thread_command.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <format>
#include <iterator>
#include <nlohmann/json.hpp>

#include "service/util/procfs.h"

namespace gamesched::cli::thread {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr int pidfd_thread = O_EXCL;  // PIDFD_THREAD of linux/pidfd.h, Linux 6.9 and later

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

std::string milliseconds(uint64_t usec) {
  return usec == 0 ? "-" : std::format("{:.2f}", static_cast<double>(usec) / 1000);
}

}  // namespace

std::vector<pid_t> threads_of(pid_t id) {
  const auto status = procfs::read_status(id);
  if (!status) return {};
  if (status->tgid != id) return {id};
  std::vector<pid_t> threads;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(std::format("/proc/{}/task", id), error)) {
    const std::string name = entry.path().filename().string();
    pid_t tid = 0;
    std::from_chars(name.data(), name.data() + name.size(), tid);
    if (tid > 0) threads.push_back(tid);
  }
  std::ranges::sort(threads);
  return threads;
}

UniqueFd open_thread(pid_t tid) {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, tid, pidfd_thread)));
}

std::string text(const std::vector<Thread>& threads) {
  std::string out = std::format("{:>8}  {:<15}  {:<12}  {:>3}  {:>8}  {:>8}  {:>8}  {}\n", "THREAD", "NAME",
                                "LANE", "HOP", "FRAME ms", "BURST ms", "WAIT ms", "EVIDENCE");
  for (const Thread& thread : threads) {
    std::format_to(std::back_inserter(out), "{:>8}  {:<15}  {:<12}  {:>3}  {:>8}  {:>8}  {:>8}  {}\n",
                   thread.tid, thread.name, thread.lane.empty() ? "-" : thread.lane, thread.hop,
                   milliseconds(thread.frame_period), milliseconds(thread.burst_average),
                   milliseconds(thread.wait_average),
                   thread.evidence.empty() ? "-" : joined(thread.evidence));
  }
  if (std::ranges::all_of(threads, [](const Thread& thread) { return thread.lane.empty(); }))
    out +=
        "\nNo lane is known: gamesched's scheduler is attached while a game runs, and knows who ran since.\n";
  return out;
}

std::string json(const std::vector<Thread>& threads) {
  const auto known = [](uint64_t value) { return value == 0 ? Json(nullptr) : Json(value); };
  Json all = Json::array();
  for (const Thread& thread : threads) {
    all.push_back({{"tid", thread.tid},
                   {"process", thread.process},
                   {"name", thread.name},
                   {"game", thread.game.empty() ? Json(nullptr) : Json(thread.game)},
                   {"lane", thread.lane.empty() ? Json(nullptr) : Json(thread.lane)},
                   {"evidence", thread.evidence},
                   {"hop", thread.hop},
                   {"input_window", thread.input_window},
                   {"ages_usec", thread.ages},
                   {"frame_period_usec", known(thread.frame_period)},
                   {"audio_period_usec", known(thread.audio_period)},
                   {"burst_average_usec", thread.burst_average},
                   {"wait_usec", thread.wait},
                   {"wait_average_usec", thread.wait_average},
                   {"llc", thread.llc},
                   {"cpu", thread.cpu}});
  }
  return all.dump(2) + "\n";
}

}  // namespace gamesched::cli::thread
