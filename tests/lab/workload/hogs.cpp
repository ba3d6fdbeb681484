// SPDX-License-Identifier: GPL-2.0-or-later
//
// hogs: the background. N processes that always have work, K fork storms (each forks a short-lived child,
// waits for it, forks the next), and optionally many sleeping threads. Reports the work that got done in
// the measured interval and the longest that any of them waited for a CPU.
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <new>
#include <nlohmann/json.hpp>
#include <span>
#include <system_error>
#include <thread>
#include <vector>

#include "tests/lab/workload/options.h"
#include "tests/lab/workload/process.h"
#include "tests/lab/workload/work_counter.h"

namespace gamesched::workload {
namespace {

struct Options {
  Control control;
  unsigned hogs = 0;
  unsigned storms = 0;
  unsigned sleepers = 0;
  uint64_t unit_iterations = 10'000;
  uint64_t child_iterations = 40'000;
};

struct Storm {
  uint64_t children = 0;
  int64_t cpu_ns = 0;           // of parent and children
  int64_t longest_wait_ns = 0;  // of a child for its first turn, or of the parent while it forked
};

// Shared with all children; each writes its own cell only.
struct Board {
  Interval interval;
  static constexpr size_t most = 256;
  WorkCounter hogs[most];
  Storm storms[most];
};

Board& make_board() {
  void* memory = mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
  return *new (memory) Board;
}

template <typename Body>
pid_t spawn(Body body) {
  const pid_t child = fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (child > 0) return child;
  die_with_parent();
  hide_name();
  body();
  _exit(0);
}

// How long this process, which has one thread, has waited for a CPU since its fork, as the kernel counts it;
// `most_ns` where the kernel does not tell.
int64_t waited_ns(int64_t most_ns) {
  std::ifstream file("/proc/self/schedstat");
  int64_t ran_ns = 0;
  int64_t delay_ns = 0;
  int64_t turns = 0;  // 0: it keeps no such record; what it ran may be 0 in a first turn
  return file >> ran_ns >> delay_ns >> turns && turns > 0 ? std::min(delay_ns, most_ns) : most_ns;
}

int64_t cpu_time_ns_of(int who) {
  rusage usage{};
  getrusage(who, &usage);
  const auto ns = [](const timeval& time) { return time.tv_sec * ns_per_s + time.tv_usec * ns_per_us; };
  return ns(usage.ru_utime) + ns(usage.ru_stime);
}

int64_t family_cpu_time_ns() {
  return cpu_time_ns_of(RUSAGE_SELF) + cpu_time_ns_of(RUSAGE_CHILDREN);
}

// A fork takes long enough for its parent to be sent off a CPU in the middle, after or before the child can run:
// from its begin to the child's first instruction there may be two waits. The kernel is asked only of who may have
// waited for longer than all before, for that is work too.
void run_storm(const Interval& interval, Storm& storm, uint64_t child_iterations) {
  int64_t had_ns = 0;
  for (int64_t begin_ns = now_ns(); !interval.over(begin_ns); begin_ns = now_ns()) {
    const int64_t ran_ns = cpu_time_ns();
    const pid_t child = fork();
    if (child < 0) _exit(1);
    const int64_t since_ns = now_ns() - begin_ns;
    if (interval.contains(begin_ns) && since_ns > storm.longest_wait_ns) {
      const int64_t wait_ns = child == 0 ? waited_ns(since_ns) : since_ns - (cpu_time_ns() - ran_ns);
      storm.longest_wait_ns = std::max(storm.longest_wait_ns, wait_ns);
    }
    if (child == 0) {
      spin(child_iterations);
      _exit(0);
    }
    waitpid(child, nullptr, 0);
    if (interval.contains(now_ns()) && storm.children++ == 0) had_ns = family_cpu_time_ns();
  }
  if (storm.children > 0) storm.cpu_ns = family_cpu_time_ns() - had_ns;
}

nlohmann::json report(const Board& board, const Options& options) {
  uint64_t units = 0;
  uint64_t fewest = options.hogs == 0 ? 0 : board.hogs[0].units;
  uint64_t most = 0;
  int64_t hog_cpu_ns = 0;
  int64_t hog_wait_ns = 0;
  for (const auto& hog : std::span(board.hogs, options.hogs)) {
    units += hog.units;
    hog_cpu_ns += hog.cpu_ns;
    fewest = std::min(fewest, hog.units);
    most = std::max(most, hog.units);
    hog_wait_ns = std::max(hog_wait_ns, hog.longest_wait_ns(board.interval));
  }
  uint64_t children = 0;
  int64_t storm_cpu_ns = 0;
  int64_t child_wait_ns = 0;
  for (const auto& storm : std::span(board.storms, options.storms)) {
    children += storm.children;
    storm_cpu_ns += storm.cpu_ns;
    child_wait_ns = std::max(child_wait_ns, storm.longest_wait_ns);
  }
  return {{"interval_ns", board.interval.stop_ns() - board.interval.start_ns()},
          {"hogs",
           {{"units", units},
            {"fewest_units", fewest},
            {"most_units", most},
            {"cpu_ns", hog_cpu_ns},
            {"longest_wait_ms", static_cast<double>(hog_wait_ns) / ns_per_ms}}},
          {"storm",
           {{"children", children},
            {"cpu_ns", storm_cpu_ns},
            {"longest_wait_ms", static_cast<double>(child_wait_ns) / ns_per_ms}}}};
}

int run(const Options& options) {
  prepare_process();
  Board& board = make_board();
  std::vector<pid_t> children;
  for (unsigned i = 0; i < options.hogs; ++i) {
    children.push_back(spawn([&, i] { board.hogs[i].run(board.interval, options.unit_iterations); }));
  }
  for (unsigned i = 0; i < options.storms; ++i) {
    children.push_back(
        spawn([&, i] { run_storm(board.interval, board.storms[i], options.child_iterations); }));
  }
  // After the forks: a child has one thread only.
  std::vector<std::jthread> sleepers;
  for (unsigned i = 0; i < options.sleepers; ++i) {
    sleepers.emplace_back([&board] {
      while (!board.interval.over(now_ns())) sleep_until_ns(now_ns() + 100 * ns_per_ms);
    });
  }
  const bool in_time = options.control.announce_and_arm(board.interval);
  int failed = 0;
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    failed += status != 0 ? 1 : 0;
  }
  sleepers.clear();
  auto result = report(board, options);
  result["in_time"] = in_time;
  result["failed"] = failed;
  options.control.write(result.dump());
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace gamesched::workload

int main(int argc, char** argv) {
  gamesched::workload::Options options;
  CLI::App app{"Background load that counts its work"};
  gamesched::workload::add_control_options(app, options.control);
  const auto most = static_cast<unsigned>(gamesched::workload::Board::most);
  app.add_option("--hogs", options.hogs, "Processes that always have work")->check(CLI::Range(0U, most));
  app.add_option("--storm", options.storms, "Fork storms")->check(CLI::Range(0U, most));
  app.add_option("--sleepers", options.sleepers, "Threads that wake 10 times a second");
  app.add_option("--unit-iterations", options.unit_iterations, "Work of one unit of a hog");
  app.add_option("--child-iterations", options.child_iterations, "Work of one child of a storm");
  CLI11_PARSE(app, argc, argv);
  try {
    return gamesched::workload::run(options);
  } catch (const std::exception& error) {
    std::cerr << "hogs: " << error.what() << '\n';
    return 1;
  }
}
