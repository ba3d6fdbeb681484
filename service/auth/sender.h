// SPDX-License-Identifier: GPL-2.0-or-later
//
// Who sent a signal. The bus lets anybody send any signal to one client alone, and sd-bus takes one for a match that
// names its sender by a well-known name. What the bus vouches for is the unique name, and its own.
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <string_view>

namespace gamesched::auth {

inline bool is_from(const sdbus::Message& signal, std::string_view unique_name) {
  const char* const sender = signal.getSender();
  return sender != nullptr && unique_name == sender;
}

inline bool is_from_bus(const sdbus::Message& signal) {
  return is_from(signal, "org.freedesktop.DBus");
}

}  // namespace gamesched::auth
