// SPDX-License-Identifier: GPL-2.0-or-later
//
// By hand, since libsystemd's sd_device_monitor hears what udevd passes on, which does not reach into the
// service's network namespace (PrivateNetwork=); what the kernel itself says does.
#include "service/kernel/sched_events.h"

#include <linux/filter.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>

namespace gamesched::kernel {
namespace {

constexpr uint32_t kernel_group = 1;  // of NETLINK_KOBJECT_UEVENT; udevd's is 2

// Four bytes of the text as the filter loads them.
constexpr uint32_t word(const char (&text)[5]) {
  uint32_t value = 0;
  for (int i = 0; i < 4; i++) value = value << 8 | static_cast<unsigned char>(text[i]);
  return value;
}

// An event begins "ACTION@PATH"; a load beyond its end drops it.
constexpr uint32_t at_in_add = 3, at_in_remove = 6;  // where the "@" stands

UniqueFd open_socket() {
  constexpr uint8_t drop = 255;  // a jump there; put right below
  std::array<sock_filter, 19> filter{};
  std::size_t n = 0;
  const auto compare_path = [&](uint32_t at) {
    const uint32_t words[] = {word("@/ke"), word("rnel"), word("/sch"), word("ed_e")};
    for (uint32_t i = 0; i < 4; i++) {
      filter[n++] = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at + 4 * i);
      filter[n++] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, words[i], 0, drop);
    }
    filter[n++] = BPF_STMT(BPF_RET | BPF_K, 0xffff);
  };
  compare_path(at_in_add);
  const std::size_t second = n;
  compare_path(at_in_remove);
  const std::size_t last = n;
  filter[n++] = BPF_STMT(BPF_RET | BPF_K, 0);
  for (std::size_t i = 0; i < last; i++) {
    const std::size_t otherwise = i < second ? second : last;
    if (filter[i].jf == drop) filter[i].jf = static_cast<uint8_t>(otherwise - i - 1);
  }
  const sock_fprog program{static_cast<unsigned short>(n), filter.data()};

  UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = kernel_group;
  // The filter before the address: nothing else ever comes in.
  if (!fd || setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0 ||
      bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return UniqueFd();
  return fd;
}

}  // namespace

SchedEvents::SchedEvents() : socket_(open_socket()) {}

void SchedEvents::drain() const {
  std::array<char, 4096> text;  // longer ones are cut; nobody reads them
  // An error is an overrun, which says the same as an event, or that there are no more.
  while (recv(socket_.get(), text.data(), text.size(), MSG_DONTWAIT) > 0) {
  }
}

}  // namespace gamesched::kernel
