// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/games/journal.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "service/util/file.h"

namespace gamesched::games {
namespace {

// 256 games of at most some 500 bytes each.
constexpr std::size_t max_bytes = 256 * 1024;
constexpr int version = 1;

using nlohmann::json;

template <typename Number>
Number number(const json& object, const char* key) {
  const auto value = object.at(key).get<uint64_t>();
  // Half of the range at most: ids that are counted on from here never overflow.
  constexpr uint64_t most =
      std::min<uint64_t>(std::numeric_limits<Number>::max(), std::numeric_limits<int64_t>::max());
  if (value > most) throw std::out_of_range(key);
  return static_cast<Number>(value);
}

Game game_of(const json& object) {
  const auto holder = object.value("holder", std::string{});
  Game game;
  game.id = number<GameId>(object, "id");
  game.pid = number<pid_t>(object, "pid");
  game.uid = number<uid_t>(object, "uid");
  game.registered_by = number<uid_t>(object, "registered_by");
  game.start_ticks = number<uint64_t>(object, "start_ticks");
  game.since_realtime_usec = number<uint64_t>(object, "since_usec");
  game.options.name = object.at("name").get<std::string>();
  game.options.app_id = object.at("app_id").get<std::string>();
  game.options.target_fps = number<uint32_t>(object, "target_fps");
  game.options.profile = object.value("profile", std::string{});
  game.options.hold = !holder.empty();
  game.holder = holder;
  const auto source = object.value("source", std::string{});
  if (source == to_string(Source::GameMode)) game.source = Source::GameMode;
  if (source == to_string(Source::Detected)) game.source = Source::Detected;
  game.options.gamemode = game.source == Source::GameMode;
  return game;
}

// As the bus makes them; nothing else gets into a match rule.
bool is_unique_name(std::string_view name) {
  constexpr std::size_t max_name_bytes = 255;
  return name.starts_with(':') && name.size() <= max_name_bytes &&
         name.find_first_not_of("0123456789.", 1) == name.npos;
}

}  // namespace

std::string to_json(const Record& record) {
  json games = json::array();
  for (const Game& game : record.games) {
    games.push_back({{"id", game.id},
                     {"pid", game.pid},
                     {"uid", game.uid},
                     {"registered_by", game.registered_by},
                     {"start_ticks", game.start_ticks},
                     {"since_usec", game.since_realtime_usec},
                     {"name", game.options.name},
                     {"app_id", game.options.app_id},
                     {"target_fps", game.options.target_fps},
                     {"profile", game.options.profile},
                     {"source", to_string(game.source)}});
    if (!game.holder.empty()) games.back()["holder"] = game.holder;
  }
  return json{{"version", version}, {"next_id", record.next_id}, {"bus", record.bus_id}, {"games", games}}
             .dump(1) +
         "\n";
}

Result<Record> from_json(std::string_view text) {
  try {
    const json document = json::parse(text);
    if (document.at("version").get<int>() != version) {
      return fail(Error::Code::System, "the record of games is of another version");
    }
    Record record{.next_id = number<GameId>(document, "next_id"),
                  .bus_id = document.value("bus", std::string{}),
                  .games = {}};
    for (const json& entry : document.at("games")) {
      try {
        record.games.push_back(game_of(entry));
      } catch (const std::exception&) {
        continue;  // this game is lost, the others need not be
      }
    }
    return record;
  } catch (const std::exception& error) {
    return fail(Error::Code::System, std::string("the record of games is damaged: ") + error.what());
  }
}

Result<void> Journal::write(const Registry& registry, const std::string& bus_id) const {
  Record record{.next_id = registry.next_id(), .bus_id = bus_id, .games = {}};
  for (const Game* game : registry.all()) record.games.push_back(*game);
  return replace_file(file_, to_json(record), 0600);
}

Result<std::size_t> Journal::adopt_into(Registry& registry, const std::string& bus_id) const {
  if (!file_exists(file_)) return 0;
  const auto record = read_file(file_, max_bytes).and_then(from_json);
  if (!record) return std::unexpected(record.error());
  registry.reserve_ids(record->next_id);
  std::size_t adopted = 0;
  for (const Game& game : record->games) {
    UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, game.pid, 0)));
    if (!pidfd || !check_options(game.options)) continue;
    if (!game.holder.empty() && (record->bus_id != bus_id || !is_unique_name(game.holder))) continue;
    const auto facts = inspect(pidfd.get());
    if (!facts || !may_be_game(*facts, getpid())) continue;
    if (facts->start_ticks != game.start_ticks || facts->ruid != game.uid) continue;
    if (registry.adopt(std::move(pidfd), game)) ++adopted;
  }
  return adopted;
}

}  // namespace gamesched::games
