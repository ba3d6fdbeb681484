// SPDX-License-Identifier: GPL-2.0-or-later
//
// Profiles: named sets of what the scheduler and the machine should do while a game runs. Data only; which
// one is in effect is decided by profile_control.h.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "service/kernel/tunables.h"

namespace gamesched::policy {

struct Profile {
  std::string description;
  bool scheduler = true;  // false: ours is not attached while this profile is in effect
  // What is held in power-profiles-daemon while a game runs: "performance", "power-saver", or "" for nothing.
  std::string power_profile;
  kernel::TunableValues tunables;

  bool operator==(const Profile&) const = default;
};

using Profiles = std::map<std::string, Profile, std::less<>>;

constexpr std::size_t max_profiles = 32;
constexpr std::size_t max_profile_name_bytes = 64;

// The profile that is always there: the scheduler with its own defaults.
inline constexpr const char* default_profile = "balanced";

// a-z, 0-9, '-' and '_', the first of them no sign: a name is never a path, an option or markup.
bool is_profile_name(std::string_view name);

// `There is no profile "blanced"; did you mean "balanced"?`
std::string no_such_profile(std::string_view name, const Profiles& profiles);

}  // namespace gamesched::policy
