// SPDX-License-Identifier: GPL-2.0-or-later
//
// gameschedctl explain-process: what the rules of detection make of a process, rule by rule. A dry run with
// the service's own code on what /proc tells everybody; the service need not run.
#pragma once

#include <sys/types.h>

#include <string>

namespace gamesched::cli::explain {

struct Report {
  bool found = false;  // the process exists
  std::string out;
};

Report process(pid_t pid, const std::string& vendor_config, const std::string& config, bool json);

}  // namespace gamesched::cli::explain
