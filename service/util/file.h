// SPDX-License-Identifier: GPL-2.0-or-later
//
// Small whole files: configuration, state, /proc.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "service/util/result.h"

namespace gamesched {

// The content of a regular file of at most `max_bytes`; never blocks on a pipe or device.
// Error::Code::System; an absent file is a value of its own, see `file_exists`.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t max_bytes);

// Whether the name is there at all (a dangling link counts).
bool file_exists(const std::filesystem::path& path);

enum class Durability { Memory, Disk };  // Disk: fsync before it takes the old one's place

// Either the old content or the new one is there, whenever the machine stops.
Result<void> replace_file(const std::filesystem::path& path, std::string_view content, mode_t mode,
                          Durability durability);

}  // namespace gamesched
