// SPDX-License-Identifier: GPL-2.0-or-later
//
// The daemon's side of the input hook (bpf/detect/input.bpf.c): makes its rings, reads them, keeps the
// histogram of how long an event took to get here, and notices what was lost.
//
// - Counters lie in memory shared with the kernel: reading them is no system call.
// - Reading the rings makes none either. After a batch there is at most one call of bpf(2), made only when
//   records were lost, and with them, perhaps, a device that nobody can tell the kind of; another one answers
//   all such questions at once.
#pragma once

#include <bpf/libbpf.h>

#include <array>
#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <vector>

#include "bpf/shared/abi.h"
#include "service/kernel/backend.h"
#include "service/kernel/object.h"
#include "service/util/fd.h"

namespace gamesched::kernel {

class Input {
 public:
  // Records read in one turn of the loop at the most: some tens of microseconds.
  static constexpr std::size_t batch_max = 512;

  ~Input();

  // Before the object that has the shared maps is loaded: sizes them for this machine.
  static void size_maps(Object& shared);
  // Both objects are loaded; `rings` reads the new rings from here on.
  Result<void> start(const Object& input, const Object& shared, ring_buffer* rings);

  // After each batch of records. Calls back at most once each.
  void batch_done(const std::function<void()>& on_question, const std::function<void(uint64_t)>& on_lost);

  std::vector<uint32_t> questions() const { return {questions_.begin(), questions_.end()}; }
  // The kernel's side uses the answers once devices_generation has changed.
  Result<void> answer(const std::vector<InputAnswer>& answers);

  void add_counters(std::vector<Counter>& counters) const;

 private:
  using Histogram = std::array<uint64_t, GS_INPUT_BUCKETS>;

  static int on_record(void* context, void* data, std::size_t size);
  // After a loss: what records would have said.
  void look_at_devices();
  void take(const gs_input_record& record);

  std::vector<UniqueFd> rings_;  // libbpf watches them and does not own them
  int devices_ = -1, answers_ = -1;
  void* mapped_ = nullptr;
  std::size_t mapped_bytes_ = 0;
  std::span<const gs_input_cpu> cpus_;

  std::array<Histogram, GS_INPUT_LANES> to_daemon_{};
  uint64_t delivered_ = 0, records_ = 0;
  uint64_t seen_dropped_records_ = 0, seen_dropped_events_ = 0;
  std::set<uint32_t> questions_;  // devices that the kernel cannot tell the kind of
  bool question_ = false;         // another one since the last batch
};

}  // namespace gamesched::kernel
