// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/run/label.h"

#include <stdlib.h>
#include <strings.h>

#include <algorithm>
#include <initializer_list>

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

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_option_or_assignment(std::string_view word) {
  return word.starts_with('-') || word.find('=') != word.npos;
}

// What the launcher at `command` runs; nullptr when it is none that is known, or runs nothing.
char* const* behind_launcher(char* const* command) {
  const std::string_view launcher = base_name(*command);
  char* const* next = command + 1;
  if (launcher == "gamescope") {
    // Its options take values of their own: the game follows "--".
    while (*next != nullptr && std::string_view(*next) != "--") next++;
    if (*next != nullptr) next++;
  } else if (is_one_of(launcher,
                       {"env", "gamemoderun", "gamesched-run", "mangohud", "obs-gamecapture", "prime-run"})) {
    while (*next != nullptr && is_option_or_assignment(*next)) next++;
  } else {
    return nullptr;
  }
  return *next != nullptr ? next : nullptr;
}

// A number without 0: Steam's word for "none".
bool is_id(const char* value) {
  return value != nullptr && *value != '\0' && std::string_view(value) != "0";
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
  char* const* inner = command;
  while (char* const* const next = behind_launcher(inner)) inner = next;
  std::string_view game = *inner;
  for (char* const* argument = command; *argument != nullptr; argument++) {
    if (is_windows_program(*argument)) {
      game = *argument;
      break;
    }
    if (by_steam && std::string_view(*argument) == "--" && argument[1] != nullptr) game = argument[1];
  }
  return make_label(base_name(game), max_name_size);
}

AppId app_id_of_environment() {
  for (const char* variable : {"SteamAppId", "SteamGameId", "STEAM_COMPAT_APP_ID"}) {
    if (const char* value = getenv(variable); is_id(value)) {
      return {.id = make_label(value, max_app_id_size), .by_steam = true};
    }
  }
  // ".../steamapps/compatdata/620"; other launchers set it too, to folders of any name.
  if (const char* folder = getenv("STEAM_COMPAT_DATA_PATH")) {
    std::string_view path = folder;
    while (path.ends_with('/')) path.remove_suffix(1);
    const std::string_view last = base_name(path);
    const bool number = !last.empty() && last.find_first_not_of("0123456789") == last.npos && last != "0";
    if (number) return {.id = make_label(last, max_app_id_size), .by_steam = true};
  }
  if (const char* flatpak = getenv("FLATPAK_ID")) return {.id = make_label(flatpak, max_app_id_size)};
  return {};
}

}  // namespace gamesched::run
