// SPDX-License-Identifier: GPL-2.0-or-later
//
// Records of map process_events, taken apart. Path and arguments in them are what a process chose.
#pragma once

#include <cstddef>

#include "service/kernel/backend.h"

namespace gamesched::kernel {

// One record; calls the listener that it is for. One that is cut short or of a kind not known is left out.
void tell_process_event(const void* data, std::size_t size, const Backend& listeners);

}  // namespace gamesched::kernel
