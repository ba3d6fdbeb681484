// SPDX-License-Identifier: GPL-2.0-or-later
//
// org.gamesched.Game1: one registered game on the bus, from construction to
// destruction, with the ObjectManager's signals at both ends.
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <string>

#include "dbus/game1_adaptor.h"
#include "service/games/registry.h"

namespace gamesched::bus {

class GameObject
    : public sdbus::AdaptorInterfaces<org::gamesched::Game1_adaptor, sdbus::ManagedObject_adaptor> {
 public:
  GameObject(sdbus::IConnection& bus, games::Game game)
      : AdaptorInterfaces(bus, sdbus::ObjectPath{games::object_path(game.id)}), game_(std::move(game)) {
    registerAdaptor();
    emitInterfacesAddedSignal();
  }
  ~GameObject() {
    try {
      emitInterfacesRemovedSignal();
    } catch (const sdbus::Error&) {
      // The bus is gone, at the end of the service or before it: everybody saw our name go.
    }
    unregisterAdaptor();
  }

 private:
  uint32_t Pid() override { return static_cast<uint32_t>(game_.pid); }
  uint32_t Uid() override { return game_.uid; }
  std::string Name() override { return game_.options.name; }
  std::string AppId() override { return game_.options.app_id; }
  uint64_t Since() override { return game_.since_realtime_usec; }
  std::string Source() override { return "registered"; }
  uint32_t TargetFps() override { return game_.options.target_fps; }

  const games::Game game_;
};

}  // namespace gamesched::bus
