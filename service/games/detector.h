// SPDX-License-Identifier: GPL-2.0-or-later
//
// From starts of programs to games: what is one, and which process of a game is the game itself.
//
// A wrapper (Steam's reaper, lutris-wrapper) is a game from its start, with all that it will start; its own
// program is only the first of several. Of the programs that run in a game the newest of the highest rank is
// the game proper: infrastructure and helpers, then programs that no rule knows, then those that a rule calls
// a game.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "service/games/detection.h"
#include "service/kernel/backend.h"
#include "service/util/result.h"

namespace gamesched::games {

enum class Rank { Helper, Unknown, Game };

// Whether a program that was started in a game is from now on the game proper. In the same process it takes
// the place of what was there, whatever the rules know of it, but for a helper.
inline bool takes_over(Rank rank, pid_t pid, Rank of_main, pid_t main) {
  return rank != Rank::Helper && (rank >= of_main || pid == main);
}

// "Youngblood_x64vk.exe" -> "Youngblood_x64vk".
std::string display_name(const Sighting& sighting);

class Detector {
 public:
  explicit Detector(World world) : world_(std::move(world)) {}

  // A process that is the first of a game.
  std::function<void(const Sighting&, const std::string& app_id)> on_game;
  // A program started in game `slot`.
  std::function<void(uint32_t slot, const Sighting&, Rank)> on_member;
  // A launcher that the kernel does not know by its name.
  std::function<void(const Sighting&)> on_launcher;
  // One that ran before we did; the kernel enters those that come.
  std::function<void(const Sighting&)> on_audio_server;

  void configure(std::vector<DetectionRule> rules, DesktopGames desktop, bool enabled);
  kernel::ExecFilter filter() const;

  // In the order in which they happened.
  void program_started(const Sighting& sighting, uint32_t slot);
  // One that runs already; parents first. `slot`: the game it is in, 0 for none.
  void found_running(const Sighting& sighting, uint32_t slot);

 private:
  void judge(const Sighting& sighting, uint32_t slot, const Finding& finding);

  World world_;
  DesktopGames desktop_;
  std::vector<DetectionRule> rules_;
  bool enabled_ = true;
};

}  // namespace gamesched::games
