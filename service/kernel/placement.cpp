// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/kernel/placement.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace gamesched::kernel {
namespace {

// Below this share of the fastest a core is of another kind.
constexpr uint64_t efficient_percent = 80;
// A cache counts as larger from here on: stacked ones are three times the others' size.
constexpr uint64_t larger_percent = 150;
constexpr std::size_t fewest_cores = 2;

// By the first measure that all known CPUs have and in which they differ by so much.
std::vector<bool> efficient_cpus(const std::vector<CpuFacts>& cpus) {
  std::vector<bool> efficient(cpus.size());
  if (std::ranges::any_of(cpus, &CpuFacts::efficient)) {
    std::ranges::transform(cpus, efficient.begin(), &CpuFacts::efficient);
    return efficient;
  }
  for (const auto measure : {&CpuFacts::capacity, &CpuFacts::max_khz, &CpuFacts::highest_perf}) {
    const uint64_t most = std::ranges::max(cpus, {}, measure).*measure;
    const auto slower = [&](const CpuFacts& cpu) { return cpu.*measure * 100 < most * efficient_percent; };
    const bool complete =
        std::ranges::all_of(cpus, [&](const CpuFacts& cpu) { return cpu.cache.empty() || cpu.*measure > 0; });
    if (most == 0 || !complete) continue;
    for (std::size_t i = 0; i < cpus.size(); ++i) efficient[i] = cpus[i].*measure > 0 && slower(cpus[i]);
    // CPPC ranks the halves of an X3D by frequency; where frequencies are known they have the say.
    return efficient;
  }
  return efficient;
}

// Positions in `cpus`; empty where all are alike.
std::vector<std::size_t> best_for_games(const std::vector<CpuFacts>& cpus) {
  const std::vector<bool> efficient = efficient_cpus(cpus);
  uint64_t smallest = UINT64_MAX, largest = 0;
  for (std::size_t i = 0; i < cpus.size(); ++i) {
    if (efficient[i] || cpus[i].cache_kib == 0) continue;
    smallest = std::min(smallest, cpus[i].cache_kib);
    largest = std::max(largest, cpus[i].cache_kib);
  }
  const bool caches_differ = largest > 0 && largest * 100 >= smallest * larger_percent;
  std::vector<std::size_t> best;
  std::set<unsigned> cores;
  for (std::size_t i = 0; i < cpus.size(); ++i) {
    if (efficient[i] || (caches_differ && cpus[i].cache_kib != largest)) continue;
    best.push_back(i);
    cores.insert(cpus[i].siblings.empty() ? cpus[i].number : cpus[i].siblings.front());
  }
  if (best.size() == cpus.size() || cores.size() < fewest_cores) best.clear();
  return best;
}

// The next CPU of its core, in a circle.
unsigned sibling_of(const CpuFacts& cpu) {
  const auto own = std::ranges::find(cpu.siblings, cpu.number);
  if (own == cpu.siblings.end()) return cpu.number;
  const auto next = std::next(own);
  const unsigned sibling = next == cpu.siblings.end() ? cpu.siblings.front() : *next;
  return sibling < GS_MAX_CPUS ? sibling : cpu.number;
}

}  // namespace

Result<gs_topology> place_cpus(const std::vector<CpuFacts>& cpus) {
  gs_topology topology{};
  topology.nr_cpus = cpus.back().number + 1;
  for (unsigned cpu = 0; cpu < GS_MAX_CPUS; ++cpu)
    topology.sibling_of[cpu] = static_cast<unsigned short>(cpu);

  // Node by node, in each by the first CPU.
  std::map<std::string, std::tuple<unsigned, unsigned>> caches;
  for (const CpuFacts& cpu : cpus)
    if (!cpu.cache.empty()) caches.try_emplace(cpu.cache, cpu.node, cpu.number);
  if (caches.size() > GS_MAX_LLCS)
    return fail(Error::Code::Unsupported, "this machine has more than " + std::to_string(GS_MAX_LLCS) +
                                              " last-level caches, the most gamesched knows");
  std::map<std::tuple<unsigned, unsigned>, unsigned> llc_of_cache;
  for (const auto& [cache, key] : caches) llc_of_cache[key] = 0;
  topology.nr_llcs = 0;
  for (auto& [key, llc] : llc_of_cache) llc = topology.nr_llcs++;
  topology.nr_llcs = std::max(1U, topology.nr_llcs);

  const auto add = [&](const CpuFacts& cpu, unsigned llc) {
    topology.llc_of[cpu.number] = static_cast<unsigned short>(llc);
    auto& members = topology.llcs[llc];
    if (members.nr_cpus < GS_LLC_CPUS)
      members.cpus[members.nr_cpus++] = static_cast<unsigned short>(cpu.number);
  };
  for (const CpuFacts& cpu : cpus) {
    topology.sibling_of[cpu.number] = static_cast<unsigned short>(sibling_of(cpu));
    if (cpu.cache.empty()) continue;
    topology.flags[cpu.number] |= GS_CPU_KNOWN;
    add(cpu, llc_of_cache[caches[cpu.cache]]);
  }
  for (const CpuFacts& cpu : cpus)
    if (cpu.cache.empty()) add(cpu, 0);
  for (const std::size_t i : best_for_games(cpus)) {
    topology.flags[cpus[i].number] |= GS_CPU_FOR_GAMES;
    topology.nr_for_games++;
  }
  return topology;
}

}  // namespace gamesched::kernel
