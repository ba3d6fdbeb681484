// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/run/label.h"

#include <stdlib.h>
#include <strings.h>

#include <algorithm>

#include "service/util/utf8.h"

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

}  // namespace

Label make_label(std::string_view text, size_t max_size) {
  Label label{};
  size_t used = 0;
  while (!text.empty()) {
    const utf8::Decoded c = utf8::decode(text);
    const bool keep = c.length != 0 && utf8::harmless(c.code_point);
    const size_t size = keep ? c.length : 1;
    if (used + size > max_size) break;
    if (keep) {
      std::copy_n(text.begin(), size, label.begin() + used);
    } else {
      label[used] = '?';
    }
    used += size;
    text.remove_prefix(c.length != 0 ? c.length : 1);
  }
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
