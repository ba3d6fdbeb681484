// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/kernel/detectors.h"

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace gamesched::kernel {

#define OBJECT(name)                          \
  extern const unsigned char object_##name[]; \
  extern const std::size_t object_##name##_size;
#undef OBJECT

namespace {

constexpr std::array<const char*, GS_NR_DETECTOR_COUNTERS> counter_names = {
#define COUNTER(name, doc) #name,
#include "bpf/shared/detector_counters.def"
#undef COUNTER
};

}  // namespace

Detectors::Detectors() {
#define OBJECT(name) \
  objects_.push_back(std::make_unique<Object>(#name, std::span(object_##name, object_##name##_size)));
#undef OBJECT
}

Detectors::~Detectors() {
  if (mapped_ != nullptr) ::munmap(mapped_, mapped_bytes_);
}

void Detectors::size_maps(Object& shared) {
  const int cpus = libbpf_num_possible_cpus();
  shared.resize_map("detector_cpus", static_cast<uint32_t>(std::clamp(cpus, 1, GS_MAX_CPUS)));
}

std::vector<DetectorStatus> Detectors::load(const Object& shared,
                                            std::span<const std::string_view> shared_maps) {
  map_counters(shared);
  std::vector<DetectorStatus> statuses;
  for (const auto& object : objects_) {
    object->share_maps_of(shared, shared_maps);
    Result<void> result = object->load();
    if (result) result = object->attach_programs();
    statuses.push_back({object->name(), result.has_value(), result ? "" : result.error().message});
  }
  return statuses;
}

void Detectors::map_counters(const Object& shared) {
  const int map = shared.map_fd("detector_cpus");
  bpf_map_info info{};
  unsigned length = sizeof(info);
  if (bpf_map_get_info_by_fd(map, &info, &length) != 0) return;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t bytes = (info.max_entries * sizeof(gs_detector_cpu) + page - 1) / page * page;
  void* const memory = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, map, 0);
  if (memory == MAP_FAILED) return;
  mapped_ = memory;
  mapped_bytes_ = bytes;
  cpus_ = {static_cast<const gs_detector_cpu*>(memory), info.max_entries};
}

void Detectors::add_counters(std::vector<Counter>& counters) const {
  for (std::size_t i = 0; i < counter_names.size(); i++) {
    Counter counter{counter_names[i], 0};
    // A CPU may write its own while we read.
    for (const gs_detector_cpu& cpu : cpus_)
      counter.value += static_cast<const volatile unsigned long long&>(cpu.value[i]);
    counters.push_back(std::move(counter));
  }
}

}  // namespace gamesched::kernel
