// SPDX-License-Identifier: GPL-2.0-or-later
//
// mouse: a mouse that moves, made with uinput. Real-time itself, so that its own pacing is no artefact of
// the scheduler under test. The ready line carries its event device; it moves until SIGTERM or SIGINT.
#include <sched.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/lab/workload/clock.h"
#include "tests/lab/workload/process.h"
#include "tests/lab/workload/slots.h"
#include "tests/lab/workload/virtual_mouse.h"

namespace gamesched::workload {
namespace {

volatile sig_atomic_t stop_requested = 0;

void run(double hz, const std::string& ready_path, const std::string& name) {
  prepare_process();
  struct sigaction action{};
  action.sa_handler = [](int) { stop_requested = 1; };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  VirtualMouse mouse(name);
  set_realtime(SCHED_FIFO, 10);  // above the SCHED_RR 1 of the rival that is measured
  const std::string ready_line = std::to_string(getpid()) + ' ' + mouse.event_device() + '\n';
  if (ready_path.empty()) {
    std::cout << ready_line << std::flush;
  } else {
    std::ofstream(ready_path) << ready_line;
  }
  const Slots slots{.first_ns = now_ns(), .period_ns = static_cast<int64_t>(ns_per_s / hz)};
  int64_t events = 0;
  int64_t late = 0;
  for (int64_t slot = 0; stop_requested == 0;) {
    sleep_until_ns(slots.start_ns(slot));
    mouse.move(events % 2 == 0 ? 1 : -1);
    ++events;
    const int64_t end_ns = now_ns();
    late += slots.missed(slot, end_ns);
    slot = slots.next_after(slot, end_ns);
  }
  std::cout << nlohmann::json{{"events", events}, {"late", late}} << '\n';
}

}  // namespace
}  // namespace gamesched::workload

int main(int argc, char** argv) {
  double hz = 1000;
  std::string ready_path;
  std::string name = "Test Mouse";
  CLI::App app{"A virtual mouse that moves"};
  app.add_option("--hz", hz, "Events a second")->check(CLI::Range(1.0, 8000.0));
  app.add_option("--ready", ready_path, "Write \"PID DEVICE\" here when ready (default stdout)");
  app.add_option("--name", name, "Device name");
  CLI11_PARSE(app, argc, argv);
  try {
    gamesched::workload::run(hz, ready_path, name);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "mouse: " << error.what() << '\n';
    return 1;
  }
}
