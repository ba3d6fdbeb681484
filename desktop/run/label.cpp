// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/run/label.h"

#include <stdlib.h>
#include <strings.h>

#include <algorithm>

namespace gamesched::run {
namespace {

std::string_view base_name(std::string_view path) {
  // Wine is given Windows paths too.
  if (size_t separator = path.find_last_of("/\\"); separator != std::string_view::npos) {
    path.remove_prefix(separator + 1);
  }
  return path;
}

bool is_windows_program(std::string_view argument) {
  constexpr std::string_view suffix = ".exe";
  return argument.size() > suffix.size() &&
         strncasecmp(argument.data() + argument.size() - suffix.size(), suffix.data(), suffix.size()) == 0;
}

// Length of the UTF-8 character at the start of `text`; 0 when it is none, or a control character.
size_t character_size(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;

  size_t size = 0;
  char32_t code = 0, smallest = 0;
  if ((first & 0xe0) == 0xc0) {
    size = 2, code = first & 0x1f, smallest = 0xa0;  // U+0080 to U+009F are control characters
  } else if ((first & 0xf0) == 0xe0) {
    size = 3, code = first & 0x0f, smallest = 0x800;
  } else if ((first & 0xf8) == 0xf0) {
    size = 4, code = first & 0x07, smallest = 0x10000;
  }
  if (size == 0 || text.size() < size) return 0;
  for (size_t i = 1; i < size; i++) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3f);
  }
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  return code < smallest || code > 0x10ffff || surrogate ? 0 : size;
}

}  // namespace

Label make_label(std::string_view text, size_t max_size) {
  Label label{};
  size_t used = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t size = character_size(rest);
    if (size == 0) return Label{};
    if (used + size > max_size) break;
    used += size;
    rest.remove_prefix(size);
  }
  std::copy_n(text.begin(), used, label.begin());
  return label;
}

Label name_of_command(char* const* command, bool by_steam) {
  std::string_view game = command[0];
  for (char* const* argument = command; *argument != nullptr; argument++) {
    if (is_windows_program(*argument)) {
      game = *argument;
      break;
    }
    if (by_steam && std::string_view(*argument) == "--" && argument[1] != nullptr) game = argument[1];
  }
  return make_label(base_name(game), max_name_size);
}

Label app_id_of_environment() {
  for (const char* variable : {"SteamAppId", "SteamGameId"}) {
    const char* value = getenv(variable);
    if (value != nullptr && *value != '\0' && std::string_view(value) != "0") {
      return make_label(value, max_app_id_size);
    }
  }
  return Label{};
}

}  // namespace gamesched::run
