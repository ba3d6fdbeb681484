// SPDX-License-Identifier: GPL-2.0-or-later
//
// The way of a request that changes something: who asks, how often, about what,
// may they, do it. Every step may end it with an error, and nothing was changed
// then.
//
// Arguments are copied in and never change; what they name is looked up again
// after each wait, because the world goes on meanwhile.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "service/auth/authority.h"
#include "service/games/limits.h"
#include "service/games/registry.h"
#include "service/policy/attachment.h"
#include "service/policy/enabled_store.h"
#include "service/util/fd.h"

namespace gamesched::bus {

// The sender of a call, as far as the message itself says.
struct Sender {
  std::string name;          // unique bus name
  bool interactive = false;  // a password dialog may be opened
};

class Requests {
 public:
  Requests(auth::Authority& authority, games::Registry& registry, policy::Attachment& attachment,
           policy::EnabledStore store)
      : authority_(authority), registry_(registry), attachment_(attachment), store_(std::move(store)) {}

  template <typename T>
  using Reply = std::function<void(Result<T>)>;

  void register_game(Sender sender, UniqueFd pidfd, games::GameOptions options, Reply<games::GameId> reply);
  void unregister_game(Sender sender, std::string path, Reply<void> reply);
  void set_enabled(Sender sender, bool enabled, Reply<void> reply);

 private:
  struct Registration;

  // Identifies the sender and charges it one change.
  void begin(const Sender& sender, std::function<void(Result<auth::Caller>)> next);
  void authorize(std::shared_ptr<Registration> request);
  Result<games::GameId> enter(Registration& request);

  auth::Authority& authority_;
  games::Registry& registry_;
  policy::Attachment& attachment_;
  policy::EnabledStore store_;
  games::RateLimit rate_{games::max_changes, games::changes_window_usec};
};

}  // namespace gamesched::bus
