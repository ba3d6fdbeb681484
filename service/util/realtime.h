// SPDX-License-Identifier: GPL-2.0-or-later
//
// Real-time priority for this process.
#pragma once

#include "service/util/result.h"

namespace gamesched {

// SCHED_RR at the lowest priority: before every ordinary thread, behind every other real-time one. Permission
// where neither a right nor RLIMIT_RTPRIO allows it, or the control group has no real-time share.
Result<void> become_realtime();

}  // namespace gamesched
