// SPDX-License-Identifier: GPL-2.0-or-later
//
// All counters as they were at one moment. A snapshot never changes: whoever wants one holds a reference to
// it, and those who ask within its age share one. Nothing is summed while nobody asks.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "service/kernel/backend.h"

namespace gamesched::metrics {

struct Snapshot {
  uint64_t read_at_usec = 0;  // CLOCK_MONOTONIC
  std::vector<kernel::Counter> counters;
};

class Snapshots {
 public:
  explicit Snapshots(const kernel::Backend& backend) : backend_(backend) {}

  // One that is younger than age_max_usec.
  std::shared_ptr<const Snapshot> get(uint64_t now_usec, uint64_t age_max_usec) {
    if (!newest_ || now_usec - newest_->read_at_usec >= age_max_usec)
      newest_ = std::make_shared<const Snapshot>(now_usec, backend_.counters());
    return newest_;
  }
  // The next one is new: something happened that a client may have waited for.
  void forget() { newest_.reset(); }

 private:
  const kernel::Backend& backend_;
  std::shared_ptr<const Snapshot> newest_;
};

}  // namespace gamesched::metrics
