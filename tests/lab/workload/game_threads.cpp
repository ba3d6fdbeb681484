// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lab/workload/game_threads.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "tests/lab/workload/slots.h"
#include "tests/lab/workload/spin.h"

namespace gamesched::workload {

namespace {
[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}
}  // namespace

void Audio::run(const Interval& interval) {
  const Slots slots{.first_ns = now_ns(), .period_ns = period_ns};
  for (int64_t slot = 0; !interval.over(now_ns());) {
    const int64_t intended_ns = slots.start_ns(slot);
    sleep_until_ns(intended_ns);
    const int64_t wake_ns = now_ns();
    spin(burst_iterations_);
    const int64_t end_ns = now_ns();
    if (interval.contains(intended_ns)) {
      ++periods_;
      missed_ += slots.missed(slot, end_ns);
      wake_.add(wake_ns - intended_ns);
    }
    slot = slots.next_after(slot, end_ns);
  }
}

nlohmann::json Audio::report(bool raw) const {
  return {{"periods", periods_}, {"missed", missed_}, {"wake", wake_.summary(raw)}};
}

Net::Net(uint16_t echo_port) {
  socket_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket_ < 0) fail("socket");
  // Longer than any wait that a working scheduler lets the echo have; after it the datagram is lost.
  const timeval patience{.tv_sec = 0, .tv_usec = 300'000};
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(echo_port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) fail("connect");
}

Net::~Net() {
  close(socket_);
}

void Net::run(const Interval& interval) {
  const Slots slots{.first_ns = now_ns(), .period_ns = ns_per_s / 60};
  for (int64_t slot = 0; !interval.over(now_ns());) {
    sleep_until_ns(slots.start_ns(slot));
    Datagram datagram{.sequence = slot, .sent_ns = now_ns()};
    const bool counts = interval.contains(datagram.sent_ns);
    bool answered = send(socket_, &datagram, sizeof datagram, 0) == sizeof datagram;
    while (answered) {
      if (recv(socket_, &datagram, sizeof datagram, 0) != sizeof datagram) {
        if (errno == EINTR) continue;
        answered = false;
      } else if (datagram.sequence == slot) {
        break;
      }
    }
    const int64_t end_ns = now_ns();
    if (counts && answered) {
      round_trip_.add(end_ns - datagram.sent_ns - datagram.way_ns);
      delivery_.add(end_ns - datagram.answered_ns);
    } else if (counts) {
      ++lost_;
    }
    slot = slots.next_after(slot, end_ns);
  }
}

nlohmann::json Net::report(bool raw) const {
  return {{"lost", lost_}, {"round_trip", round_trip_.summary(raw)}, {"delivery", delivery_.summary(raw)}};
}

Input::Input(const std::string& device, uint64_t work_iterations) : work_iterations_(work_iterations) {
  device_ = open(device.c_str(), O_RDONLY | O_CLOEXEC);
  if (device_ < 0) fail(device);
  int clock = CLOCK_MONOTONIC;
  if (ioctl(device_, EVIOCSCLOCKID, &clock) < 0) fail(device + ": EVIOCSCLOCKID");
}

Input::~Input() {
  close(device_);
}

void Input::run(const Interval& interval) {
  std::array<input_event, 64> events{};
  while (!interval.over(now_ns())) {
    const ssize_t bytes = read(device_, events.data(), sizeof events);
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes <= 0) return;  // unplugged
    take({events.data(), static_cast<size_t>(bytes) / sizeof(input_event)}, now_ns(), interval);
    spin(work_iterations_);
  }
}

void Input::take(std::span<const input_event> events, int64_t read_ns, const Interval& interval) {
  const std::scoped_lock lock(mutex_);
  for (const input_event& event : events) {
    if (event.type != EV_SYN) continue;
    if (event.code == SYN_DROPPED) ++dropped_;
    if (event.code != SYN_REPORT) continue;
    const int64_t event_ns = event.input_event_sec * ns_per_s + event.input_event_usec * ns_per_us;
    if (interval.contains(event_ns)) latency_.add(read_ns - event_ns);
    if (oldest_ns_ == 0) oldest_ns_ = event_ns;
  }
}

int64_t Input::take_oldest_ns() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(oldest_ns_, 0);
}

nlohmann::json Input::report(bool raw) const {
  const std::scoped_lock lock(mutex_);
  return {{"dropped", dropped_}, {"latency", latency_.summary(raw)}};
}

}  // namespace gamesched::workload
