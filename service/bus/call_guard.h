// SPDX-License-Identifier: GPL-2.0-or-later
//
// Looks at calls before their arguments are decoded, and refuses a RegisterGame whose options are too many
// or too large, and texts that are too long: decoded, a message of a few megabytes would be hundreds of them,
// from any user.
//
// Nothing is copied and no container is entered below the options, so that a call costs the same
// whatever is in it. What the options mean is checked after decoding.
#pragma once

#include <systemd/sd-bus.h>

#include <cstddef>

#include "service/util/result.h"

namespace gamesched::bus {

// Far above what the known options can be: four of them, 192 bytes of text.
constexpr std::size_t max_option_count = 8;
constexpr std::size_t max_option_bytes = 4096;  // keys and values
// Four times the longest that is taken: shorter ones get an error that names the argument.
constexpr std::size_t max_text_bytes = 1024;

class CallGuard {
 public:
  // From construction to destruction; `bus` must live longer. Throws std::system_error.
  explicit CallGuard(sd_bus* bus);
  ~CallGuard() { sd_bus_slot_unref(filter_); }
  CallGuard(const CallGuard&) = delete;
  CallGuard& operator=(const CallGuard&) = delete;

 private:
  sd_bus_slot* filter_ = nullptr;
};

}  // namespace gamesched::bus
