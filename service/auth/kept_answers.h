// SPDX-License-Identifier: GPL-2.0-or-later
//
// For which sessions polkit has said yes, and whether that is good for a process. Pure: who is logged in comes in.
//
// A yes is for one session in front of a seat, and speaks for processes of that session's user alone: those that the session
// started, and, if it is the user's display, those that the user's own systemd started. That is how polkit itself finds the
// session of a process. What was asked before polkit's rules or the sessions changed is answered for a world that is no more:
// an epoch tells the two apart.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "service/util/login.h"

namespace gamesched::auth {

class KeptAnswers {
 public:
  using Epoch = uint64_t;

  Epoch epoch() const { return epoch_; }

  // Ends an epoch, and all that was kept.
  void forget() {
    ++epoch_;
    allowed_.clear();
  }

  // polkit said yes to a question put in that epoch.
  void keep(Epoch asked_in, LoginSession session) {
    if (asked_in == epoch_) allowed_.push_back(std::move(session));
  }

  // A process of this user.
  bool allow(uid_t uid, const StartedBy& by) const {
    return std::ranges::any_of(allowed_, [&](const LoginSession& session) {
      if (session.uid != uid) return false;
      return by.session.empty() ? session.is_display && by.users == uid : session.id == by.session;
    });
  }

  // Some process of this user.
  bool allows_some(uid_t uid) const {
    return std::ranges::any_of(allowed_, [&](const LoginSession& session) { return session.uid == uid; });
  }

  bool empty() const { return allowed_.empty(); }

 private:
  Epoch epoch_ = 0;
  std::vector<LoginSession> allowed_;
};

}  // namespace gamesched::auth
