// SPDX-License-Identifier: GPL-2.0-or-later
//
// Who sent a request: its unique bus name, and the user the bus vouches for; or, on a
// socket of ours, its process and the user the kernel vouches for.
//
// The user id comes from the bus daemon (GetConnectionCredentials) or from the kernel
// (SO_PEERCRED), which took it when the client connected; never from a process id.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "service/util/fd.h"

namespace gamesched::auth {

// A client that is not on the bus.
struct Peer {
  UniqueFd pidfd;     // of the process that connected
  bool left = false;  // and has closed the connection since
};

struct Caller {
  std::string name;  // ":1.42"; "" of a peer
  uid_t uid = 0;
  std::shared_ptr<const Peer> peer{};  // nullptr of a client on the bus
};

}  // namespace gamesched::auth
