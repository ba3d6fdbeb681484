// SPDX-License-Identifier: GPL-2.0-or-later
//
// polkit's words, as org.freedesktop.PolicyKit1.Authority has them on the bus.
#pragma once

#include <sdbus-c++/sdbus-c++.h>
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>

namespace gamesched::auth::polkit {

inline const char* const name = "org.freedesktop.PolicyKit1";
inline const char* const path = "/org/freedesktop/PolicyKit1/Authority";
inline const char* const interface = "org.freedesktop.PolicyKit1.Authority";

constexpr uint32_t no_flags = 0;
constexpr uint32_t allow_user_interaction = 1;  // CheckAuthorizationFlags

using Details = std::map<std::string, std::string>;
using Facts = std::map<std::string, sdbus::Variant>;
using Subject = sdbus::Struct<std::string, Facts>;
using Answer = sdbus::Struct<bool, bool, Details>;  // is_authorized, is_challenge, details

// polkit takes the user as a signed number, and nothing of the process from a number (since its release 124).
inline Subject process(int pidfd, uid_t uid) {
  return {"unix-process", Facts{{"pidfd", sdbus::Variant(sdbus::UnixFd(pidfd))},
                                {"uid", sdbus::Variant(static_cast<int32_t>(uid))}}};
}

inline Subject client(const std::string& bus_name) {
  return {"system-bus-name", Facts{{"name", sdbus::Variant(bus_name)}}};
}

}  // namespace gamesched::auth::polkit
