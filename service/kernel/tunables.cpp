// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/kernel/tunables.h"

#include <algorithm>

namespace gamesched::kernel {
namespace {

constexpr Tunable table[] = {
#define TUNABLE(name, value, minimum, maximum, why) {#name, value, minimum, maximum, why},
#include "bpf/shared/tunables.def"
#undef TUNABLE
};

}  // namespace

std::span<const Tunable> tunables() {
  return table;
}

const Tunable* find_tunable(std::string_view name) {
  const auto found = std::ranges::find(table, name, &Tunable::name);
  return found == std::end(table) ? nullptr : found;
}

}  // namespace gamesched::kernel
