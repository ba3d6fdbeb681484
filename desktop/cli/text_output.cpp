// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/cli/text_output.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <format>
#include <iterator>
#include <string_view>

#include "desktop/cli/advice.h"

namespace gamesched::cli::text {
namespace {

constexpr std::string_view green = "\033[32m", yellow = "\033[33m", red = "\033[31m", reset = "\033[0m";

std::string_view colour_of(std::string_view state) {
  if (state == "active") return green;
  if (state == "degraded" || state == "conflict") return yellow;
  if (state == "ejected" || state == "unsupported" || state == "not running") return red;
  return "";
}

std::string coloured(const std::string& state, bool colours) {
  const std::string_view colour = colours ? colour_of(state) : "";
  return colour.empty() ? state : std::format("{}{}{}", colour, state, reset);
}

std::string attach_text(const Service& service) {
  if (!service.enabled) return "off";
  if (service.attach == "game") return "on, attached while a game runs";
  if (service.attach == "always") return "on, always attached";
  if (service.attach == "never") return "on, but never attached (attach = \"never\")";
  return "on";
}

std::string kernel_text(const Kernel& kernel) {
  if (kernel.state.empty()) return "no sched_ext; the kernel's own scheduler runs";
  if (kernel.scheduler.empty())
    return std::format("sched_ext {}; the kernel's own scheduler runs", kernel.state);
  return std::format("sched_ext {}; scheduler {}", kernel.state, kernel.scheduler);
}

std::string user_name(uint32_t uid) {
  const passwd* entry = getpwuid(uid);
  return entry == nullptr ? std::to_string(uid) : entry->pw_name;
}

std::string local_time(uint64_t usec) {
  const time_t seconds = static_cast<time_t>(usec / 1'000'000);
  tm parts{};
  char text[32] = "";
  if (localtime_r(&seconds, &parts) == nullptr || strftime(text, sizeof(text), "%F %T", &parts) == 0)
    return "?";
  return text;
}

void append_line(std::string& out, std::string_view label, std::string_view value) {
  std::format_to(std::back_inserter(out), "{:>11} {}\n", label.empty() ? "" : std::format("{}:", label),
                 value);
}

std::string detector_text(const Detector& detector) {
  if (detector.attached) return detector.name;
  return std::format("{} missing: {}", detector.name,
                     detector.reason.empty() ? "no reason given" : detector.reason);
}

std::string game_text(const Game& game) {
  std::string out = std::format("{} (process {}, {}", game.name, game.pid, user_name(game.uid));
  if (!game.app_id.empty()) out += std::format(", app {}", game.app_id);
  if (game.target_fps != 0) out += std::format(", {} fps", game.target_fps);
  return out + ")";
}

}  // namespace

bool colours_wanted() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0') && term != nullptr &&
         std::string_view(term) != "dumb";
}

std::string status(const Status& status, bool colours) {
  const Service* service = status.service ? &*status.service : nullptr;
  std::string out =
      std::format("gamesched is {}\n", coloured(service ? service->state : "not running", colours));
  if (service) append_line(out, "Reason", service->reason);
  if (const std::string what = advice(status); !what.empty()) append_line(out, "To do", what);
  if (service) append_line(out, "Setting", attach_text(*service));
  if (service && !service->profile.empty()) append_line(out, "Profile", service->profile);
  append_line(out, "Kernel", kernel_text(status.kernel));
  if (!service) return out;
  for (const std::string& error : service->configuration_errors) append_line(out, "Config", error);

  if (service->detectors.empty()) append_line(out, "Detectors", "none");
  for (const Detector& detector : service->detectors) {
    append_line(out, &detector == &service->detectors.front() ? "Detectors" : "", detector_text(detector));
  }
  if (status.games.empty()) append_line(out, "Games", "none");
  for (const Game& game : status.games) {
    append_line(out, &game == &status.games.front() ? "Games" : "", game_text(game));
  }
  append_line(out, "Version", service->version);
  return out;
}

std::string games(const std::vector<Game>& games) {
  if (games.empty()) return "No game is registered.\n";
  std::string out =
      std::format("{:>8} {:<12} {:>4} {:<19} {:<12} {}\n", "PID", "USER", "FPS", "SINCE", "APP", "NAME");
  for (const Game& game : games) {
    std::format_to(std::back_inserter(out), "{:>8} {:<12} {:>4} {:<19} {:<12} {}\n", game.pid,
                   user_name(game.uid), game.target_fps == 0 ? "-" : std::to_string(game.target_fps),
                   local_time(game.since_usec), game.app_id.empty() ? "-" : game.app_id, game.name);
  }
  return out;
}

std::string counters(const Counters& counters) {
  if (counters.empty()) return "No counters: the scheduler has not been attached.\n";
  size_t width = 0;
  for (const auto& [name, value] : counters) width = std::max(width, name.size());
  std::string out;
  for (const auto& [name, value] : counters) {
    std::format_to(std::back_inserter(out), "{:<{}} {:>20}\n", name, width, value);
  }
  return out;
}

}  // namespace gamesched::cli::text
