// SPDX-License-Identifier: GPL-2.0-or-later
//
// Translated text. Keywords of xgettext: tr, tr_n:1,2, tr_c:1c,2 (desktop/po/meson.build).
#pragma once

#include <libintl.h>

#include <cstdint>
#include <string>

namespace gamesched::tray {

constexpr const char* text_domain = "gamesched";

// Of the user's locale, from `folder`.
void use_translations(const char* folder);

[[gnu::format_arg(1)]] inline const char* tr(const char* text) {
  return dgettext(text_domain, text);
}
[[gnu::format_arg(1)]] [[gnu::format_arg(2)]] inline const char* tr_n(const char* one, const char* many,
                                                                      unsigned long count) {
  return dngettext(text_domain, one, many, count);
}
const char* tr_c(const char* context, const char* text);

// As printf().
[[gnu::format(printf, 1, 2)]] std::string filled(const char* format, ...);

// A name in another direction of writing than its sentence moves no word of it.
std::string isolated(const std::string& name);

bool right_to_left();

// "12 min": how long ago `since_usec` was.
std::string duration(uint64_t since_usec, uint64_t now_usec);

}  // namespace gamesched::tray
