// SPDX-License-Identifier: GPL-2.0-or-later
//
// Who sent a message: its unique bus name, and the user the bus vouches for.
//
// The user id comes from the bus daemon (GetConnectionCredentials), which took it
// from the socket when the client connected; never from a process id.
#pragma once

#include <sys/types.h>

#include <string>

namespace gamesched::auth {

struct Caller {
  std::string name;  // ":1.42"
  uid_t uid = 0;
};

}  // namespace gamesched::auth
