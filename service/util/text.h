// SPDX-License-Identifier: GPL-2.0-or-later
//
// Strings from outside: from clients, the kernel, files. What is_clean() lets
// through can be logged, sent on the bus and shown without further care.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gamesched {

// Valid UTF-8 without control characters (C0, DEL, C1, line and paragraph separators) and without the
// characters that turn the direction of the text around them.
bool is_clean(std::string_view text);

// `text` with everything is_clean() refuses replaced by '?', cut to at most `max_bytes` at a character's end.
std::string cleaned(std::string_view text, std::size_t max_bytes);

}  // namespace gamesched
