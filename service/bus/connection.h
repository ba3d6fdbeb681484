// SPDX-License-Identifier: GPL-2.0-or-later
//
// The connection to the bus, driven by the event loop. When the bus goes away
// the loop ends with a failure: systemd starts the service again.
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <memory>
#include <optional>
#include <string>

#include "service/bus/call_guard.h"
#include "service/loop/loop.h"

struct sd_bus;

namespace gamesched::bus {

class Connection {
 public:
  // `where`: "system", "session", or a D-Bus address. Throws std::runtime_error when the bus cannot be
  // reached.
  Connection(Loop& loop, const std::string& where);

  sdbus::IConnection& get() { return *connection_; }
  sd_bus* raw() { return bus_; }

  // Throws std::runtime_error when another process has it.
  void request_name(const std::string& name);

  // Of this bus, from its start to its end: unique names mean something together with it only.
  std::string bus_id() const;

  // Whether the sender of the call being handled agreed to be asked for a password.
  bool call_allows_interaction() const;

 private:
  sd_bus* bus_ = nullptr;  // belongs to connection_
  std::unique_ptr<sdbus::IConnection> connection_;
  std::optional<CallGuard> guard_;  // ends before the connection
};

}  // namespace gamesched::bus
