// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the daemon does about input devices: answers the kernel's side, once for each device, when that cannot
// tell what a device is, and tells the journal when events were lost.
//
// udev knows: it has a table of models and its own heuristics. It may not have looked at a new device yet
// when the first event is there; then its answer is waited for by inotify, and only then. A device is looked at
// when it is new and when udev has written of it, so a storm of devices costs one look for each record.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string_view>

#include "service/kernel/backend.h"
#include "service/loop/loop.h"
#include "service/util/fd.h"

namespace gamesched::input {

// enum gs_input_lane of a device by udev's record of it (E:ID_INPUT_...=1).
uint32_t lane_of_udev_record(std::string_view record);

class InputWatch {
 public:
  InputWatch(Loop& loop, kernel::Backend& backend, std::filesystem::path udev_records = "/run/udev/data");
  ~InputWatch();
  InputWatch(const InputWatch&) = delete;
  InputWatch& operator=(const InputWatch&) = delete;

  bool waits() const { return changes_ != nullptr; }

 private:
  void answer();
  std::optional<uint32_t> known_lane(uint32_t number) const;
  void wait_for_udev(bool wait);
  void udev_wrote();
  void lost(uint64_t events);

  Loop& loop_;
  kernel::Backend& backend_;
  const std::filesystem::path udev_records_;
  std::set<uint32_t> answered_;
  std::set<uint32_t> unknown_;  // looked at, and udev had written nothing yet
  Defer answer_;
  UniqueFd inotify_;
  std::unique_ptr<Io> changes_;
  std::optional<uint64_t> told_of_loss_usec_;
};

}  // namespace gamesched::input
