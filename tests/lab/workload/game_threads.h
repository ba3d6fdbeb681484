// SPDX-License-Identifier: GPL-2.0-or-later
//
// The threads a game has beside its frame: audio, network, input. Each runs until the interval is over and
// records how late it was. All of them are of the kind that must never wait for a busy CPU.
#pragma once

#include <linux/input.h>

#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "tests/lab/workload/interval.h"
#include "tests/lab/workload/summary.h"

namespace gamesched::workload {

// A call-back for each 256 frames at 44.1 kHz, with a short burst of work; a burst that ends after the next call-back was due
// is an under-run. That rate is in no simple ratio to a screen's or a mouse's, so that each phase between them comes up in
// every run: else one run would have them all wake at once all the time, and another never.
class Audio {
 public:
  explicit Audio(uint64_t burst_iterations) : burst_iterations_(burst_iterations) {}
  void run(const Interval& interval);
  nlohmann::json report(bool raw) const;

 private:
  static constexpr int64_t period_ns = 256 * ns_per_s / 44100;
  static constexpr size_t most_samples = 60 * ns_per_s / period_ns;  // one minute
  uint64_t burst_iterations_;
  int64_t periods_ = 0;
  int64_t missed_ = 0;
  Samples wake_{most_samples};
};

// UDP at 60 Hz to an echo program on the loopback device, which is no part of the game. The echo puts the
// time of its answer into it, so that the game thread's own delay is told apart from the echo's. The round trip is
// without the way: what is left is this machine's.
class Net {
 public:
  explicit Net(uint16_t echo_port);  // throws std::system_error
  ~Net();
  Net(const Net&) = delete;
  Net& operator=(const Net&) = delete;
  void run(const Interval& interval);
  nlohmann::json report(bool raw) const;

 private:
  static constexpr size_t most_samples = 60 * 60;
  int socket_ = -1;
  int64_t lost_ = 0;
  Samples round_trip_{most_samples};
  Samples delivery_{most_samples};
};

// What the net thread and the echo exchange.
struct Datagram {
  int64_t sequence = 0;
  int64_t sent_ns = 0;
  int64_t answered_ns = 0;
  int64_t way_ns = 0;  // how long the echo kept it for the way to another machine and back
};

// Blocks in read() on an evdev device. The latency of an event is from the kernel's time stamp to the
// return of read(). Events are then taken by the frame.
class Input {
 public:
  // `work_iterations`: what each read() is followed by. Throws std::system_error.
  Input(const std::string& device, uint64_t work_iterations);
  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  // Ends at the first event after the interval.
  void run(const Interval& interval);

  // For the frame: the time stamp of the oldest event not yet taken, 0 when there is none; all are taken.
  int64_t take_oldest_ns();

  nlohmann::json report(bool raw) const;

 private:
  void take(std::span<const input_event> events, int64_t read_ns, const Interval& interval);

  static constexpr size_t most_samples = 60 * 1000;
  int device_ = -1;
  uint64_t work_iterations_;
  mutable std::mutex mutex_;
  int64_t oldest_ns_ = 0;
  int64_t dropped_ = 0;
  Samples latency_{most_samples};
};

}  // namespace gamesched::workload
