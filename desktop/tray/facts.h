// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the tray knows of gameschedd: plain data, read by scheduler.h and shown as model.h says.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gamesched::tray {

struct Profile {
  std::string name;
  std::string description;
};

struct Game {
  std::string path;
  std::string name;
  uint64_t since_usec = 0;  // CLOCK_REALTIME
  uint32_t boosted = 0;     // threads that get a CPU at once, when somebody last looked
};

// Texts are clean (service/util/text.h), which says nothing about markup.
struct Facts {
  bool running = false;  // somebody owns the service's name
  // Running and without a state: it does not answer, or not yet; `problem` says why, for people.
  std::string state;
  std::string reason;
  std::string problem;
  bool enabled = false;
  std::string profile;         // chosen
  std::string active_profile;  // in effect
  std::vector<Profile> profiles;
  std::vector<Game> games;  // oldest first
  bool asking = false;      // a click waits for its answer, perhaps for a password
};

struct Ejection {
  std::string reason;
  std::string detail;
  uint32_t retry_in_s = 0;  // 0: it stays off until somebody switches it on
};

}  // namespace gamesched::tray
