// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/games/registry.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <ranges>

#include "service/games/limits.h"
#include "service/games/sightings.h"
#include "service/util/text.h"

namespace gamesched::games {
namespace {

constexpr std::string_view path_prefix = "/org/gamesched/Scheduler1/game/";
constexpr std::size_t max_executable_bytes = 128;

}  // namespace

std::string object_path(GameId id) {
  return std::string(path_prefix) + std::to_string(id);
}

Result<GameId> id_of_path(std::string_view path) {
  const auto unknown = [] {
    return fail(Error::Code::NoSuchGame, "There is no such game of yours; it may have ended already.");
  };
  if (!path.starts_with(path_prefix)) return unknown();
  const std::string_view digits = path.substr(path_prefix.size());
  GameId id = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  // Only the one spelling of a number that object_path() writes.
  if (error != std::errc{} || end != digits.data() + digits.size() || object_path(id) != path)
    return unknown();
  return id;
}

std::string_view to_string(Source source) {
  switch (source) {
    case Source::Registered:
      return "registered";
    case Source::GameMode:
      return "gamemode";
    case Source::Detected:
      return "detected";
  }
  return "registered";
}

std::string_view to_string(EndReason reason) {
  switch (reason) {
    case EndReason::ProcessEnded:
      return "ended";
    case EndReason::Unregistered:
      return "unregistered";
    case EndReason::HolderLeft:
      return "was left by who registered it";
  }
  return "ended";
}

Registry::~Registry() {
  for (const auto& [id, entry] : games_) backend_.remove_game(entry.game.slot);
}

Result<void> Registry::room_for(const ProcessFacts& facts, uid_t registered_by) const {
  std::size_t of_user = 0;
  for (const auto& [id, entry] : games_) {
    if (entry.game.pid == facts.tgid && entry.game.start_ticks == facts.start_ticks) {
      return fail(Error::Code::AlreadyRegistered,
                  "Process " + std::to_string(facts.tgid) + " is registered already as " + object_path(id));
    }
    if (entry.game.registered_by == registered_by) ++of_user;
  }
  if (of_user >= max_games_per_user) {
    return fail(Error::Code::LimitsExceeded,
                "User " + std::to_string(registered_by) + " has " + std::to_string(of_user) +
                    " games registered, as many as one user may; end one first.");
  }
  if (free_slot() == 0) {
    return fail(Error::Code::LimitsExceeded,
                std::to_string(kernel::Backend::max_games) +
                    " games are registered, as many as there may be; end one first.");
  }
  return {};
}

Result<GameId> Registry::add(UniqueFd pidfd, const ProcessFacts& facts, uid_t registered_by,
                             GameOptions options, uint64_t now_realtime_usec, std::string holder) {
  // In a game that was only found so far: that one is meant, and is now registered.
  if (Entry* const found = of_slot(backend_.game_of(facts.tgid));
      found != nullptr && found->game.source == Source::Detected && found->game.uid == facts.ruid) {
    return promote(*found, registered_by, std::move(options), std::move(holder));
  }
  if (auto room = room_for(facts, registered_by); !room) return std::unexpected(room.error());
  if (options.name.empty()) options.name = facts.comm;
  Game game;
  game.id = next_id_;
  game.pid = facts.tgid;
  game.uid = facts.ruid;
  game.registered_by = registered_by;
  game.start_ticks = facts.start_ticks;
  game.since_realtime_usec = now_realtime_usec;
  game.source = options.gamemode ? Source::GameMode : Source::Registered;
  game.options = std::move(options);
  game.holder = std::move(holder);
  if (const auto sighting = sight(game.pid)) {
    game.executable = cleaned(program_of(*sighting), max_executable_bytes);
    game.path = program_path_of(*sighting);
  }
  const GameId id = game.id;
  if (auto inserted = insert(std::move(pidfd), std::move(game)); !inserted)
    return std::unexpected(inserted.error());
  return id;
}

Result<GameId> Registry::promote(Entry& entry, uid_t registered_by, GameOptions options, std::string holder) {
  const Game before = entry.game;
  Game& game = entry.game;
  game.registered_by = registered_by;
  game.source = options.gamemode ? Source::GameMode : Source::Registered;
  if (options.name.empty()) options.name = game.options.name;
  if (options.app_id.empty()) options.app_id = game.options.app_id;
  game.options = std::move(options);
  game.holder = std::move(holder);
  settle(entry, before, true);
  return game.id;
}

Result<GameId> Registry::add_detected(UniqueFd pidfd, const ProcessFacts& facts, const Sighting& sighting,
                                      const std::string& app_id, uint64_t now_realtime_usec) {
  if (auto room = room_for(facts, facts.ruid); !room) return std::unexpected(room.error());
  Game game;
  game.id = next_id_;
  game.pid = facts.tgid;
  game.uid = facts.ruid;
  game.registered_by = facts.ruid;
  game.start_ticks = facts.start_ticks;
  game.since_realtime_usec = now_realtime_usec;
  game.source = Source::Detected;
  game.options.name = display_name(sighting);
  if (game.options.name.empty()) game.options.name = facts.comm;
  game.options.app_id = app_id;
  game.executable = cleaned(program_of(sighting), max_executable_bytes);
  game.path = program_path_of(sighting);
  const GameId id = game.id;
  if (auto inserted = insert(std::move(pidfd), std::move(game)); !inserted)
    return std::unexpected(inserted.error());
  return id;
}

Result<void> Registry::adopt(UniqueFd pidfd, const Game& game) {
  const ProcessFacts facts{.pid = game.pid, .tgid = game.pid, .start_ticks = game.start_ticks, .comm = {}};
  if (game.id == 0 || games_.contains(game.id)) {
    return fail(Error::Code::InvalidArgument, "The id " + std::to_string(game.id) + " is taken.");
  }
  if (auto room = room_for(facts, game.registered_by); !room) return room;
  return insert(std::move(pidfd), game);
}

Result<void> Registry::insert(UniqueFd pidfd, Game game) {
  // The id of a process that ended a moment ago may come back before its end was seen here: that game goes
  // first, or its removal would hit the new one in the kernel's map.
  const auto stale =
      std::ranges::find_if(games_, [&](const auto& e) { return e.second.game.pid == game.pid; });
  if (stale != games_.end()) end(stale->first, EndReason::ProcessEnded);

  game.slot = free_slot();
  const GameId id = game.id;
  const int fd = pidfd.get();
  // The watch before the kernel: from here on every way out undoes what was done.
  auto watch = std::make_unique<ProcessEnd>(loop_, fd, [this, id] { first_process_ended(id); });
  if (auto added = backend_.add_game(game.slot, game.pid); !added) return added;
  next_id_ = std::max(next_id_, id + 1);
  game.main_pid = game.pid;
  game.foreground = game.parked = false;
  Entry& entry = games_[id];
  entry.game = std::move(game);
  entry.pidfd = std::move(pidfd);
  entry.end = std::move(watch);
  settle(entry, entry.game, false);
  if (on_added) on_added(entry.game);
  // What was started last is what somebody wants to play.
  set_foreground(entry.game.slot);
  backend_.set_foreground_game(entry.game.slot);
  return {};
}

void Registry::settle(Entry& entry, const Game& before, bool tell) {
  Game& game = entry.game;
  game.name = game.options.name;
  game.profile = game.options.profile;
  game.target_fps = game.options.target_fps;
  if (refine) refine(game);
  const bool parked = parks && parks(game);
  if (parked != game.parked) backend_.set_parked(game.slot, parked);
  game.parked = parked;
  if (tell && on_changed && !(game == before)) on_changed(game);
}

void Registry::review() {
  for (auto& [id, entry] : games_) {
    const Game before = entry.game;
    settle(entry, before, true);
  }
}

void Registry::program_started(uint32_t slot, const Sighting& sighting, Rank rank) {
  Entry* const entry = of_slot(slot);
  if (entry == nullptr) return;
  Game& game = entry->game;
  if (!takes_over(rank, sighting.pid, game.main_rank, game.main_pid)) return;
  const Game before = game;
  game.main_rank = std::max(rank, game.main_rank);
  watch_main(*entry, sighting.pid);
  game.executable = cleaned(program_of(sighting), max_executable_bytes);
  game.path = program_path_of(sighting);
  if (game.source == Source::Detected) game.options.name = display_name(sighting);
  settle(*entry, before, true);
}

void Registry::watch_main(Entry& entry, pid_t pid) {
  entry.main_end.reset();
  entry.main_pidfd.reset();
  entry.game.main_pid = pid;
  if (pid == entry.game.pid) return;
  entry.main_pidfd = UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!entry.main_pidfd) {  // it has ended already
    entry.game.main_pid = entry.game.pid;
    return;
  }
  const GameId id = entry.game.id;
  entry.main_end =
      std::make_unique<ProcessEnd>(loop_, entry.main_pidfd.get(), [this, id] { main_process_ended(id); });
}

