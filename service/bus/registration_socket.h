// SPDX-License-Identifier: GPL-2.0-or-later
//
// The short way to register a game: a socket of the service's own, where gamesched-run asks without the bus.
//
// What a request is worth is decided by the same code as RegisterGame's. What falls away is what a start of a
// game would pay for: loading libsystemd, joining the bus, and the bus daemon's part in each message. It is a
// short cut only: who finds nobody here, or is not served, asks over the bus.
//
// A SOCK_SEQPACKET connection carries one request, a packet of at most max_request_bytes, for the process that
// connected: it becomes the game. The text is options of RegisterGame as "key=value" (name, app-id, profile, target-fps),
// each ended by a NUL, which no argument of a program can hold. The answer is "game=PATH", or "error=NAME" and
// "message=TEXT", ended likewise.
//
// The kernel says who asks: its user (SO_PEERCRED) and a pidfd of its process (SO_PEERPIDFD), as they were when it
// connected. Descriptors are not taken: to close a client's may run the client's code (a FUSE file's), and wait for
// it. Packets are read whole or not at all, so nobody makes the service keep more than one. A question to polkit
// keeps its connection's place until it is answered; who waits for nothing makes room for who comes, without a
// timer.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "service/auth/caller.h"
#include "service/bus/requests.h"
#include "service/games/option_text.h"
#include "service/loop/loop.h"
#include "service/util/fd.h"
#include "service/util/result.h"

namespace gamesched::bus {

// Far above what four options can be.
constexpr std::size_t max_request_bytes = 4096;

class RegistrationSocket {
 public:
  RegistrationSocket(Loop& loop, Requests& requests, std::string path);
  ~RegistrationSocket();
  RegistrationSocket(const RegistrationSocket&) = delete;
  RegistrationSocket& operator=(const RegistrationSocket&) = delete;

  // Open to everybody from here on. Error::Code::System.
  Result<void> listen();

 private:
  struct Connection;
  using ConnectionId = uint64_t;

  void accept();
  void readable(ConnectionId id);
  bool room_for(uid_t uid);
  void ask(ConnectionId id, std::string_view text);
  void answer(ConnectionId id, const Result<games::GameId>& outcome);
  void close(ConnectionId id);

  Loop& loop_;
  Requests& requests_;
  const std::string path_;
  UniqueFd listener_;
  std::unique_ptr<Io> connects_;
  ConnectionId next_ = 1;
  std::map<ConnectionId, Connection> connections_;
};

}  // namespace gamesched::bus
