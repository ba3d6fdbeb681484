// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/kernel/topology.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <vector>

#include "service/kernel/placement.h"
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

// The number that a text begins with; `otherwise` when it begins with none, or one too large.
template <typename Number>
Number number_in(std::string_view text, Number otherwise) {
  Number value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

uint64_t read_number(const std::filesystem::path& path) {
  return number_in<uint64_t>(read_line(path), 0);
}

// "0-3,8,10-11"; numbers that gamesched does not know are left out.
std::vector<unsigned> cpu_list(std::string_view text) {
  std::vector<unsigned> cpus;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    const unsigned first = number_in<unsigned>(part, GS_MAX_CPUS);
    const auto dash = part.find('-');
    const unsigned last =
        dash == std::string_view::npos ? first : number_in<unsigned>(part.substr(dash + 1), first);
    for (unsigned cpu = first; cpu <= last && cpu < GS_MAX_CPUS; ++cpu) cpus.push_back(cpu);
  }
  return cpus;
}

// The N of every entry "PREFIXN" of a folder, in order.
std::vector<unsigned> numbered(const std::filesystem::path& folder, std::string_view prefix) {
  std::vector<unsigned> numbers;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename();
    unsigned number = 0;
    const char* end = name.data() + name.size();
    if (name.starts_with(prefix) && name.size() > prefix.size() &&
        std::from_chars(name.data() + prefix.size(), end, number) == std::from_chars_result{end, std::errc()})
      numbers.push_back(number);
  }
  std::ranges::sort(numbers);
  return numbers;
}

// A cache's size is in kibibytes, "98304K".
void read_last_level_cache(const std::filesystem::path& cpu, CpuFacts& facts) {
  int best_level = 0;
  for (const unsigned index : numbered(cpu / "cache", "index")) {
    const std::filesystem::path cache = cpu / "cache" / ("index" + std::to_string(index));
    const int level = number_in<int>(read_line(cache / "level"), -1);
    if (level <= best_level || read_line(cache / "type") == "Instruction") continue;
    best_level = level;
    facts.cache = read_line(cache / "shared_cpu_list");
    facts.cache_kib = read_number(cache / "size");
  }
}

CpuFacts read_cpu(const std::filesystem::path& root, unsigned number) {
  const std::filesystem::path cpu = root / ("cpu" + std::to_string(number));
  CpuFacts facts;
  facts.number = number;
  read_last_level_cache(cpu, facts);
  facts.siblings = cpu_list(read_line(cpu / "topology/thread_siblings_list"));
  if (const auto nodes = numbered(cpu, "node"); !nodes.empty()) facts.node = nodes.front();
  facts.capacity = read_number(cpu / "cpu_capacity");
  facts.max_khz = read_number(cpu / "cpufreq/cpuinfo_max_freq");
  facts.highest_perf = read_number(cpu / "acpi_cppc/highest_perf");
  return facts;
}

}  // namespace

Result<gs_topology> read_topology(const std::filesystem::path& root) {
  const std::vector<unsigned> numbers = numbered(root, "cpu");
  if (numbers.empty()) return fail(Error::Code::Unsupported, "no CPU found in " + root.string());
  if (numbers.back() >= GS_MAX_CPUS)
    return fail(Error::Code::Unsupported, "this machine has CPU " + std::to_string(numbers.back()) +
                                              "; gamesched knows CPUs below " + std::to_string(GS_MAX_CPUS));
  const std::vector<unsigned> efficient =
      cpu_list(read_line(root.parent_path().parent_path() / "cpu_atom/cpus"));
  std::vector<CpuFacts> cpus;
  for (const unsigned number : numbers) {
    cpus.push_back(read_cpu(root, number));
    cpus.back().efficient = std::ranges::contains(efficient, number);
  }
  return place_cpus(cpus);
}

}  // namespace gamesched::kernel
