// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/kernel/topology.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <string>
#include <vector>

#include "service/util/file.h"

namespace gamesched::kernel {
namespace {

constexpr std::size_t sysfs_max_bytes = 4096;  // one page, the most a sysfs file holds

std::string read_line(const std::filesystem::path& path) {
  auto text = read_file(path, sysfs_max_bytes);
  if (!text) return {};
  if (auto end = text->find('\n'); end != std::string::npos) text->resize(end);
  return *text;
}

int to_int(std::string_view text) {
  int value = -1;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::vector<unsigned> cpu_numbers(const std::filesystem::path& root) {
  std::vector<unsigned> numbers;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(root, ignored)) {
    const std::string name = entry.path().filename();
    unsigned number = 0;
    const char* end = name.data() + name.size();
    if (name.starts_with("cpu") && name.size() > 3 &&
        std::from_chars(name.data() + 3, end, number) == std::from_chars_result{end, std::errc()})
      numbers.push_back(number);
  }
  std::ranges::sort(numbers);
  return numbers;
}

// The CPUs that share this one's highest unified cache, as the kernel lists them; empty when unknown.
std::string last_level_cache(const std::filesystem::path& cpu) {
  int best_level = 0;
  std::string shared;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(cpu / "cache", ignored)) {
    if (!entry.path().filename().string().starts_with("index")) continue;
    const int level = to_int(read_line(entry.path() / "level"));
    if (level <= best_level || read_line(entry.path() / "type") == "Instruction") continue;
    best_level = level;
    shared = read_line(entry.path() / "shared_cpu_list");
  }
  return shared;
}

}  // namespace

Result<gs_topology> read_topology(const std::filesystem::path& root) {
  const std::vector<unsigned> numbers = cpu_numbers(root);
  if (numbers.empty()) return fail(Error::Code::Unsupported, "no CPU found in " + root.string());
  if (numbers.back() >= GS_MAX_CPUS)
    return fail(Error::Code::Unsupported, "this machine has CPU " + std::to_string(numbers.back()) +
                                              "; gamesched knows CPUs below " + std::to_string(GS_MAX_CPUS));
  gs_topology topology{};
  topology.nr_cpus = numbers.back() + 1;
  std::map<std::string, unsigned> llc_of_cache;
  std::vector<unsigned> unknown;
  const auto assign = [&](unsigned cpu, unsigned llc) {
    topology.llc_of[cpu] = static_cast<unsigned short>(llc);
    auto& members = topology.llcs[llc];
    if (members.nr_cpus < GS_LLC_CPUS) members.cpus[members.nr_cpus++] = static_cast<unsigned short>(cpu);
  };
  for (const unsigned cpu : numbers) {
    const std::string cache = last_level_cache(root / ("cpu" + std::to_string(cpu)));
    if (cache.empty()) {
      unknown.push_back(cpu);
      continue;
    }
    const auto [entry, added] = llc_of_cache.try_emplace(cache, static_cast<unsigned>(llc_of_cache.size()));
    if (added && llc_of_cache.size() > GS_MAX_LLCS)
      return fail(Error::Code::Unsupported, "this machine has more than " + std::to_string(GS_MAX_LLCS) +
                                                " last-level caches, the most gamesched knows");
    assign(cpu, entry->second);
  }
  for (const unsigned cpu : unknown) assign(cpu, 0);
  topology.nr_llcs = std::max<unsigned>(1, static_cast<unsigned>(llc_of_cache.size()));
  return topology;
}

}  // namespace gamesched::kernel
