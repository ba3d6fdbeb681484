// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which programs of this machine call themselves games: desktop files of category Game, in the system's
// folders and those of Flatpak. Users' own lie in their home folders, which the service does not see.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "service/games/detection.h"

namespace gamesched::games {

// Into `games`; nothing when the file says otherwise or makes no sense.
void read_desktop_file(std::string_view id, std::string_view text, DesktopGames& games);

std::vector<std::filesystem::path> desktop_folders();
DesktopGames read_desktop_games(const std::vector<std::filesystem::path>& folders);

}  // namespace gamesched::games
