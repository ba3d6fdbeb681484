// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which clients are still on the bus: of the unique names watched, each is told
// once when it has left. Unique names are never given to another client while
// the bus lives.
//
// - Only the watched names' leaving wakes us, not everybody's coming and going.
// - One that had left before it was watched is told, too.
// - Told from the loop, not from within watch(): whoever is told may watch and unwatch.
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "service/loop/loop.h"

namespace gamesched::bus {

class NameWatch {
 public:
  using Gone = std::function<void(const std::string& name)>;
  NameWatch(Loop& loop, sdbus::IConnection& bus, Gone gone);
  ~NameWatch();
  NameWatch(const NameWatch&) = delete;
  NameWatch& operator=(const NameWatch&) = delete;

  // As often unwatched as watched. `name` is a unique name, from the bus.
  void watch(const std::string& name);
  void unwatch(const std::string& name);
  std::size_t size() const { return watched_.size(); }

 private:
  struct Watched {
    std::size_t times = 0;
    sdbus::Slot match;
  };
  void left(const std::string& name);
  void tell();

  sdbus::IConnection& bus_;
  Gone gone_;
  std::unique_ptr<sdbus::IProxy> driver_;
  std::map<std::string, Watched> watched_;
  std::vector<std::string> left_;
  std::vector<sdbus::Slot> unused_;  // until the next turn: what runs now may be a callback of theirs
  Defer tell_;
};

}  // namespace gamesched::bus
