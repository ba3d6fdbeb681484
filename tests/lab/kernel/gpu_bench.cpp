// SPDX-License-Identifier: GPL-2.0-or-later
//
// gpu-bench: what the GPU's detector takes of an ioctl, an empty program at the same hook subtracted. One
// JSON object on standard output; times are nanoseconds. Needs root and vgem; no other gamesched may run.
//
// What is asked of the driver makes no sense to it: the hook comes before that.
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "service/kernel/loader.h"
#include "tests/lab/kernel/bpf_cost.h"
#include "tests/lab/workload/clock.h"

namespace gamesched::lab {
namespace {

using nlohmann::json;
using workload::ns_per_s;

constexpr uint32_t game = 1;
constexpr unsigned long fence_attach = _IOWR('d', 0x41, char[16]);  // vgem's stand-in for a submit
constexpr unsigned long fence_signal = _IOW('d', 0x42, char[8]);    // a command that is none
constexpr unsigned long page_flip = _IOWR('d', 0xb0, char[24]);

int open_vgem() {
  namespace fs = std::filesystem;
  std::error_code none;
  for (const auto& card : fs::directory_iterator("/sys/class/drm", none)) {
    const std::string name = card.path().filename().string();
    if (name.starts_with("card") && fs::read_symlink(card.path() / "device", none).filename() == "vgem")
      return open(("/dev/dri/" + name).c_str(), O_RDWR | O_CLOEXEC);
  }
  throw std::runtime_error("there is no vgem: modprobe vgem");
}

json run() {
  const sched_param parameters{.sched_priority = 10};
  ::sched_setscheduler(0, SCHED_RR, &parameters);
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(0, &set);
  ::sched_setaffinity(0, sizeof(set), &set);
  const int card = open_vgem();
  const auto backend = kernel::make_backend();
  backend->load();
  for (const auto& detector : backend->detectors())
    if (detector.name == "gpu" && !detector.attached)
      throw std::runtime_error("the GPU's detector: " + detector.reason);
  const int hook = program_named("gpu_ioctl");
  const EmptyProgram empty("security_file_ioctl");
  const Statistics statistics;
  char argument[64] = {};
  json result;
  // `frames` times at 200 Hz, `each` of them at once. The least of some rounds: the emulator's CPUs share one
  // stream of instructions, and what another does meanwhile counts.
  const auto phase = [&](const char* name, int fd, unsigned long command, int frames, int each) {
    double least_ns = std::numeric_limits<double>::max();
    uint64_t events = 0;
    for (int round = 0; round < 3; round++) {
      const Cost hook_before = cost_of(hook), empty_before = empty.cost();
      int64_t at = workload::now_ns();
      for (int frame = 0; frame < frames; frame++) {
        workload::sleep_until_ns(at += ns_per_s / 200);
        for (int i = 0; i < each; i++) (void)::ioctl(fd, command, argument);
      }
      const Cost of_hook = cost_of(hook) - hook_before, of_empty = empty.cost() - empty_before;
      least_ns = std::min(least_ns, of_hook.mean_ns() - of_empty.mean_ns());
      events += of_hook.runs;
    }
    result[name] = {{"mean_ns", least_ns}, {"events", events}};
  };
  int pipes[2];
  if (::pipe(pipes) != 0) throw std::runtime_error("no pipe");
  phase("other", pipes[0], 0x541B /* FIONREAD */, 50, 20);
  phase("no_submit", card, fence_signal, 50, 20);
  phase("without_game", card, fence_attach, 100, 4);
  // As a game is: scheduled by us, which knows whose thread it is.
  const sched_param usual{};
  ::sched_setscheduler(0, SCHED_OTHER, &usual);
  backend->add_game(game, getpid()).value();
  if (const auto attached = backend->attach(); !attached) throw std::runtime_error(attached.error().message);
  phase("four_a_frame", card, fence_attach, 100, 4);
  phase("one_a_frame", card, fence_attach, 100, 1);
  phase("flip", card, page_flip, 100, 1);
  phase("sixteen_a_frame", card, fence_attach, 100, 16);
  backend->detach();
  backend->remove_game(game);
  return result;
}

}  // namespace
}  // namespace gamesched::lab

int main() {
  try {
    std::cout << gamesched::lab::run().dump() << std::endl;
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "gpu-bench: " << error.what() << '\n';
    return 1;
  }
}
