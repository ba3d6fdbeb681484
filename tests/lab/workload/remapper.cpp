// SPDX-License-Identifier: GPL-2.0-or-later
//
// remapper: reads a mouse and writes what it reads into one that it made itself, as Steam Input and other remappers do; an
// ordinary process. Events keep the times at which they came, so that who reads them sees the whole way. The ready line
// carries the event device of its own mouse; it runs until it is killed.
#include <fcntl.h>
#include <linux/input.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <ctime>
#include <fstream>
#include <iostream>
#include <string>

#include "tests/lab/workload/virtual_mouse.h"

namespace gamesched::workload {
namespace {

[[noreturn]] void run(const std::string& source, const std::string& ready_path) {
  VirtualMouse own("Remapped Mouse");
  const int device = open(source.c_str(), O_RDONLY | O_CLOEXEC);
  if (device < 0) fail(source);
  int clock = CLOCK_MONOTONIC;
  if (ioctl(device, EVIOCSCLOCKID, &clock) < 0) fail(source + ": EVIOCSCLOCKID");
  std::ofstream(ready_path) << std::to_string(getpid()) + ' ' + own.event_device() + '\n';
  std::array<input_event, 64> events{};
  for (;;) {
    const ssize_t bytes = read(device, events.data(), sizeof events);
    if (bytes <= 0) fail(source);
    own.send(std::span(events).first(static_cast<size_t>(bytes) / sizeof(input_event)));
  }
}

}  // namespace
}  // namespace gamesched::workload

int main(int argc, char** argv) {
  std::string source, ready_path;
  CLI::App app{"Writes what a mouse says into one of its own"};
  app.add_option("--source", source, "Event device to read")->required();
  app.add_option("--ready", ready_path, "Write \"PID DEVICE\" here when ready")->required();
  CLI11_PARSE(app, argc, argv);
  try {
    gamesched::workload::run(source, ready_path);
  } catch (const std::exception& error) {
    std::cerr << "remapper: " << error.what() << '\n';
    return 1;
  }
}
