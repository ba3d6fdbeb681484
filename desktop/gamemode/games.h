// SPDX-License-Identifier: GPL-2.0-or-later
//
// The games that GameMode's clients registered, and what gameschedd knows of them.
//
// Problem     libgamemode is loaded into every process that a launcher starts, and each registers
//             itself: shells, tools, helpers, hundreds in a start of Steam. gameschedd takes 32 games
//             and 25 changes in 20 s from one user.
// How         A game is asked of gameschedd once. What descends from a game that gameschedd has
//             is scheduled as that game already: it is counted here and not sent. When its root ends before
//             it, it is sent after all. What gameschedd has no room for now waits, and is sent later; most
//             have ended by then. A client that unregisters is about to exit nearly always: gameschedd sees
//             that by itself, and is told only when the process lives on.
//
//   asked      waits for gameschedd's answer; the client waits for it too
//   taken      gameschedd has it
//   covered    descends from one that is taken
//   waiting    accepted; gameschedd had no room
//   unknown    accepted; gameschedd is gone or does not answer, and is asked again when one comes or answers
//
//             A gameschedd that does not answer in time costs one client three seconds, not each of a
//             launcher's processes: for a while nobody is made to wait for it. It is slow when the machine is
//             most in need of it, so nothing is lost by that: it is asked again.
//
// Restarts    Who is registered is written to a file in the user's run-time folder after every change, and
//             read by the next bridge, which takes up the processes that still live.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "desktop/gamemode/process.h"
#include "desktop/gamemode/scheduler.h"
#include "desktop/glib/memory.h"

namespace gamesched::gamemode {

// Of GameMode's interface. Failures are numbers there, not errors.
enum class Code : int { Ok = 0, Failed = -1, Rejected = -2 };

struct Game {
  enum class Stage { Asked, Taken, Covered, Waiting, Unknown };

  Process process;
  pid_t requester = 0;
  uint64_t since_sec = 0;  // CLOCK_REALTIME
  Stage stage = Stage::Asked;
  pid_t root = 0;          // of a covered one
  std::string scheduled;   // gameschedd's object path, "" unless taken
  uint64_t turn = 0;       // tells an answer that came too late
  bool announced = false;  // the client has been told
  bool again = false;      // asked a second time, since gameschedd ended during the first
  std::function<void(Code)> reply;
  glib::Source ended;
};

class Games {
 public:
  // `folder` is where the file lies; "" for none.
  Games(Scheduler& scheduler, std::string folder);
  Games(const Games&) = delete;
  Games& operator=(const Games&) = delete;

  // After the change, before the client's answer.
  std::function<void(const Game&)> on_registered, on_unregistered;

  // Takes up what an earlier bridge left. Once, before the first client.
  void restore();

  void add(Process process, pid_t requester, std::function<void(Code)> reply);
  Code remove(pid_t pid);
  // Has everything asked of gameschedd anew; false when there is nothing.
  bool resend();

  // What a change does by itself, soon after; for the end.
  void save() const;

  bool has(pid_t pid) const;
  int count() const;  // of those announced
  std::vector<const Game*> all() const;

 private:
  Game& insert(Process process, pid_t requester);
  void ask(Game& game);
  void answered(pid_t pid, uint64_t turn, const Answer& answer);
  void accept(Game& game, Game::Stage stage);
  void refuse(Game& game, Code code, const std::string& problem);
  void without_answer(Game& game, const Answer& answer);
  void forget(pid_t pid);
  void after_root(pid_t root);
  pid_t root_of(pid_t pid) const;
  void leave(Game& game);
  void ask_waiting();
  void ask_unknown();
  void ask_all_again();
  void save_soon();

  Scheduler& scheduler_;
  std::string file_;
  std::map<pid_t, Game> games_;
  // Unregistered by their client, still alive, not yet unregistered with gameschedd.
  struct Leaving {
    UniqueFd pidfd;
    uint64_t start_ticks = 0;
    std::string scheduled;
    glib::Source ended, late;
  };
  std::map<pid_t, Leaving> leaving_;
  uint64_t next_turn_ = 1;
  glib::Source retry_, save_later_, silence_;
};

}  // namespace gamesched::gamemode
