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

// Either the old content or the new one is there, whenever the program stops. The disk is not waited for:
// that can take seconds, in which nothing else is done and the program cannot even be killed. A machine that
// loses power within the file system's own seconds may keep the old content, or on some file systems none:
// readers take a damaged file for an absent one.
Result<void> replace_file(const std::filesystem::path& path, std::string_view content, mode_t mode);

}  // namespace gamesched
