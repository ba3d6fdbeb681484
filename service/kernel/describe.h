// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the kernel's side keeps of a thread, in words.
#pragma once

#include <cstdint>

#include "bpf/shared/abi.h"
#include "bpf/shared/task_ctx.h"
#include "service/kernel/backend.h"
#include "service/util/lanes.h"

namespace gamesched::kernel {

// `frames`: of its game.
ThreadFacts describe(const task_ctx& thread, const gs_game_frames& frames, uint64_t now_ns);

}  // namespace gamesched::kernel
