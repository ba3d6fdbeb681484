// SPDX-License-Identifier: GPL-2.0-or-later
//
// Keeps the metrics page (page.h) fresh while somebody reads it, and does nothing while nobody does.
//
// A reader is a client on the bus; it reads until it leaves. The page is made for the first one and stays:
// its memory is sealed, so that no reader can write to it, shrink it or grow it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "service/loop/loop.h"
#include "service/metrics/page.h"
#include "service/metrics/snapshot.h"
#include "service/util/fd.h"
#include "service/util/result.h"

namespace gamesched::metrics {

class Publisher {
 public:
  // Several updates for each frame that a person sees of an overlay, and less than a thousandth of a
  // processor.
  static constexpr uint64_t interval_usec = 50'000;
  static constexpr std::size_t max_readers_per_user = 8;
  static constexpr std::size_t max_readers = 64;

  Publisher(Loop& loop, Snapshots& snapshots);
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  // `reader` reads from now on; the descriptor is its own. LimitsExceeded, System.
  Result<UniqueFd> open(const std::string& reader, uid_t uid);
  void reader_left(const std::string& reader);
  std::size_t readers() const { return readers_.size(); }

  std::function<void(const std::string&)> on_reader;       // one that was none before
  std::function<void(const std::string&)> on_reader_left;  // out of reader_left()

 private:
  Result<void> make_page();
  void publish();
  void write(const Snapshot& snapshot);

  Snapshots& snapshots_;
  Timer timer_;
  std::map<std::string, uid_t> readers_;
  UniqueFd memory_;
  Page* page_ = nullptr;
};

}  // namespace gamesched::metrics
