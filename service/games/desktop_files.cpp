// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/games/desktop_files.h"

#include <string>
#include <system_error>

#include "service/util/file.h"

namespace gamesched::games {
namespace {

// The largest in use are translations of a browser's name and comment.
constexpr std::size_t max_bytes = 256 * 1024;
constexpr std::size_t max_files = 4096;

// Between semicolons.
bool has_category(std::string_view list, std::string_view category) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(';'), list.size());
    if (list.substr(0, end) == category) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

// The program of an Exec= line: behind env and its assignments, without quotes.
std::string program_of_exec(std::string_view line) {
  bool after_env = false;
  while (!line.empty()) {
    const std::size_t begin = line.find_first_not_of(' ');
    if (begin == line.npos) break;
    line.remove_prefix(begin);
    const bool quoted = line[0] == '"';
    if (quoted) line.remove_prefix(1);
    const std::size_t end = std::min(line.find(quoted ? '"' : ' '), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    if (word == "env" || word == "/usr/bin/env") {
      after_env = true;
    } else if (!after_env || word.find('=') == word.npos) {
      return std::string(word);
    }
  }
  return {};
}

}  // namespace

void read_desktop_file(std::string_view id, std::string_view text, DesktopGames& games) {
  bool in_entry = false, is_game = false;
  std::string program;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with('[')) in_entry = line == "[Desktop Entry]";
    if (!in_entry) continue;
    if (line.starts_with("Categories=")) is_game = has_category(line.substr(11), "Game");
    if (line.starts_with("Exec=")) program = program_of_exec(line.substr(5));
  }
  if (!is_game) return;
  games.ids.emplace(id);
  // Those run everything and say nothing.
  for (const std::string_view runner :
       {"flatpak", "/usr/bin/flatpak", "sh", "bash", "steam", "python3", "java", "wine", "xdg-open"}) {
    if (program == runner) return;
  }
  if (!program.empty()) games.programs.insert(std::move(program));
}

std::vector<std::filesystem::path> desktop_folders() {
  return {"/usr/share/applications", "/usr/local/share/applications",
          "/var/lib/flatpak/exports/share/applications"};
}

DesktopGames read_desktop_games(const std::vector<std::filesystem::path>& folders) {
  DesktopGames games;
  std::size_t files = 0;
  for (const auto& folder : folders) {
    std::error_code error;
    for (auto entry = std::filesystem::directory_iterator(folder, error);
         !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      if (entry->path().extension() != ".desktop") continue;
      if (++files > max_files) return games;
      if (const auto text = read_file(entry->path(), max_bytes))
        read_desktop_file(entry->path().stem().string(), *text, games);
    }
  }
  return games;
}

}  // namespace gamesched::games
