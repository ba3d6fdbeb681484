// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the kernel's side keeps of a thread, in words.
#pragma once

#include <array>
#include <cstdint>

#include "bpf/shared/abi.h"
#include "bpf/shared/task_ctx.h"
#include "service/kernel/backend.h"

namespace gamesched::kernel {

// By enum gs_lane; also how counters are named.
inline constexpr std::array<const char*, GS_WAIT_LANES> lane_names = {
    "game_audio", "audio",   "frame",       "compositor", "game_network",
    "game",       "network", "interactive", "normal",     "background"};

// `frames`: of its game.
ThreadFacts describe(const task_ctx& thread, const gs_game_frames& frames, uint64_t now_ns);

}  // namespace gamesched::kernel
