// SPDX-License-Identifier: GPL-2.0-or-later
//
// The machine's CPUs and caches, from sysfs.
#pragma once

#include <filesystem>

#include "bpf/shared/abi.h"
#include "service/util/result.h"

namespace gamesched::kernel {

// Reads below `root` (/sys/devices/system/cpu, or a fixture tree), for each cpuN: cache/index*/, node*,
// topology/thread_siblings_list, cpu_capacity, cpufreq/cpuinfo_max_freq, acpi_cppc/highest_perf; and beside
// it
// ../../cpu_atom/cpus, the efficient cores of Intel's hybrid processors. All but cpuN itself may be missing;
// a CPU that is offline shows nothing. What follows from it is in placement.h. Errors: Unsupported when there
// is no CPU, or more CPUs or caches than gs_topology holds.
Result<gs_topology> read_topology(const std::filesystem::path& root);

}  // namespace gamesched::kernel
