// SPDX-License-Identifier: GPL-2.0-or-later
//
// Graphics cards: which driver each minor number of /dev/dri belongs to, and which of its commands give the
// GPU work. Read from sysfs, where nobody needs to open the card.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string_view>

#include "bpf/shared/abi.h"

namespace gamesched::kernel {

// All zeros for a driver that bpf/shared/gpu_drivers.def does not name.
gs_gpu_card gpu_commands_of(std::string_view driver);

// By minor number, those with a known driver; `char_devices` is /sys/dev/char.
std::map<uint32_t, gs_gpu_card> read_gpu_cards(const std::filesystem::path& char_devices);

}  // namespace gamesched::kernel
