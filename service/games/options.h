// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a client says of its game, checked: lengths and characters bounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "service/util/result.h"

namespace gamesched::games {

struct GameOptions {
  static constexpr std::size_t max_name_bytes = 64;
  static constexpr std::size_t max_app_id_bytes = 128;
  static constexpr std::size_t max_profile_bytes = 64;
  static constexpr uint32_t max_target_fps = 1000;

  std::string name;         // "": use the process's name
  std::string app_id;       // "": unknown
  uint32_t target_fps = 0;  // 0: unknown
  std::string profile;      // "": none of its own
  bool gamemode = false;    // registered by the bridge for GameMode's clients
  bool hold = false;        // the registration ends with its registrar's bus name, too

  bool operator==(const GameOptions&) const = default;
};

// InvalidArgument, the sentence names the option. A target_fps of 0 is "not given" to the first, wrong to the
// second.
Result<void> check_options(const GameOptions& options);
Result<void> check_target_fps(uint32_t target_fps);

}  // namespace gamesched::games
