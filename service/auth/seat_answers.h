// SPDX-License-Identifier: GPL-2.0-or-later
//
// What polkit says of who sits at this machine's seats, asked before a game starts.
//
// A game waits in its exec for its registration, and polkit's own work is most of that: it starts a look at the
// process, at its session, its user's groups, and runs the rules. So once for each session in front of a seat polkit is
// asked whether it may do the one thing that gamesched-run asks for, and a yes is kept, as libpolkit's GPermission
// keeps one for a desktop's buttons: until polkit says that something has changed. Any other answer, or none, is not
// kept: then each request puts its own question, as it does for everybody else.
//
// What a kept yes is used for (KeptAnswers decides, allows() gathers the facts): for a client of the service's own
// socket, for this action, of the session's own user, in that session as polkit itself would find it. Over ssh, in the background
// or with another user's id, the question is put as ever.
//
// All is forgotten, and asked again, when polkit says `Changed` (rules, actions), when its name has another owner or none,
// and when logind writes the file of a seat or a user: another session is in front, or has come or gone. Whether it has written
// one is looked at before each use, too, so that a switch to another user's screen leaves no window in which the old answer
// counts: the file of the seat is the first that is written then. Whoever makes that happen all the time has the service ask once in
// `between_rounds_usec`, one round at a time. Nobody's polkit is started for this: it is asked by its unique name. When
// nothing changes, nothing wakes us.
//
// The subject is a process, the one that the session began with, and the session's user: polkit knows a subject "unix-session",
// too, but its release 127 aborts when it is asked about one (g_assert_not_reached() in push_subject()), and nobody may bring
// polkit down through us. A rule that looks at more of a process than user, groups and session sees the session's first.
// An answer by a password that somebody typed (a temporary authorization) belongs to who typed it and is not kept.
#pragma once

#include <sdbus-c++/sdbus-c++.h>
#include <systemd/sd-login.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "service/auth/caller.h"
#include "service/auth/kept_answers.h"
#include "service/loop/loop.h"

namespace gamesched::auth {

class SeatAnswers {
 public:
  SeatAnswers(Loop& loop, sdbus::IConnection& bus, std::string action);
  ~SeatAnswers();
  SeatAnswers(const SeatAnswers&) = delete;
  SeatAnswers& operator=(const SeatAnswers&) = delete;

  // Whether polkit's yes for this caller's session is there and good now. False says nothing.
  bool allows(const Caller& caller, const std::string& action) const;
  // Whether it would be, for a session of that user.
  bool allows_some(uid_t uid) const { return kept_.allows_some(uid) && !logins_have_changed(); }

 private:
  // A question for each session in front.
  struct Round {
    KeptAnswers::Epoch epoch;
    std::size_t waits;
  };

  void watch_logins();
  bool logins_have_changed() const;
  void watch_polkit();
  void owner_is(std::string owner);
  void changed();
  void schedule();
  void ask();
  void ask_for(const LoginSession& session, const std::shared_ptr<Round>& round);
  void end(const std::shared_ptr<Round>& round);

  Loop& loop_;
  sdbus::IConnection& bus_;
  const std::string action_;
  KeptAnswers kept_;

  struct Unref {
    void operator()(sd_login_monitor* monitor) const { sd_login_monitor_unref(monitor); }
  };
  struct Monitor {
    std::unique_ptr<sd_login_monitor, Unref> files;
    std::unique_ptr<Io> readable;
  };
  std::vector<Monitor> logins_;  // of seats and of users; none without logind

  std::unique_ptr<sdbus::IProxy> driver_;
  std::string owner_;                      // of polkit's name; "": it does not run
  std::unique_ptr<sdbus::IProxy> polkit_;  // that owner
  sdbus::Slot owner_changes_, answers_change_;

  std::shared_ptr<Round> round_;  // under way
  uint64_t asked_usec_ = 0;
  Timer ask_;
};

}  // namespace gamesched::auth
