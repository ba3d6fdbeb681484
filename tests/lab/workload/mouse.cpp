// SPDX-License-Identifier: GPL-2.0-or-later
//
// mouse: a mouse that moves, made with uinput. Real-time itself, so that its own pacing is no artefact of
// the scheduler under test. The ready line carries its event device; it moves until SIGTERM or SIGINT.
#include <dirent.h>
#include <fcntl.h>
#include <linux/uinput.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>

#include "tests/lab/workload/clock.h"
#include "tests/lab/workload/process.h"
#include "tests/lab/workload/slots.h"

namespace gamesched::workload {
namespace {

volatile sig_atomic_t stop_requested = 0;

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

class VirtualMouse {
 public:
  explicit VirtualMouse(const std::string& name) : fd_(open("/dev/uinput", O_WRONLY | O_CLOEXEC)) {
    if (fd_ < 0) fail("/dev/uinput");
    uinput_setup setup{};
    setup.id = {
        .bustype = BUS_USB, .vendor = 0x046d, .product = 0xc08b, .version = 1};  // a common gaming mouse
    std::strncpy(setup.name, name.c_str(), sizeof setup.name - 1);
    // A button and both axes: less, and udev and the scheduler's detector would rightly call it no mouse.
    const bool made = ioctl(fd_, UI_SET_EVBIT, EV_KEY) == 0 && ioctl(fd_, UI_SET_KEYBIT, BTN_LEFT) == 0 &&
                      ioctl(fd_, UI_SET_EVBIT, EV_REL) == 0 && ioctl(fd_, UI_SET_RELBIT, REL_X) == 0 &&
                      ioctl(fd_, UI_SET_RELBIT, REL_Y) == 0 && ioctl(fd_, UI_DEV_SETUP, &setup) == 0 &&
                      ioctl(fd_, UI_DEV_CREATE) == 0;
    if (!made) fail("uinput");
  }
  ~VirtualMouse() {
    ioctl(fd_, UI_DEV_DESTROY);
    close(fd_);
  }
  VirtualMouse(const VirtualMouse&) = delete;
  VirtualMouse& operator=(const VirtualMouse&) = delete;

  // devtmpfs makes the node before UI_DEV_CREATE returns.
  std::string event_device() const {
    char name[64] = {};
    if (ioctl(fd_, UI_GET_SYSNAME(sizeof name), name) < 0) fail("UI_GET_SYSNAME");
    for (const auto& entry :
         std::filesystem::directory_iterator(std::string("/sys/devices/virtual/input/") + name)) {
      const auto file = entry.path().filename().string();
      if (file.starts_with("event")) return "/dev/input/" + file;
    }
    throw std::runtime_error("the kernel made no event device (is the module evdev there?)");
  }

  void move(int distance) {
    input_event events[2] = {};
    events[0].type = EV_REL;
    events[0].code = REL_X;
    events[0].value = distance;
    events[1].type = EV_SYN;
    events[1].code = SYN_REPORT;
    if (write(fd_, events, sizeof events) != sizeof events) fail("uinput write");
  }

 private:
  int fd_;
};

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
