// SPDX-License-Identifier: GPL-2.0-or-later
//
// gameschedctl top: the live view, until the user has seen enough.
#pragma once

#include <string>

namespace gamesched::cli::live {

// After Terminal::check(). `sched_ext`: /sys/kernel/sched_ext, or a folder like it.
void run(const std::string& sched_ext, bool colours);

}  // namespace gamesched::cli::live
