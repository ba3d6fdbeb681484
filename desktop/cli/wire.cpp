// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/cli/wire.h"

#include <algorithm>
#include <utility>

#include "service/util/text.h"

namespace gamesched::cli::wire {
namespace {

constexpr size_t max_text_bytes = 4096;

Game game_of(const std::string& path, const Properties& properties) {
  Game game{.path = path,
            .pid = property<uint32_t>(properties, "Pid"),
            .uid = property<uint32_t>(properties, "Uid"),
            .name = text_property(properties, "Name"),
            .app_id = text_property(properties, "AppId"),
            .source = text_property(properties, "Source"),
            .since_usec = property<uint64_t>(properties, "Since"),
            .target_fps = property<uint32_t>(properties, "TargetFps"),
            .foreground = property<bool>(properties, "Foreground"),
            .lanes = {}};
  for (const auto& [lane, threads] : property<std::map<std::string, uint32_t>>(properties, "Lanes"))
    game.lanes[clean(lane)] = threads;
  return game;
}

}  // namespace

std::string clean(const std::string& text) {
  return cleaned(text, max_text_bytes);
}

std::string text_property(const Properties& properties, const char* name) {
  return clean(property<std::string>(properties, name));
}

Service service_of(const Properties& properties) {
  Service service{.version = text_property(properties, "Version"),
                  .state = text_property(properties, "State"),
                  .reason = text_property(properties, "StateReason"),
                  .enabled = property<bool>(properties, "Enabled"),
                  .attach = text_property(properties, "Attach"),
                  .detectors = {},
                  .profile = text_property(properties, "ActiveProfile"),
                  .configuration_errors = {}};
  for (const std::string& error : property<std::vector<std::string>>(properties, "ConfigurationErrors"))
    service.configuration_errors.push_back(clean(error));
  using DetectorRow = sdbus::Struct<std::string, bool, std::string>;
  for (const DetectorRow& row : property<std::vector<DetectorRow>>(properties, "Detectors"))
    service.detectors.push_back({clean(row.get<0>()), row.get<1>(), clean(row.get<2>())});
  return service;
}

std::vector<Game> games_of(const Objects& objects) {
  std::vector<Game> games;
  for (const auto& [path, interfaces] : objects) {
    const auto game = interfaces.find(sdbus::InterfaceName{game_interface});
    if (game != interfaces.end()) games.push_back(game_of(path, game->second));
  }
  std::ranges::sort(games, {}, [](const Game& game) { return std::pair(game.since_usec, game.path); });
  return games;
}

}  // namespace gamesched::cli::wire
