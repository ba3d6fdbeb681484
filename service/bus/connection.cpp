// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/bus/connection.h"

#include <systemd/sd-bus.h>
#include <systemd/sd-id128.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace gamesched::bus {
namespace {

int open_address(sd_bus** bus, const std::string& address) {
  int result = sd_bus_new(bus);
  if (result >= 0) result = sd_bus_set_address(*bus, address.c_str());
  if (result >= 0) result = sd_bus_set_bus_client(*bus, 1);
  if (result >= 0) result = sd_bus_start(*bus);
  return result;
}

int open(sd_bus** bus, const std::string& where) {
  if (where == "system") return sd_bus_open_system(bus);
  if (where == "session") return sd_bus_open_user(bus);
  return open_address(bus, where);
}

}  // namespace

// libsystemd's own integration with its loop: it sees timeouts and a lost connection by itself.
Connection::Connection(Loop& loop, const std::string& where) {
  int result = open(&bus_, where);
  if (result >= 0) result = sd_bus_set_exit_on_disconnect(bus_, 1);
  if (result >= 0) result = sd_bus_attach_event(bus_, loop.raw(), static_cast<int>(Priority::Bus));
  if (result < 0) {
    sd_bus_unref(bus_);
    throw std::runtime_error("cannot reach the " + where + " bus: " + std::strerror(-result));
  }
  connection_ = sdbus::createBusConnection(bus_);
  guard_.emplace(bus_);
}

void Connection::request_name(const std::string& name) {
  const int result = sd_bus_request_name(bus_, name.c_str(), 0);
  if (result >= 0) return;
  if (result == -EEXIST) {
    throw std::runtime_error(name + " belongs to another process; gameschedd is running already");
  }
  throw std::runtime_error("cannot take the name " + name + " on the bus: " + std::strerror(-result));
}

std::string Connection::bus_id() const {
  sd_id128_t id;
  const int result = sd_bus_get_bus_id(bus_, &id);
  if (result < 0)
    throw std::runtime_error(std::string("cannot ask for the bus's id: ") + std::strerror(-result));
  char text[SD_ID128_STRING_MAX];
  return sd_id128_to_string(id, text);
}

bool Connection::call_allows_interaction() const {
  sd_bus_message* const message = sd_bus_get_current_message(bus_);
  return message != nullptr && sd_bus_message_get_allow_interactive_authorization(message) > 0;
}

}  // namespace gamesched::bus
