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
#include "service/games/process.h"
#include "service/games/registry.h"
#include "service/kernel/backend.h"
#include "service/metrics/publisher.h"
#include "service/policy/attachment.h"
#include "service/policy/enabled_store.h"
#include "service/policy/profile_control.h"
#include "service/policy/profile_store.h"
#include "service/util/fd.h"

namespace gamesched::bus {

// The sender of a call, as far as the message itself says.
struct Sender {
  std::string name;          // unique bus name
  bool interactive = false;  // a password dialog may be opened
};

class Requests {
 public:
  struct Stores {
    policy::EnabledStore enabled;
    policy::ProfileStore profile;
  };

  Requests(kernel::Backend& backend, auth::Authority& authority, games::Registry& registry,
           policy::Attachment& attachment, policy::ProfileControl& profiles, metrics::Publisher& publisher,
           Stores stores)
      : backend_(backend),
        authority_(authority),
        registry_(registry),
        attachment_(attachment),
        profiles_(profiles),
        publisher_(publisher),
        stores_(std::move(stores)) {}

  template <typename T>
  using Reply = std::function<void(Result<T>)>;

  void register_game(Sender sender, UniqueFd pidfd, games::GameOptions options, Reply<games::GameId> reply);
  // Of a caller who is known already, and is asked for no password.
  void register_game(auth::Caller caller, UniqueFd pidfd, games::GameOptions options,
                     Reply<games::GameId> reply);
  // Such callers may come from now on.
  void expect_peers();
  void unregister_game(Sender sender, std::string path, Reply<void> reply);
  void set_enabled(Sender sender, bool enabled, Reply<void> reply);
  void set_profile(Sender sender, std::string profile, Reply<void> reply);
  void hold_profile(Sender sender, policy::Hold hold, Reply<uint32_t> reply);
  void open_metrics(Sender sender, Reply<UniqueFd> reply);
  struct Explanation {
    games::ProcessFacts process;
    kernel::ThreadFacts thread;
    const games::Game* game = nullptr;  // that the caller may see; good until the next turn of the loop
    uint32_t cpu = 0;
  };
  void explain(Sender sender, UniqueFd thread, Reply<Explanation> reply);
  void release_profile(Sender sender, uint32_t cookie, Reply<void> reply);

 private:
  struct Registration;

  // Identifies the sender and charges it one change.
  void begin(const Sender& sender, std::function<void(Result<auth::Caller>)> next);
  Result<void> charge(uid_t uid);
  void consider(std::shared_ptr<Registration> request);
  void authorize(std::shared_ptr<Registration> request);
  Result<games::GameId> enter(Registration& request);

  kernel::Backend& backend_;
  auth::Authority& authority_;
  games::Registry& registry_;
  policy::Attachment& attachment_;
  policy::ProfileControl& profiles_;
  metrics::Publisher& publisher_;
  Stores stores_;
  games::RateLimit rate_{games::max_changes, games::changes_window_usec};
};

}  // namespace gamesched::bus
