// SPDX-License-Identifier: GPL-2.0-or-later
//
// gameschedd as the bridge sees it: registers and unregisters games, asynchronously, and tells
// when a new gameschedd is there that has to be asked again.
//
// Connects to the system bus with the first question, and again after the bus was lost. Never
// blocks, and never asks for a password: the player who waits for a game would not see why.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "desktop/glib/memory.h"
#include "desktop/glib/system_service.h"

namespace gamesched::gamemode {

struct Answer {
  enum class Kind {
    Taken,    // scheduled as a game, by this request or an earlier one
    Full,     // more games or changes than gameschedd lets one user have: later, perhaps
    Refused,  // by polkit, or since it can be no game
    Absent,   // no bus, or nobody on it who could be started
    Died,     // it ended while it was asked
    Silent,   // no answer in time
  };
  Kind kind = Kind::Absent;
  std::string game;     // its object path when Taken, "" when gameschedd did not say
  std::string problem;  // for people, when not Taken
};

class Scheduler {
 public:
  using Done = std::function<void(const Answer&)>;

  Scheduler();
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // A gameschedd came to the bus that knows nothing of what was said before.
  std::function<void()> on_new_owner;

  // `pidfd` is copied. `done` is called exactly once, unless this object ends first.
  void register_game(int pidfd, const std::string& name, Done done);
  void unregister_game(const std::string& game);

 private:
  struct Call;

  void send(std::unique_ptr<Call> call);
  static void on_answer(GObject* source, GAsyncResult* result, gpointer call);
  static Answer answer_of(const GError* error);

  glib::Owned<GCancellable> cancelled_;
  glib::SystemService service_;
  std::vector<std::unique_ptr<Call>> before_connected_;
};

}  // namespace gamesched::gamemode
