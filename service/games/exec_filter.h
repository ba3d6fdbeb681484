// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the kernel has to tell of, worked out from the rules: of the starts of programs on a machine nearly
// all can match no rule, and those end in the kernel.
#pragma once

#include <vector>

#include "service/games/detection.h"
#include "service/kernel/backend.h"

namespace gamesched::games {

kernel::ExecFilter exec_filter(const std::vector<DetectionRule>& rules, const DesktopGames& desktop);

}  // namespace gamesched::games
