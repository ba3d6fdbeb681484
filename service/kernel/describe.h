// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the kernel's side keeps of a thread, in words.
#pragma once

#include <cstdint>

#include "bpf/shared/task_ctx.h"
#include "service/kernel/backend.h"
#include "service/util/lanes.h"

namespace gamesched::kernel {

// `game_period_ns`: that of its game's frames; 0: not known.
ThreadFacts describe(const task_ctx& thread, uint64_t game_period_ns, uint64_t now_ns);

}  // namespace gamesched::kernel
