// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/util/text.h"

#include <cstdint>

namespace gamesched {
namespace {

struct Decoded {
  std::size_t length = 0;  // 0: not UTF-8
  uint32_t code_point = 0;
};

// One character at the start of `text`, by table 3-7 of the Unicode standard (well-formed UTF-8).
Decoded decode(std::string_view text) {
  const auto byte = [&](std::size_t i) -> uint32_t { return static_cast<unsigned char>(text[i]); };
  const uint32_t lead = byte(0);
  if (lead < 0x80) return {1, lead};
  const std::size_t length = (lead >> 5) == 0x06   ? 2
                             : (lead >> 4) == 0x0e ? 3
                             : (lead >> 3) == 0x1e ? 4
                                                   : 0;
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

bool harmless(uint32_t c) {
  const bool control = c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x2028 || c == 0x2029;
  const bool direction = (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
  return !control && !direction;
}

}  // namespace

bool is_clean(std::string_view text) {
  while (!text.empty()) {
    const Decoded c = decode(text);
    if (c.length == 0 || !harmless(c.code_point)) return false;
    text.remove_prefix(c.length);
  }
  return true;
}

std::string cleaned(std::string_view text, std::size_t max_bytes) {
  std::string out;
  while (!text.empty()) {
    const Decoded c = decode(text);
    const bool keep = c.length != 0 && harmless(c.code_point);
    const std::size_t length = c.length != 0 ? c.length : 1;
    if (out.size() + (keep ? length : 1) > max_bytes) break;
    if (keep) {
      out.append(text.substr(0, length));
    } else {
      out += '?';
    }
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace gamesched
