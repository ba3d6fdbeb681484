// SPDX-License-Identifier: GPL-2.0-or-later
//
// The machine's CPUs and last-level caches, from sysfs.
#pragma once

#include <filesystem>

#include "bpf/shared/abi.h"
#include "service/util/result.h"

namespace gamesched::kernel {

// Reads `root`/cpu*/cache/index*/ (root: /sys/devices/system/cpu, or a fixture tree). A CPU whose caches are
// unknown (offline, or a virtual machine that shows none) belongs to the first LLC.
// Errors: Unsupported when the machine has more CPUs or caches than gs_topology holds.
Result<gs_topology> read_topology(const std::filesystem::path& root);

}  // namespace gamesched::kernel
