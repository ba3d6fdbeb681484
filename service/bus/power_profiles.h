// SPDX-License-Identifier: GPL-2.0-or-later
//
// Our hold in power-profiles-daemon while a game runs. Held, never set: the user's own choice comes back by
// itself, after a crash too, for the hold ends with our name on the bus.
//
// A user who chooses a power profile meanwhile ends all holds; ours is not taken again before the next game.
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace gamesched::bus {

class PowerProfiles {
 public:
  explicit PowerProfiles(sdbus::IConnection& bus);

  // Once for each wish that was not granted, with what the other side said.
  std::function<void(const std::string& profile, const std::string& why)> on_refused;

  // "performance", "power-saver", or "" for none.
  void want(const std::string& profile);

 private:
  void settle();
  void watch();

  sdbus::IConnection& bus_;
  std::unique_ptr<sdbus::IProxy> daemon_;
  sdbus::Slot released_, restarted_;
  std::string wanted_;
  std::string held_;  // as far as known; "" while none
  std::optional<uint32_t> cookie_;
  std::string holder_;     // the unique name of who gave it: a cookie is easily guessed
  bool busy_ = false;      // a call is under way
  bool given_up_ = false;  // until another wish
};

}  // namespace gamesched::bus
