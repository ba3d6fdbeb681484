// SPDX-License-Identifier: GPL-2.0-or-later
//
// The numbers that steer the scheduler, by name: bpf/shared/tunables.def as the daemon's table.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace gamesched::kernel {

struct Tunable {
  std::string_view name;
  uint64_t value;  // default
  uint64_t minimum;
  uint64_t maximum;
  std::string_view why;
};

std::span<const Tunable> tunables();
const Tunable* find_tunable(std::string_view name);

// What differs from the defaults.
using TunableValues = std::map<std::string, uint64_t, std::less<>>;

}  // namespace gamesched::kernel
