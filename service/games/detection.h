// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a process is, by rules: a game, a launcher, neither. Pure: facts come in.
//
// Rules are tried in order and the first that matches decides; one that matches no rule is nothing special.
// A rule names conditions; all that it names must hold, and of a list one pattern (service/util/glob.h).
// Facts that cost a look at other processes are asked for only by rules that need them.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "service/util/glob.h"

namespace gamesched::games {

// What everybody may know of a process.
struct Sighting {
  pid_t pid = 0;
  pid_t parent = 0;
  uid_t uid = 0;
  uint64_t cgroup_id = 0;         // of its control group; 0: not known
  std::string path;               // as it was executed; argv[0] when nothing better is known
  std::vector<std::string> args;  // argv, bounded
  bool from_launcher = false;     // a launcher is among those that it descends from, even if they have ended
};

enum class Verdict {
  Ignored,      // "ignored": so common and so harmless that the kernel does not even tell of it
  NotAGame,     // "not-a-game"
  Launcher,     // "launcher": no game, but its descendants may be
  Wrapper,      // "wrapper": all that it starts together is one game
  Game,         // "game"
  AudioServer,  // "audio-server"
};
std::string_view to_string(Verdict verdict);
std::optional<Verdict> verdict_of(std::string_view word);

struct DetectionRule {
  std::string name;
  Verdict verdict = Verdict::NotAGame;
  Patterns executable;  // of the program's name; upper and lower case alike
  Patterns path;
  Patterns argument;            // of any argument
  Patterns ancestor;            // of the name of any ancestor
  Patterns cgroup;              // of the control group's path
  bool from_launcher = false;   // it descends from a launcher
  bool desktop_game = false;    // it belongs to a desktop file of category Game
  std::string app_id_argument;  // the first argument that begins so ends with the application id
  std::string where;            // FILE:LINE, for people

  bool has_condition() const {
    return !executable.empty() || !path.empty() || !argument.empty() || !ancestor.empty() ||
           !cgroup.empty() || desktop_game || from_launcher;
  }
  bool operator==(const DetectionRule&) const = default;
};

constexpr std::size_t max_detection_rules = 512;

// Programs and ids of desktop files of category Game.
struct DesktopGames {
  std::set<std::string, std::less<>> programs;  // names or absolute paths, as in Exec=
  std::set<std::string, std::less<>> ids;       // without ".desktop"
};

// What a rule may ask beyond the process itself.
struct World {
  std::function<std::optional<Sighting>(pid_t)> process;  // nothing when it has ended
  std::function<std::string(const Sighting&)> cgroup;     // "" when unknown
  const DesktopGames* desktop = nullptr;
};

// The program's name: of a Windows program under Wine its own, of a script the script's, without folders.
std::string program_of(const Sighting& sighting);
// Its whole path, likewise.
std::string program_path_of(const Sighting& sighting);
// Whether that is a Windows program.
bool is_windows_program(const Sighting& sighting);
// "org.supertuxkart.SuperTuxKart" of ".../app-flatpak-org.supertuxkart.SuperTuxKart-1234.scope"; "" if none.
std::string app_id_of_cgroup(std::string_view cgroup);

struct Finding {
  const DetectionRule* rule = nullptr;  // nothing: no rule matches
  std::string app_id;
};

// Told of each rule that was tried: the first of its conditions that does not hold, "" when all do.
using Explain = std::function<void(const DetectionRule&, const std::string& because)>;

Finding detect(const std::vector<DetectionRule>& rules, const Sighting& sighting, const World& world,
               const Explain& explain = {});

}  // namespace gamesched::games
