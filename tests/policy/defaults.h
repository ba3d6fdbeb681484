// SPDX-License-Identifier: GPL-2.0-or-later
//
// The tunables as they are shipped.
#pragma once

#include "bpf/shared/abi.h"

namespace gamesched::tests {

inline constexpr gs_tunables defaults = {
#define TUNABLE(name, value, minimum, maximum, doc) .name = value,
#include "bpf/shared/tunables.def"
#undef TUNABLE
};

}  // namespace gamesched::tests
