// SPDX-License-Identifier: GPL-2.0-or-later
//
// One character of UTF-8 at a time. Header only: gamesched-run, which links no
// C++ run-time library, has to agree with gameschedd on what a clean text is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gamesched::utf8 {

struct Decoded {
  std::size_t length = 0;  // 0: not UTF-8
  uint32_t code_point = 0;
};

// The character at the start of a `text` that is not empty, by table 3-7 of the Unicode standard (well-formed
// UTF-8).
constexpr Decoded decode(std::string_view text) {
  const auto byte = [&](std::size_t i) -> uint32_t { return static_cast<unsigned char>(text[i]); };
  const uint32_t lead = byte(0);
  if (lead < 0x80) return {1, lead};
  const std::size_t length = (lead >> 5) == 0x06 ? 2 : (lead >> 4) == 0x0e ? 3 : (lead >> 3) == 0x1e ? 4 : 0;
  if (length == 0 || text.size() < length) return {};
  uint32_t value = lead & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = (value << 6) | (byte(i) & 0x3f);
  }
  constexpr uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};  // shorter forms exist below: overlong
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < smallest[length] || value > 0x10ffff || surrogate) return {};
  return {length, value};
}

// Not a control character, a line or paragraph separator, or one that turns the direction of text.
constexpr bool harmless(uint32_t c) {
  const bool control = c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x2028 || c == 0x2029;
  const bool direction = (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
  return !control && !direction;
}

}  // namespace gamesched::utf8
