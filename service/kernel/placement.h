// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the scheduler is told of the machine's CPUs, decided from facts alone; topology.h reads the facts.
//
// CPUs that share a last-level cache have a queue together. Caches are numbered node by node, so that the
// neighbours of number N are N with its lowest bits changed (dispatch.bpf.c looks for work in that order).
//
// Where CPUs differ, some are best for games:
//   fast and efficient cores    the fast ones
//   caches of different size    those at the largest, among the fast ones
// A difference counts when it is more than steps between cores of one kind: favoured cores of one chip differ
// by a few per cent, and the half of a 7950X3D with the small cache by a tenth in frequency. Fewer than two
// cores are no place for a game: then all CPUs count as alike.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bpf/shared/abi.h"
#include "service/util/result.h"

namespace gamesched::kernel {

struct CpuFacts {
  unsigned number = 0;
  std::string cache;               // its last-level cache, by the CPUs that share it; empty: not known
  uint64_t cache_kib = 0;          // 0: not known
  std::vector<unsigned> siblings;  // the CPUs of its core, itself among them; empty: not known
  unsigned node = 0;
  bool efficient = false;  // the kernel says so
  uint64_t capacity = 0;   // in the kernel's unit; this and the next two: 0 when not known
  uint64_t max_khz = 0;
  uint64_t highest_perf = 0;  // CPPC's
};

// Facts in ascending order of CPU numbers, each below GS_MAX_CPUS. A CPU with an unknown cache belongs to the
// first one. Errors: Unsupported when there are more caches than gs_topology holds.
Result<gs_topology> place_cpus(const std::vector<CpuFacts>& cpus);

}  // namespace gamesched::kernel
