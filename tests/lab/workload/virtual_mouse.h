// SPDX-License-Identifier: GPL-2.0-or-later
//
// A mouse made with uinput.
#pragma once

#include <fcntl.h>
#include <linux/uinput.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>

namespace gamesched::workload {

[[noreturn]] inline void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

class VirtualMouse {
 public:
  explicit VirtualMouse(const std::string& name = "Test Mouse")
      : fd_(open("/dev/uinput", O_WRONLY | O_CLOEXEC)) {
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

  // Motion without the report that ends the packet: nobody is woken.
  void half() const {
    const input_event event = relative(REL_X, 1);
    send({&event, 1});
  }
  // One packet: an axis and the report.
  void move(int distance) const {
    const input_event events[] = {relative(REL_X, distance), report};
    send(events);
  }
  // One packet: both axes and the report, as a gaming mouse sends it.
  void move() const {
    const input_event events[] = {relative(REL_X, 1), relative(REL_Y, 1), report};
    send(events);
  }
  static constexpr int events_a_move = 3;

  // With their own times, where they carry such of the last ten seconds.
  void send(std::span<const input_event> events) const {
    if (write(fd_, events.data(), events.size_bytes()) != static_cast<ssize_t>(events.size_bytes()))
      fail("uinput write");
  }

 private:
  static constexpr input_event report{};  // EV_SYN and SYN_REPORT are 0

  static input_event relative(unsigned short axis, int distance) {
    input_event event{};
    event.type = EV_REL;
    event.code = axis;
    event.value = distance;
    return event;
  }

  int fd_;
};

}  // namespace gamesched::workload