// A launcher that ends leaves the game behind.
void Registry::first_process_ended(GameId id) {
  const auto found = games_.find(id);
  if (found == games_.end()) return;
  if (found->second.main_end == nullptr) return end(id, EndReason::ProcessEnded);
  found->second.first_ended = true;
  found->second.end.reset();
}

void Registry::main_process_ended(GameId id) {
  const auto found = games_.find(id);
  if (found == games_.end()) return;
  if (found->second.first_ended) return end(id, EndReason::ProcessEnded);
  Entry& entry = found->second;
  const Game before = entry.game;
  watch_main(entry, entry.game.pid);
  entry.game.main_rank = Rank::Helper;
  settle(entry, before, true);
}

Registry::Entry* Registry::of_slot(uint32_t slot) {
  if (slot == 0) return nullptr;
  const auto found = std::ranges::find_if(games_, [&](const auto& e) { return e.second.game.slot == slot; });
  return found == games_.end() ? nullptr : &found->second;
}

const Game* Registry::in_slot(uint32_t slot) const {
  const Entry* const entry = const_cast<Registry*>(this)->of_slot(slot);
  return entry != nullptr ? &entry->game : nullptr;
}

void Registry::set_foreground(uint32_t slot) {
  if (of_slot(slot) == nullptr) return;
  // The one that loses it is told first: never two at a time.
  for (const bool to : {false, true}) {
    for (auto& [id, entry] : games_) {
      const bool is = entry.game.slot == slot;
      if (is != to || entry.game.foreground == is) continue;
      entry.game.foreground = is;
      if (on_changed) on_changed(entry.game);
    }
  }
}

