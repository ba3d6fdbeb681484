// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/tray/words.h"

#include <glib.h>
#include <glib/gi18n.h>

#include <clocale>
#include <cstdarg>
#include <string_view>

#include "desktop/glib/memory.h"

namespace gamesched::tray {

void use_translations(const char* folder) {
  // Without a locale of that name texts stay English.
  std::setlocale(LC_ALL, "");
  bindtextdomain(text_domain, folder);
  bind_textdomain_codeset(text_domain, "UTF-8");  // what the bus wants, whatever the locale has
}

const char* tr_c(const char* context, const char* text) {
  return g_dpgettext2(text_domain, context, text);
}

std::string filled(const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  const glib::Text text(g_strdup_vprintf(format, arguments));
  va_end(arguments);
  return text.get();
}

std::string isolated(const std::string& name) {
  constexpr const char* first_strong_isolate = "\u2068";
  constexpr const char* pop_directional_isolate = "\u2069";
  return first_strong_isolate + name + pop_directional_isolate;
}

bool right_to_left() {
  // Translators: the direction of your writing, "ltr" or "rtl".
  return std::string_view(tr_c("direction of writing", "ltr")) == "rtl";
}

std::string duration(uint64_t since_usec, uint64_t now_usec) {
  constexpr uint64_t minute_usec = 60'000'000;
  constexpr uint64_t minutes_per_hour = 60;
  const uint64_t minutes = now_usec > since_usec ? (now_usec - since_usec) / minute_usec : 0;
  if (minutes == 0) return tr("less than a minute");
  const auto hours = static_cast<unsigned long>(minutes / minutes_per_hour);
  const auto rest = static_cast<unsigned long>(minutes % minutes_per_hour);
  const std::string rest_text = filled(tr_n("%lu min", "%lu min", rest), rest);
  if (hours == 0) return rest_text;
  const std::string hours_text = filled(tr_n("%lu h", "%lu h", hours), hours);
  if (rest == 0) return hours_text;
  // Translators: hours and minutes, e.g. "2 h 5 min".
  return filled(tr("%s %s"), hours_text.c_str(), rest_text.c_str());
}

}  // namespace gamesched::tray
