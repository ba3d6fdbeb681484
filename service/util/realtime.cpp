// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/util/realtime.h"

#include <sched.h>

#include <cerrno>

namespace gamesched {

Result<void> become_realtime() {
  const sched_param lowest{.sched_priority = 1};
  if (sched_setscheduler(0, SCHED_RR, &lowest) == 0) return {};
  return fail_errno("no real-time priority", errno, Error::Code::Permission);
}

}  // namespace gamesched
