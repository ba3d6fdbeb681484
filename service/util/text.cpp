// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/util/text.h"

#include "service/util/utf8.h"

namespace gamesched {

bool is_clean(std::string_view text) {
  while (!text.empty()) {
    const utf8::Decoded c = utf8::decode(text);
    if (c.length == 0 || !utf8::harmless(c.code_point)) return false;
    text.remove_prefix(c.length);
  }
  return true;
}

std::string cleaned(std::string_view text, std::size_t max_bytes) {
  std::string out;
  while (!text.empty()) {
    const utf8::Decoded c = utf8::decode(text);
    const bool keep = c.length != 0 && utf8::harmless(c.code_point);
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