const Game* Registry::foreground() const {
  const auto found = std::ranges::find_if(games_, [](const auto& e) { return e.second.game.foreground; });
  return found == games_.end() ? nullptr : &found->second.game;
}

std::size_t Registry::scheduled() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(games_, [](const auto& e) { return !e.second.game.parked; }));
}

Result<void> Registry::remove(GameId id, uid_t caller) {
  const Game* const game = find(id);
  if (game == nullptr || (caller != 0 && caller != game->uid && caller != game->registered_by)) {
    return fail(Error::Code::NoSuchGame, "There is no such game of yours; it may have ended already.");
  }
  end(id, EndReason::Unregistered);
  return {};
}

void Registry::end_held_by(const std::string& holder) {
  std::vector<GameId> held;
  for (const auto& [id, entry] : games_) {
    if (entry.game.holder == holder) held.push_back(id);
  }
  for (const GameId id : held) end(id, EndReason::HolderLeft);
}

void Registry::end(GameId id, EndReason reason) {
  auto node = games_.extract(id);
  if (node.empty()) return;
  backend_.remove_game(node.mapped().game.slot);
  if (on_ended) on_ended(node.mapped().game, reason);
  if (!node.mapped().game.foreground) return;
  // The newest of those that are left.
  const uint32_t next = games_.empty() ? 0 : games_.rbegin()->second.game.slot;
  backend_.set_foreground_game(next);
  set_foreground(next);
}

const Game* Registry::find(GameId id) const {
  const auto entry = games_.find(id);
  return entry == games_.end() ? nullptr : &entry->second.game;
}

std::vector<const Game*> Registry::all() const {
  std::vector<const Game*> out;
  for (const auto& [id, entry] : games_) out.push_back(&entry.game);
  return out;
}

uint32_t Registry::free_slot() const {
  std::vector<bool> used(kernel::Backend::max_games + 1);
  for (const auto& [id, entry] : games_) used[entry.game.slot] = true;
  for (uint32_t slot = 1; slot <= kernel::Backend::max_games; ++slot) {
    if (!used[slot]) return slot;
  }
  return 0;
}

}  // namespace gamesched::games
