// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/kernel/input.h"

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <string>

#include "bpf/policy/histogram.h"
#include "bpf/policy/window.h"

namespace gamesched::kernel {
namespace {

constexpr std::array<const char*, GS_INPUT_LANES> lane_names = {"keyboard", "mouse", "controller", "other"};
static_assert(GS_NR_INPUT_LANES == GS_INPUT_LANES);

uint64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * GS_SEC + static_cast<uint64_t>(now.tv_nsec);
}

// One CPU writes it while we read.
uint64_t now_in(const unsigned long long& cell) {
  return const_cast<const volatile unsigned long long&>(cell);
}

uint64_t sum(std::span<const gs_input_cpu> cpus, unsigned long long gs_input_cpu::* member) {
  uint64_t total = 0;
  for (const gs_input_cpu& cpu : cpus) total += now_in(cpu.*member);
  return total;
}

std::string bucket_name(const char* lane, const char* what, std::size_t bucket) {
  return std::string("input_") + lane + "_to_" + what + "_" + std::to_string(1ULL << bucket) + "us";
}

}  // namespace

Input::~Input() {
  if (mapped_ != nullptr) ::munmap(mapped_, mapped_bytes_);
}

void Input::size_maps(Object& shared) {
  const int cpus = libbpf_num_possible_cpus();
  shared.resize_map("input_cpus", static_cast<uint32_t>(std::clamp(cpus, 1, GS_MAX_CPUS)));
}

Result<void> Input::start(const Object& input, const Object& shared, ring_buffer* rings) {
  const int outer = input.map_fd("input_rings");
  for (uint32_t number = 0; number < GS_INPUT_RINGS; number++) {
    UniqueFd ring(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "input_ring", 0, 0, GS_INPUT_RING_BYTES, nullptr));
    if (!ring) return fail_errno("cannot make a ring for input events", errno);
    if (const int error = ring_buffer__add(rings, ring.get(), &Input::on_record, this); error != 0)
      return fail_errno("cannot read a ring for input events", -error);
    const int fd = ring.get();
    if (bpf_map_update_elem(outer, &number, &fd, BPF_ANY) != 0)
      return fail_errno("cannot give the hook a ring for input events", errno);
    rings_.push_back(std::move(ring));
  }
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  bpf_map_info info{};
  unsigned length = sizeof(info);
  const int map = shared.map_fd("input_cpus");
  if (bpf_map_get_info_by_fd(map, &info, &length) != 0)
    return fail_errno("cannot size the input counters", errno);
  mapped_bytes_ = (info.max_entries * sizeof(gs_input_cpu) + page - 1) / page * page;
  void* const memory = ::mmap(nullptr, mapped_bytes_, PROT_READ, MAP_SHARED, map, 0);
  if (memory == MAP_FAILED) return fail_errno("cannot map the input counters", errno);
  mapped_ = memory;
  cpus_ = {static_cast<const gs_input_cpu*>(memory), info.max_entries};
  devices_ = input.map_fd("input_devices");
  answers_ = input.map_fd("input_answers");
  return {};
}

int Input::on_record(void* context, void* data, std::size_t size) {
  if (size >= sizeof(gs_input_record))
    static_cast<Input*>(context)->take(*static_cast<const gs_input_record*>(data));
  return 0;
}

void Input::take(const gs_input_record& record) {
  records_++;
  if (record.kind == GS_INPUT_DEVICE_SEEN && record.lane == GS_INPUT_ASK)
    question_ = questions_.insert(record.id).second || question_;
  if (record.kind == GS_INPUT_DEVICE_GONE) question_ = questions_.erase(record.id) > 0 || question_;
  if (record.kind != GS_INPUT_EVENTS) return;
  delivered_ += record.events;
  if (record.lane >= GS_INPUT_LANES) return; /* its lane is not known any more */
  const uint64_t now_ns = monotonic_ns();
  const uint64_t took_ns = now_ns > record.time_ns ? now_ns - record.time_ns : 0;
  to_daemon_[record.lane][gs_histogram_bucket(took_ns, GS_INPUT_BUCKETS)]++;
}

