// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/kernel/detectors.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include "service/kernel/gpu_cards.h"

namespace gamesched::kernel {

#define OBJECT(name)                          \
  extern const unsigned char object_##name[]; \
  extern const std::size_t object_##name##_size;
OBJECT(gpu)
OBJECT(fence)
OBJECT(names)
OBJECT(audio)
OBJECT(network)
#undef OBJECT

namespace {

constexpr std::array<const char*, GS_NR_DETECTOR_COUNTERS> counter_names = {
#define COUNTER(name, doc) #name,
#include "bpf/shared/detector_counters.def"
#undef COUNTER
};

}  // namespace

// The coarse clock moves once a tick.
unsigned long long tick_ns() {
  timespec tick{};
  ::clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
  return static_cast<unsigned long long>(tick.tv_nsec);
}

Detectors::Detectors() {
#define OBJECT(name)    \
  detectors_.push_back( \
      {std::make_unique<Object>(#name, std::span(object_##name, object_##name##_size)), {}, false});
  OBJECT(gpu) OBJECT(fence) OBJECT(names) OBJECT(audio) OBJECT(network)
#undef OBJECT
}

void Detectors::load(const Object& shared, std::span<const std::string_view> shared_maps) {
  for (Detector& each : detectors_) {
    each.object->share_maps_of(shared, shared_maps);
    if (each.object->name() == "network") *each.object->global<unsigned long long>("tick_ns") = tick_ns();
    each.state = each.object->load();
    if (!each.state || each.object->name() == "names") continue;  // that one counts nothing
    auto* const counts = each.object->global<std::array<gs_detector_cpu, GS_MAX_CPUS>>("detected");
    counts_.push_back(const_cast<std::array<gs_detector_cpu, GS_MAX_CPUS>*>(counts));
  }
  read_gpu_cards();
  fill_thread_names();
  for (Detector& each : detectors_) {
    if (each.state && !each.off) each.state = each.object->attach_programs();
  }
}

void Detectors::switch_off(const std::set<std::string>& off) {
  for (Detector& each : detectors_) {
    const bool was_off = std::exchange(each.off, off.contains(each.object->name()));
    if (!each.object->loaded() || was_off == each.off) continue;
    if (each.off)
      each.object->detach_programs();
    else
      each.state = each.object->attach_programs();
  }
}

std::vector<DetectorStatus> Detectors::statuses() const {
  std::vector<DetectorStatus> statuses;
  for (const Detector& each : detectors_) {
    const std::string& name = each.object->name();
    if (each.off)
      statuses.push_back({name, false, "switched off by the configuration", true});
    else
      statuses.push_back({name, each.state.has_value(), each.state ? "" : each.state.error().message, false});
  }
  return statuses;
}

bool Detectors::attached(std::string_view name) const {
  return std::ranges::any_of(statuses(),
                             [&](const auto& each) { return each.name == name && each.attached; });
}

const Object* Detectors::loaded(std::string_view name) const {
  for (const Detector& each : detectors_)
    if (each.object->name() == name && each.object->loaded()) return each.object.get();
  return nullptr;
}

// A game may be waiting for it: all cards are read in one call.
void Detectors::read_gpu_cards() {
  const Object* const gpu = loaded("gpu");
  if (gpu == nullptr) return;
  const int map = gpu->map_fd("gpu_cards");
  std::array<uint32_t, GS_GPU_CARDS> minors{};
  std::array<gs_gpu_card, GS_GPU_CARDS> known{};
  uint32_t count = GS_GPU_CARDS, next = 0;
  // At the end of the map it says ENOENT, with all that there is.
  if (bpf_map_lookup_batch(map, nullptr, &next, minors.data(), known.data(), &count, nullptr) != 0 &&
      errno != ENOENT)
    return;
  const auto cards = kernel::read_gpu_cards("/sys/dev/char");
  for (uint32_t i = 0; i < count; i++) {
    gs_gpu_card now{};
    if (const auto card = cards.find(minors[i]); card != cards.end()) now = card->second;
    now.asked = known[i].asked;
    if (std::memcmp(&known[i], &now, sizeof(now)) != 0) bpf_map_update_elem(map, &minors[i], &now, BPF_ANY);
  }
}

void Detectors::fill_thread_names() {
  static constexpr struct {
    char name[GS_THREAD_NAME];
    uint32_t named;
  } names[] = {
#define THREAD_NAME(name, named, whose) {name, named},
#include "bpf/shared/thread_names.def"
#undef THREAD_NAME
  };
  const Object* const object = loaded("names");
  if (object == nullptr) return;
  for (const auto& each : names)
    bpf_map_update_elem(object->map_fd("thread_names"), each.name, &each.named, BPF_ANY);
}

void Detectors::add_counters(std::vector<Counter>& counters) const {
  const auto cpus = static_cast<std::size_t>(std::clamp(libbpf_num_possible_cpus(), 1, GS_MAX_CPUS));
  for (std::size_t i = 0; i < counter_names.size(); i++) {
    Counter counter{counter_names[i], 0};
    // A CPU may write its own while we read.
    for (const auto* counts : counts_)
      for (std::size_t cpu = 0; cpu < cpus; cpu++)
        counter.value += static_cast<const volatile unsigned long long&>((*counts)[cpu].value[i]);
    counters.push_back(std::move(counter));
  }
}

}  // namespace gamesched::kernel
