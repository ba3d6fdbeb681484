// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>

#include "service/kernel/backend.h"

namespace gamesched::kernel {

// The real backend: libbpf and /sys/kernel/sched_ext.
std::unique_ptr<Backend> make_backend();

}  // namespace gamesched::kernel
