// SPDX-License-Identifier: GPL-2.0-or-later
//
// May this caller do that? Asked of the bus (who is it?) and of polkit (may it?),
// never blocking the loop.
//
// - Fails closed: no credentials, no polkit, an error, a caller that left meanwhile,
//   or no answer within 120 s is NotAuthorized.
// - The subject is the caller's unique bus name, or the pidfd of one that is not on the
//   bus: neither can be taken over by another process; process ids can.
// - uid 0 needs no polkit: it could do all of it without us.
// - An answer is for one request. The one exception: for registering one's own game at the service's socket polkit is asked in
//   advance for the sessions in front, and a yes holds until something changes (seat_answers.h).
// - What the request is about must be looked up again when the answer is there.
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "service/auth/caller.h"
#include "service/games/limits.h"
#include "service/loop/loop.h"
#include "service/util/result.h"

namespace gamesched::auth {

class SeatAnswers;

class Authority {
 public:
  Authority(Loop& loop, sdbus::IConnection& bus);
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  using IdentifyDone = std::function<void(Result<Caller>)>;
  using CheckDone = std::function<void(Result<void>)>;

  // NotAuthorized when the bus does not know the name any more.
  void identify(std::string sender, IdentifyDone done);

  // From now on: what peers in front of a seat ask for most.
  void ask_in_advance(std::string action);

  // Whether polkit has said yes to that, for a session in front of that user's. False says nothing.
  bool is_known_to_allow(uid_t uid) const;

  // LimitsExceeded when the caller's user has too many of these open. `interactive`: the caller agreed to a
  // password dialog.
  void check(const Caller& caller, const std::string& action, bool interactive, CheckDone done);

 private:
  struct Pending;
  using PendingId = uint64_t;

  void watch_sender(PendingId id);
  enum class Cause { Answered, SenderLeft };
  void finish(PendingId id, Cause cause, Result<void> outcome);

  Loop& loop_;
  sdbus::IConnection& bus_;
  std::unique_ptr<sdbus::IProxy> driver_;
  std::unique_ptr<sdbus::IProxy> polkit_;
  games::PendingLimit limit_{games::max_pending_checks};
  std::map<std::string, std::size_t> identifying_;  // calls under way, by sender
  PendingId next_ = 1;
  std::map<PendingId, std::unique_ptr<Pending>> pending_;
  // Finished ones, until the next turn: what runs now may be a callback that they own.
  std::vector<std::unique_ptr<Pending>> finished_;
  Defer forget_finished_;
  std::unique_ptr<SeatAnswers> seat_answers_;
};

}  // namespace gamesched::auth