void Input::batch_done(const std::function<void()>& on_question,
                       const std::function<void(uint64_t)>& on_lost) {
  if (const uint64_t dropped = sum(cpus_, &gs_input_cpu::records_dropped); dropped != seen_dropped_records_) {
    seen_dropped_records_ = dropped;
    look_at_devices();
    const uint64_t events = sum(cpus_, &gs_input_cpu::events_dropped);
    if (on_lost) on_lost(events - seen_dropped_events_);
    seen_dropped_events_ = events;
  }
  if (question_) {
    question_ = false;
    if (on_question) on_question();
  }
}

void Input::look_at_devices() {
  if (devices_ < 0) return;
  std::vector<uint64_t> keys(GS_INPUT_DEVICES);
  std::vector<gs_input_device> devices(GS_INPUT_DEVICES);
  uint32_t position = 0, count = GS_INPUT_DEVICES;
  // ENOENT: that were all.
  if (bpf_map_lookup_batch(devices_, nullptr, &position, keys.data(), devices.data(), &count, nullptr) != 0 &&
      errno != ENOENT)
    return;
  devices.resize(std::min<std::size_t>(count, devices.size()));
  questions_.clear();
  for (const gs_input_device& device : devices)
    if (device.lane == GS_INPUT_ASK) questions_.insert(device.id);
  question_ = true;
}

Result<void> Input::answer(const std::vector<InputAnswer>& answers) {
  if (answers_ < 0 || answers.empty()) return {};
  std::vector<uint32_t> numbers, lanes;
  for (const InputAnswer& answer : answers) {
    numbers.push_back(answer.number);
    lanes.push_back(answer.lane);
  }
  auto count = static_cast<uint32_t>(answers.size());
  if (bpf_map_update_batch(answers_, numbers.data(), lanes.data(), &count, nullptr) != 0)
    return fail_errno("cannot tell the input hook of a device", errno);
  return {};
}

void Input::add_counters(std::vector<Counter>& counters) const {
  if (cpus_.empty()) return;
  counters.push_back({"input_events", sum(cpus_, &gs_input_cpu::events)});
  counters.push_back({"input_events_without_game", sum(cpus_, &gs_input_cpu::events_idle)});
  counters.push_back({"input_events_not_for_games", sum(cpus_, &gs_input_cpu::events_no_input)});
  counters.push_back({"input_events_reported", sum(cpus_, &gs_input_cpu::events_reported)});
  counters.push_back({"input_events_delivered", delivered_});
  counters.push_back({"input_events_dropped", sum(cpus_, &gs_input_cpu::events_dropped)});
  uint64_t pending = 0;
  for (const gs_input_cpu& cpu : cpus_)
    for (const gs_input_slot& slot : cpu.slots) pending += const_cast<const volatile unsigned&>(slot.pending);
  counters.push_back({"input_events_pending", pending});
  counters.push_back({"input_records", records_});
  counters.push_back({"input_device_cache_hits", sum(cpus_, &gs_input_cpu::cache_hits)});
  counters.push_back({"input_device_cache_misses", sum(cpus_, &gs_input_cpu::cache_misses)});
  counters.push_back({"input_devices_seen", sum(cpus_, &gs_input_cpu::first_sights)});
  std::array<uint64_t, GS_INPUT_RINGS> dropped{};
  for (std::size_t cpu = 0; cpu < cpus_.size(); cpu++)
    dropped[cpu % dropped.size()] += now_in(cpus_[cpu].records_dropped);
  for (std::size_t ring = 0; ring < dropped.size(); ring++)
    counters.push_back({"input_ring" + std::to_string(ring) + "_records_dropped", dropped[ring]});
  for (std::size_t lane = 0; lane < lane_names.size(); lane++)
    for (std::size_t bucket = 0; bucket < GS_INPUT_BUCKETS; bucket++) {
      Counter reader{bucket_name(lane_names[lane], "reader", bucket), 0};
      Counter submit{bucket_name(lane_names[lane], "submit", bucket), 0};
      for (const gs_input_cpu& cpu : cpus_) {
        reader.value += now_in(cpu.to_reader[lane][bucket]);
        submit.value += now_in(cpu.to_submit[lane][bucket]);
      }
      counters.push_back({bucket_name(lane_names[lane], "daemon", bucket), to_daemon_[lane][bucket]});
      counters.push_back(std::move(reader));
      counters.push_back(std::move(submit));
    }
}

}  // namespace gamesched::kernel
