// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which users are away from the screen: they have sessions at a seat (systemd-logind), and another's session
// is in front there. Who has no session at a seat is not away: there is no screen to be away from.
//
// Asks and listens only while games run. Without logind nobody is away.
#pragma once

#include <sdbus-c++/sdbus-c++.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace gamesched::bus {

class Seats {
 public:
  explicit Seats(sdbus::IConnection& bus);

  std::function<void()> on_changed;

  void listen(bool games_run);
  bool is_away(uid_t uid) const { return away_.contains(uid); }

 private:
  // logind's answer to ListSessions: id, user, name, seat, object.
  using Session = sdbus::Struct<std::string, uint32_t, std::string, std::string, sdbus::ObjectPath>;
  // One look at all seats; an older one's answers are dropped.
  struct Look {
    std::vector<Session> sessions;
    std::map<std::string, std::string> in_front;  // seat -> id of its active session
    std::size_t waits = 0;
  };

  void look();
  void ask_seats(const std::shared_ptr<Look>& look);
  void seen(const std::shared_ptr<Look>& look);

  sdbus::IConnection& bus_;
  std::unique_ptr<sdbus::IProxy> manager_;
  std::map<std::string, std::unique_ptr<sdbus::IProxy>> seats_;
  sdbus::Slot changes_;
  std::shared_ptr<Look> look_;
  bool listens_ = false;
  std::set<uid_t> away_;
};

}  // namespace gamesched::bus
