// SPDX-License-Identifier: GPL-2.0-or-later
//
// Games that nobody registers: what the kernel tells of goes through the rules into the registry.
//
// /proc is looked through once, at the start. Later only when a user started more programs than the kernel's
// budget lets through: then what is new since, a second after the first loss, and never for more than a
// hundredth of the time.
#pragma once

#include <functional>
#include <vector>

#include "service/games/control_groups.h"
#include "service/games/detector.h"
#include "service/games/registry.h"
#include "service/loop/loop.h"

namespace gamesched::games {

class Finder {
 public:
  Finder(Loop& loop, kernel::Backend& backend, Registry& registry);
  ~Finder();
  Finder(const Finder&) = delete;
  Finder& operator=(const Finder&) = delete;

  // gamesched-run was started: it will ask for a game within seconds, if its user may.
  std::function<void(uid_t)> on_announced;
  // One that could not be taken in; the game runs, unscheduled.
  std::function<void(const Sighting&, const Error&)> on_refused;

  void configure(std::vector<DetectionRule> rules, bool enabled);
  // What runs already.
  void scan();

 private:
  void started(const kernel::ProgramStart& start);
  void look_again();
  void look_through(uint64_t since_ticks);
  void take_in(const Sighting& sighting, const std::string& app_id);

  kernel::Backend& backend_;
  Registry& registry_;
  ControlGroups groups_;
  Detector detector_;
  Timer again_;
  uint64_t scanned_ticks_ = 0;  // start of the newest process of the last look
  uint64_t not_before_usec_ = 0;
};

}  // namespace gamesched::games
