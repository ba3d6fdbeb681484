// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/games/registry.h"

#include <algorithm>
#include <charconv>
#include <ranges>

#include "service/games/limits.h"

namespace gamesched::games {
namespace {

constexpr std::string_view path_prefix = "/org/gamesched/Scheduler1/game/";

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
  if (auto room = room_for(facts, registered_by); !room) return std::unexpected(room.error());
  if (options.name.empty()) options.name = facts.comm;
  Game game{.id = next_id_,
            .slot = 0,
            .pid = facts.tgid,
            .uid = facts.ruid,
            .registered_by = registered_by,
            .start_ticks = facts.start_ticks,
            .since_realtime_usec = now_realtime_usec,
            .options = std::move(options),
            .holder = std::move(holder)};
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
  auto watch = std::make_unique<ProcessEnd>(loop_, fd, [this, id] { end(id, EndReason::ProcessEnded); });
  if (auto added = backend_.add_game(game.slot, game.pid); !added) return added;
  next_id_ = std::max(next_id_, id + 1);
  const auto entry = games_.emplace(id, Entry{std::move(game), std::move(pidfd), std::move(watch)}).first;
  if (on_added) on_added(entry->second.game);
  return {};
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
