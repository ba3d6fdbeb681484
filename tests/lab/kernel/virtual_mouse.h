// SPDX-License-Identifier: GPL-2.0-or-later
//
// A mouse made with uinput, for programs that need to know when each of its events was written.
#pragma once

#include <fcntl.h>
#include <linux/uinput.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <span>
#include <system_error>

namespace gamesched::lab {

class VirtualMouse {
 public:
  VirtualMouse() : fd_(::open("/dev/uinput", O_WRONLY | O_CLOEXEC)) {
    uinput_setup setup{};
    setup.id = {.bustype = BUS_USB, .vendor = 0x046d, .product = 0xc08b, .version = 1};
    std::strcpy(setup.name, "Bench Mouse");
    if (fd_ < 0 || ioctl(fd_, UI_SET_EVBIT, EV_KEY) != 0 || ioctl(fd_, UI_SET_KEYBIT, BTN_LEFT) != 0 ||
        ioctl(fd_, UI_SET_EVBIT, EV_REL) != 0 || ioctl(fd_, UI_SET_RELBIT, REL_X) != 0 ||
        ioctl(fd_, UI_SET_RELBIT, REL_Y) != 0 || ioctl(fd_, UI_DEV_SETUP, &setup) != 0 ||
        ioctl(fd_, UI_DEV_CREATE) != 0)
      throw std::system_error(errno, std::generic_category(), "/dev/uinput");
  }
  ~VirtualMouse() {
    ioctl(fd_, UI_DEV_DESTROY);
    ::close(fd_);
  }
  VirtualMouse(const VirtualMouse&) = delete;
  VirtualMouse& operator=(const VirtualMouse&) = delete;

  // Motion without the report that ends the packet: nobody is woken.
  void half() {
    const input_event event = relative(REL_X);
    send({&event, 1});
  }
  // One packet: both axes and the report, as a gaming mouse sends it.
  void move() {
    const input_event events[] = {relative(REL_X), relative(REL_Y), input_event{}};
    send(events);
  }
  static constexpr int events_a_move = 3;

 private:
  static input_event relative(unsigned short axis) {
    input_event event{};
    event.type = EV_REL;
    event.code = axis;
    event.value = 1;
    return event;
  }
  void send(std::span<const input_event> events) const {
    if (::write(fd_, events.data(), events.size_bytes()) != static_cast<ssize_t>(events.size_bytes()))
      throw std::system_error(errno, std::generic_category(), "uinput write");
  }

  int fd_;
};

}  // namespace gamesched::lab
