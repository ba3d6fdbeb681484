// SPDX-License-Identifier: GPL-2.0-or-later
//
// org.gamesched.Game1: the games on the bus, each for its user's and root's eyes only.
//
// What somebody plays is nobody else's business. An object system that shows everybody the same cannot say
// that, so calls for the games and for the list of them are answered here, when the bus has said who asks; to
// everybody else a game does not exist. Signals go to those who have asked for the list, one by one, and
// never to all.
#pragma once

#include <systemd/sd-bus.h>

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <string>

#include "service/auth/authority.h"
#include "service/bus/name_watch.h"
#include "service/games/registry.h"
#include "service/metrics/lane_counts.h"

namespace gamesched::bus {

class GameObjects {
 public:
  // `bus` must live longer. Throws std::system_error.
  GameObjects(sd_bus* bus, auth::Authority& authority, const games::Registry& registry,
              metrics::LaneCounts& lanes);
  ~GameObjects();
  GameObjects(const GameObjects&) = delete;
  GameObjects& operator=(const GameObjects&) = delete;

  // A client is told of games from here on; it is to be watched, and forget() called when it leaves.
  std::function<void(const std::string& name)> on_listener;
  std::function<void(const std::string& name)> on_listener_dropped;

  void added(const games::Game& game);
  void changed(const games::Game& game);
  void ended(const games::Game& game);
  void forget(const std::string& name);

 private:
  using Answer = int (GameObjects::*)(sd_bus_message* call, uid_t asker);

  static int on_message(sd_bus_message* message, void* self, sd_bus_error* error);
  static int list_children(sd_bus* bus, const char* prefix, void* self, char*** nodes, sd_bus_error* error);
  bool take(sd_bus_message* message);
  void answer_later(sd_bus_message* message, Answer answer);

  int get_managed_objects(sd_bus_message* call, uid_t asker);
  int get(sd_bus_message* call, uid_t asker);
  int get_all(sd_bus_message* call, uid_t asker);
  int introspect(sd_bus_message* call, uid_t asker);

  const games::Game* visible(const char* path, uid_t asker) const;
  void listen(const std::string& name, uid_t uid);
  template <typename Fill>
  void tell(const games::Game& game, const char* path, const char* interface, const char* member, Fill fill);

  sd_bus* bus_;
  auth::Authority& authority_;
  const games::Registry& registry_;
  metrics::LaneCounts& lanes_;
  sd_bus_slot* filter_ = nullptr;
  sd_bus_slot* enumerator_ = nullptr;
  struct Listener {
    std::string name;
    uid_t uid;
  };
  std::deque<Listener> listeners_;             // oldest first
  std::map<games::GameId, games::Game> told_;  // as last told
};

}  // namespace gamesched::bus
