// SPDX-License-Identifier: GPL-2.0-or-later
//
// The scheduler's lanes by name, most urgent first: by enum gs_lane of bpf/policy/lane.h. On the bus, in counters'
// names and for people they are called so.
#pragma once

#include <array>
#include <cstddef>

namespace gamesched {

inline constexpr std::array<const char*, 10> lane_names = {
    "game_audio", "audio",   "frame",       "compositor", "game_network",
    "game",       "network", "interactive", "normal",     "background"};

// The first of them: whoever is in one gets a CPU at once. The others differ by deadline.
inline constexpr std::size_t urgent_lanes = 5;

}  // namespace gamesched
