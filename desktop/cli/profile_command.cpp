// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/cli/profile_command.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <format>
#include <iterator>
#include <nlohmann/json.hpp>

namespace gamesched::cli::profile {

std::string text(const ProfileState& state) {
  size_t width = 0;
  for (const auto& [name, description] : state.profiles) width = std::max(width, name.size());
  std::string out;
  for (const auto& [name, description] : state.profiles) {
    std::format_to(std::back_inserter(out), "{} {:<{}}  {}\n", name == state.active ? '*' : ' ', name, width,
                   description);
  }
  if (state.active != state.chosen) {
    std::format_to(
        std::back_inserter(out), "\n{} is chosen; {} is in effect because {}.\n", state.chosen, state.active,
        state.holds.empty() ? "the game that is played wants it" : "it is held or a game wants it");
  }
  for (const ProfileHold& hold : state.holds) {
    std::format_to(std::back_inserter(out), "Held: {} by {} (user {}){}{}\n", hold.profile,
                   hold.application.empty() ? "somebody" : hold.application, hold.uid,
                   hold.reason.empty() ? "" : ": ", hold.reason);
  }
  return out;
}

std::string json(const ProfileState& state) {
  using Json = nlohmann::ordered_json;
  Json profiles = Json::array(), holds = Json::array();
  for (const auto& [name, description] : state.profiles)
    profiles.push_back({{"name", name}, {"description", description}});
  for (const ProfileHold& hold : state.holds) {
    holds.push_back({{"profile", hold.profile},
                     {"reason", hold.reason},
                     {"application_id", hold.application},
                     {"uid", hold.uid}});
  }
  return Json{{"active", state.active}, {"profile", state.chosen}, {"profiles", profiles}, {"holds", holds}}
             .dump(2) +
         "\n";
}

int run_command(const std::vector<std::string>& command) {
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  pid_t child = 0;
  if (const int error = posix_spawnp(&child, argv[0], nullptr, nullptr, argv.data(), environ); error != 0) {
    std::fprintf(stderr, "gameschedctl: cannot start %s: %s\n", argv[0], std::strerror(error));
    return 127;
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace gamesched::cli::profile
