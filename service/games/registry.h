// SPDX-License-Identifier: GPL-2.0-or-later
//
// The registered games. A game is held by a pidfd: its process's end ends it,
// whatever becomes of the bus name that registered it (gamesched-run becomes the
// game by exec). One that was registered with a holder ends with that bus name,
// too. The registry tells the kernel first, then its listener.
//
// Ids of games are never used twice; slots 1..256 are the kernel's and are.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "service/games/detector.h"
#include "service/games/options.h"
#include "service/games/process.h"
#include "service/kernel/backend.h"
#include "service/loop/loop.h"
#include "service/util/fd.h"
#include "service/util/result.h"

namespace gamesched::games {

using GameId = uint64_t;

enum class Source { Registered, GameMode, Detected };
std::string_view to_string(Source source);  // "registered", "gamemode", "detected"

struct Game {
  GameId id = 0;
  uint32_t slot = 0;  // Backend's game_id
  pid_t pid = 0;
  uid_t uid = 0;            // whose process
  uid_t registered_by = 0;  // whose share of the limits; differs when an administrator registered it
  uint64_t start_ticks = 0;
  uint64_t since_realtime_usec = 0;
  GameOptions options;  // as registered; name never empty
  std::string holder;   // unique bus name; "": only the process holds it
  Source source = Source::Registered;

  // The game proper among its processes, as far as its programs' starts were seen.
  pid_t main_pid = 0;  // `pid` until another is known
  Rank main_rank = Rank::Helper;
  std::string executable;  // its name without folders; "": not known
  std::string path;

  // What the configuration adds (Registry::refine).
  std::string name;
  std::string profile;
  uint32_t target_fps = 0;

  bool foreground = false;
  bool parked = false;  // listed, not scheduled as a game

  // Its user may, who registered it, and root.
  bool is_seen_by(uid_t asker) const { return asker == 0 || asker == uid || asker == registered_by; }
  bool operator==(const Game&) const = default;
};

enum class EndReason { ProcessEnded, Unregistered, HolderLeft };
std::string_view to_string(EndReason reason);  // "ended", ...: what a game did

class Registry {
 public:
  Registry(Loop& loop, kernel::Backend& backend) : loop_(loop), backend_(backend) {}
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Called after the change; a Game lasts only as long as the call.
  std::function<void(const Game&)> on_added;
  std::function<void(const Game&, EndReason)> on_ended;

  std::function<void(const Game&)> on_changed;
  // Sets name, profile and target_fps of a game whose other facts have changed.
  std::function<void(Game&)> refine;
  // Whether it is to be parked; asked whenever refine is, and by review().
  std::function<bool(const Game&)> parks;

  // What add() would refuse now, without doing anything.
  Result<void> room_for(const ProcessFacts& facts, uid_t registered_by) const;
  // `facts` are those of `pidfd`, admitted by may_be_game(). AlreadyRegistered, LimitsExceeded, or the
  // kernel's error.
  Result<GameId> add(UniqueFd pidfd, const ProcessFacts& facts, uid_t registered_by, GameOptions options,
                     uint64_t now_realtime_usec, std::string holder = {});
  // A game that nobody registered; `sighting` is of its process.
  Result<GameId> add_detected(UniqueFd pidfd, const ProcessFacts& facts, const Sighting& sighting,
                              const std::string& app_id, uint64_t now_realtime_usec);
  // A program was started in the game of that slot.
  void program_started(uint32_t slot, const Sighting& sighting, Rank rank);
  // The kernel saw that this one is played.
  void set_foreground(uint32_t slot);
  // Asks refine and parks again for all games.
  void review();
  const Game* foreground() const;
  // Those that are not parked.
  std::size_t scheduled() const;

  // Takes up a game of an earlier run of the daemon under its old id.
  Result<void> adopt(UniqueFd pidfd, const Game& game);
  // Its user may, who registered it, and root. NoSuchGame to everybody else: nothing tells the two apart.
  Result<void> remove(GameId id, uid_t caller);
  // That name has left the bus.
  void end_held_by(const std::string& holder);

  const Game* find(GameId id) const;
  const Game* in_slot(uint32_t slot) const;
  std::vector<const Game*> all() const;
  std::size_t size() const { return games_.size(); }
  GameId next_id() const { return next_id_; }
  // Ids start here; never goes back.
  void reserve_ids(GameId next) { next_id_ = std::max(next_id_, next); }

 private:
  struct Entry {
    Game game;
    UniqueFd pidfd;
    std::unique_ptr<ProcessEnd> end;
    // Of main_pid where that is another process.
    UniqueFd main_pidfd;
    std::unique_ptr<ProcessEnd> main_end;
    bool first_ended = false;  // the game lives on as main_pid
  };

  uint32_t free_slot() const;
  Result<void> insert(UniqueFd pidfd, Game game);
  void watch_main(Entry& entry, pid_t pid);
  void first_process_ended(GameId id);
  void main_process_ended(GameId id);
  // Refines, parks, and tells when that made a difference to `before`.
  void settle(Entry& entry, const Game& before, bool tell);
  Result<GameId> promote(Entry& entry, uid_t registered_by, GameOptions options, std::string holder);
  Entry* of_slot(uint32_t slot);
  void end(GameId id, EndReason reason);

  Loop& loop_;
  kernel::Backend& backend_;
  std::map<GameId, Entry> games_;
  GameId next_id_ = 1;
};

// "/org/gamesched/Scheduler1/game/7" and back.
std::string object_path(GameId id);
Result<GameId> id_of_path(std::string_view path);

}  // namespace gamesched::games
