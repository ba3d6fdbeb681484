// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a game is called, found in what gamesched-run is given: its command line and environment.
//
// A label is for people: it is shown by gameschedctl and decides nothing. So it
// is guessed where it was not given, and what gameschedd would refuse in a guess
// (more bytes than it takes, broken UTF-8, control characters) is cut or replaced.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace gamesched::run {

// Limits of org.gamesched.Scheduler1.RegisterGame, in bytes.
inline constexpr size_t max_name_size = 64;
inline constexpr size_t max_app_id_size = 128;

// A label with room of its own, ended by NUL; "" when there is none.
using Label = std::array<char, max_app_id_size + 1>;

// The game's name, from a command line that may be a launcher's chain:
//
//   /usr/games/supertuxkart --fullscreen               supertuxkart
//   reaper SteamLaunch AppId=7 -- wrapper -- /g/doom   doom          (Steam: what follows its last "--")
//   reaper SteamLaunch -- proton run /g/Elden.exe      Elden.exe     (Wine and Proton: the first .exe)
//   env A=1 gamemoderun mangohud /g/hades              hades         (launchers known by name)
//   gamescope -f -- /g/hades                           hades
Label name_of_command(char* const* command, bool by_steam);

struct AppId {
  Label id;  // "" when nothing says it
  bool by_steam = false;
};

// The game's application id, as its launcher left it in the environment. In this order: Steam's own,
// SteamAppId, SteamGameId (of a game added by hand, whose SteamAppId is 0) or STEAM_COMPAT_APP_ID; the number
// that Steam's compatibility data lies under; FLATPAK_ID of the sandbox.
AppId app_id_of_environment();

// A copy of at most `max_size` bytes, cut at a character's edge, '?' in place of what is not clean.
Label make_label(std::string_view text, size_t max_size);

}  // namespace gamesched::run
