// SPDX-License-Identifier: GPL-2.0-or-later
//
// The detectors that only write signals and counters (bpf/detect/): one BPF object each, loaded and attached
// by itself, so that one which this kernel cannot take is missing without hurting the others.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/shared/abi.h"
#include "service/kernel/backend.h"
#include "service/kernel/object.h"

namespace gamesched::kernel {

// How long a tick of the kernel is.
unsigned long long tick_ns();

class Detectors {
 public:
  Detectors();

  // `shared` is loaded and has the maps of these names.
  void load(const Object& shared, std::span<const std::string_view> shared_maps);
  // Those in `off` are let go, all others attached, from now on.
  void switch_off(const std::set<std::string>& off);
  std::vector<DetectorStatus> statuses() const;
  bool attached(std::string_view name) const;

  // Tells the GPU's detector which cards there are now.
  void read_gpu_cards();

  // By the names of bpf/shared/detector_counters.def, summed over CPUs now.
  void add_counters(std::vector<Counter>& counters) const;

 private:
  struct Detector {
    std::unique_ptr<Object> object;
    Result<void> state;  // why it is not attached
    bool off = false;
  };

  void fill_thread_names();
  const Object* loaded(std::string_view name) const;

  std::vector<Detector> detectors_;
  // Of each object that counts, in the kernel's memory.
  std::vector<const std::array<gs_detector_cpu, GS_MAX_CPUS>*> counts_;
};

}  // namespace gamesched::kernel
