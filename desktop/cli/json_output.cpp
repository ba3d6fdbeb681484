// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/cli/json_output.h"

#include <nlohmann/json.hpp>

#include "desktop/cli/advice.h"

namespace gamesched::cli::json {
namespace {

using Json = nlohmann::ordered_json;

// Every value is a text that went through cleaned(), so dump() meets no broken UTF-8.
std::string write(const Json& value) {
  return value.dump(2) + "\n";
}

// Absent is null, so that a reader need not know that "" means it.
Json or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Json games_array(const std::vector<Game>& games) {
  Json array = Json::array();
  for (const Game& game : games) {
    array.push_back({{"path", game.path},
                     {"pid", game.pid},
                     {"uid", game.uid},
                     {"name", game.name},
                     {"app_id", or_null(game.app_id)},
                     {"source", game.source},
                     {"since_usec", game.since_usec},
                     {"target_fps", game.target_fps == 0 ? Json(nullptr) : Json(game.target_fps)},
                     {"foreground", game.foreground},
                     {"lanes", game.lanes}});
  }
  return array;
}

}  // namespace

std::string status(const Status& status) {
  Json out = {{"running", status.service.has_value()}};
  if (status.service) {
    const Service& service = *status.service;
    Json detectors = Json::array();
    for (const Detector& detector : service.detectors) {
      detectors.push_back(
          {{"name", detector.name}, {"attached", detector.attached}, {"reason", or_null(detector.reason)}});
    }
    out["version"] = service.version;
    out["state"] = service.state;
    out["reason"] = service.reason;
    out["advice"] = or_null(advice(status));
    out["enabled"] = service.enabled;
    out["attach"] = service.attach;
    out["detectors"] = std::move(detectors);
    out["profile"] = or_null(service.profile);
    out["configuration_errors"] = service.configuration_errors;
    out["games"] = games_array(status.games);
  } else {
    out["advice"] = advice(status);
  }
  out["kernel"] = {{"sched_ext", or_null(status.kernel.state)},
                   {"scheduler", or_null(status.kernel.scheduler)}};
  return write(out);
}

std::string games(const std::vector<Game>& games) {
  return write(games_array(games));
}
std::string counters(const Counters& counters) {
  return write(Json(counters));
}
std::string enabled(bool enabled) {
  return write({{"enabled", enabled}});
}

std::string problem(const Problem& problem) {
  Json running = nullptr;  // who knows
  if (problem.kind == Problem::Kind::Refused) running = true;
  if (problem.kind == Problem::Kind::NotRunning || problem.kind == Problem::Kind::CannotStart)
    running = false;
  return write({{"error", problem.text}, {"running", running}});
}

}  // namespace gamesched::cli::json
