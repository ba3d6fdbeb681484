// SPDX-License-Identifier: GPL-2.0-or-later
//
// The rules of the distribution against trees of processes as they are seen in the field
// (tests/fixtures/processes.json says where each comes from), with the kernel's part played by the test.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "service/games/desktop_files.h"
#include "service/games/detector.h"
#include "service/games/exec_filter.h"
#include "service/policy/config.h"

namespace gamesched::games {
namespace {

using nlohmann::json;

const std::string root = GAMESCHED_SOURCE_ROOT;

std::vector<DetectionRule> rules() {
  std::ifstream in(root + "/packaging/data/detection.toml");
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  const auto config = policy::parse(text, "detection.toml", {});
  if (!config) throw std::runtime_error(config.error().message);
  return config->detect;
}

const json& corpus() {
  static const json document = json::parse(std::ifstream(root + "/tests/fixtures/processes.json"));
  return document;
}

DesktopGames desktop() {
  const json& from = corpus().at("desktop");
  return {.programs = from.at("programs").get<std::set<std::string, std::less<>>>(),
          .ids = from.at("ids").get<std::set<std::string, std::less<>>>()};
}

// What bpf/detect/process.bpf.c does with forks and starts of programs.
class Kernel {
 public:
  explicit Kernel(kernel::ExecFilter filter) : filter_(std::move(filter)) {}

  void fork(pid_t parent, pid_t child) {
    if (processes_.contains(child)) return;
    processes_[child] = processes_[parent];
  }
  void enter(pid_t pid, uint32_t slot) { processes_[pid].slot = slot; }

  struct Told {
    bool from_launcher;
    uint32_t slot;
  };
  std::optional<Told> start(pid_t pid, const std::string& path) {
    const auto name = filter_.names.find(path.substr(path.rfind('/') + 1).substr(0, 15));
    const uint32_t flags = name == filter_.names.end() ? 0 : name->second;
    if ((flags & kernel::ExecFilter::ignored) != 0) return std::nullopt;
    Process& process = processes_[pid];
    const Told told{process.watched, process.slot};
    if ((flags & kernel::ExecFilter::watched) != 0) process.watched = true;
    uint32_t dir_flags = 0;
    std::size_t longest = 0;
    for (const auto& [dir, value] : filter_.dirs) {
      if (path.starts_with(dir) && dir.size() >= longest) {
        longest = dir.size();
        dir_flags = value;
      }
    }
    if (told.slot != 0 || told.from_launcher ||
        (flags & (kernel::ExecFilter::reported | kernel::ExecFilter::watched)) != 0 ||
        (dir_flags & kernel::ExecFilter::reported_dir) != 0) {
      return told;
    }
    return std::nullopt;
  }

 private:
  struct Process {
    bool watched = false;
    uint32_t slot = 0;
  };
  kernel::ExecFilter filter_;
  std::map<pid_t, Process> processes_;
};

struct Outcome {
  pid_t game = 0;
  pid_t main = 0;
  Rank rank = Rank::Helper;
  std::string name;
  std::string app_id;
};

// The games that come of a tree.
std::vector<Outcome> play(const json& tree) {
  std::map<pid_t, Sighting> seen;
  std::map<pid_t, std::string> cgroups;
  std::vector<Outcome> games;
  Detector detector(
      {.process = [&](pid_t pid) { return seen.contains(pid) ? std::optional(seen[pid]) : std::nullopt; },
       .cgroup = [&](const Sighting& of) { return cgroups[of.pid]; },
       .desktop = nullptr});
  detector.configure(rules(), desktop(), true);
  Kernel kernel(detector.filter());
  detector.on_game = [&](const Sighting& sighting, const std::string& app_id) {
    games.push_back({sighting.pid, sighting.pid, Rank::Helper, display_name(sighting), app_id});
    kernel.enter(sighting.pid, static_cast<uint32_t>(games.size()));
  };
  detector.on_member = [&](uint32_t slot, const Sighting& sighting, Rank rank) {
    Outcome& game = games.at(slot - 1);
    if (takes_over(rank, sighting.pid, game.rank, game.main))
      game = {game.game, sighting.pid, std::max(rank, game.rank), display_name(sighting), game.app_id};
  };
  for (const json& process : tree.at("processes")) {
    Sighting sighting{.pid = process.at("pid").get<pid_t>(),
                      .parent = process.at("parent").get<pid_t>(),
                      .uid = 1000,
                      .path = process.at("path").get<std::string>(),
                      .args = process.at("args").get<std::vector<std::string>>()};
    cgroups[sighting.pid] = process.value("cgroup", "");
    kernel.fork(sighting.parent, sighting.pid);
    const auto told = kernel.start(sighting.pid, sighting.path);
    seen[sighting.pid] = sighting;
    if (!told) continue;
    sighting.from_launcher = told->from_launcher;
    detector.program_started(sighting, told->slot);
  }
  return games;
}

TEST(TheCorpus, IsClassifiedWithoutAnError) {
  std::size_t matching = 0, others = 0;
  for (const json& tree : corpus().at("trees")) {
    SCOPED_TRACE(tree.at("name").get<std::string>());
    EXPECT_FALSE(tree.at("source").get<std::string>().empty());
    const std::vector<Outcome> games = play(tree);
    const json& expected = tree.at("expect");
    if (expected.is_null()) {
      ++others;
      EXPECT_TRUE(games.empty()) << games[0].name << " (process " << games[0].game << ")";
      continue;
    }
    ++matching;
    ASSERT_EQ(games.size(), 1U);
    EXPECT_EQ(games[0].game, expected.at("game").get<pid_t>());
    EXPECT_EQ(games[0].main, expected.at("main").get<pid_t>()) << games[0].name;
    EXPECT_EQ(games[0].name, expected.at("name").get<std::string>());
    EXPECT_EQ(games[0].app_id, expected.value("app_id", ""));
  }
  EXPECT_GE(matching, 40U);
  EXPECT_GE(others, 40U);
}

// As at the start of the service: what each process executed last, parents first, and no hook ever told of
// it.
std::vector<Outcome> find_running(const json& tree) {
  std::map<pid_t, Sighting> running;
  std::vector<pid_t> order;
  std::map<pid_t, std::string> cgroups;
  for (const json& process : tree.at("processes")) {
    const auto pid = process.at("pid").get<pid_t>();
    if (!running.contains(pid)) order.push_back(pid);
    running[pid] = {.pid = pid,
                    .parent = process.at("parent").get<pid_t>(),
                    .uid = 1000,
                    .path = process.at("args").at(0).get<std::string>(),
                    .args = process.at("args").get<std::vector<std::string>>()};
    cgroups[pid] = process.value("cgroup", "");
  }
  std::vector<Outcome> games;
  std::set<pid_t> of_launchers;
  std::map<pid_t, uint32_t> slots;
  Detector detector(
      {.process =
           [&](pid_t pid) { return running.contains(pid) ? std::optional(running[pid]) : std::nullopt; },
       .cgroup = [&](const Sighting& of) { return cgroups[of.pid]; },
       .desktop = nullptr});
  detector.configure(rules(), desktop(), true);
  detector.on_launcher = [&](const Sighting& sighting) { of_launchers.insert(sighting.pid); };
  detector.on_game = [&](const Sighting& sighting, const std::string& app_id) {
    games.push_back({sighting.pid, sighting.pid, Rank::Helper, display_name(sighting), app_id});
    slots[sighting.pid] = static_cast<uint32_t>(games.size());
  };
  detector.on_member = [&](uint32_t slot, const Sighting& sighting, Rank rank) {
    Outcome& game = games.at(slot - 1);
    if (takes_over(rank, sighting.pid, game.rank, game.main))
      game = {game.game, sighting.pid, std::max(rank, game.rank), display_name(sighting), game.app_id};
  };
  for (const pid_t pid : order) {
    Sighting& sighting = running[pid];
    if (of_launchers.contains(sighting.parent)) {
      sighting.from_launcher = true;
      of_launchers.insert(pid);
    }
    if (!slots.contains(pid)) slots[pid] = slots[sighting.parent];
    detector.found_running(sighting, slots[pid]);
  }
  return games;
}

TEST(TheCorpus, LooksTheSameToOneWhoComesLater) {
  for (const json& tree : corpus().at("trees")) {
    SCOPED_TRACE(tree.at("name").get<std::string>());
    const std::vector<Outcome> games = find_running(tree);
    const json& expected = tree.at("expect");
    ASSERT_EQ(games.size(), expected.is_null() ? 0U : 1U) << (games.empty() ? "" : games[0].name);
    if (!games.empty()) EXPECT_EQ(games[0].main, expected.at("main").get<pid_t>()) << games[0].name;
  }
}

TEST(AFilter, LetsNearlyNothingThrough) {
  const kernel::ExecFilter filter = exec_filter(rules(), desktop());
  Kernel kernel(filter);
  for (const char* path :
       {"/usr/bin/true", "/usr/bin/gcc", "/usr/lib/gcc/x86_64-linux-gnu/14/cc1", "/usr/bin/python3",
        "/usr/sbin/cron", "/usr/lib/systemd/systemd-executor", "/usr/bin/bash", "/bin/sh"}) {
    EXPECT_FALSE(kernel.start(1, path)) << path;
  }
  EXPECT_TRUE(kernel.start(2, "/usr/bin/wine"));
  EXPECT_TRUE(kernel.start(3, "/opt/game/run"));
  EXPECT_LE(filter.names.size(), 1024U);
  EXPECT_LE(filter.dirs.size(), 64U);
}

TEST(AFilter, KnowsAudioServersByTheirNameAlone) {
  const kernel::ExecFilter filter = exec_filter(rules(), {});
  for (const char* name : {"pipewire", "pipewire-pulse", "wireplumber", "pulseaudio", "jackd", "jackdbus"})
    EXPECT_EQ(filter.names.at(name), kernel::ExecFilter::audio) << name;
  EXPECT_NE(filter.dirs.at("/usr/") & kernel::ExecFilter::system_dir, 0U);
}

TEST(AProgram, IsTheScriptOrTheWindowsProgramNotItsInterpreter) {
  const auto program = [](const std::string& path, std::vector<std::string> args) {
    return program_of({.pid = 1, .parent = 1, .uid = 1, .path = path, .args = std::move(args)});
  };
  EXPECT_EQ(program("/usr/bin/lutris", {"/usr/bin/python3", "/usr/bin/lutris"}), "lutris");
  EXPECT_EQ(program("/usr/bin/python3", {"/usr/bin/python3", "-u", "/usr/bin/lutris"}), "lutris");
  EXPECT_EQ(program("/usr/bin/python3", {"python3", "-c", "print()"}), "python3");
  EXPECT_EQ(program("/usr/bin/env", {"env", "A=/x", "/usr/bin/game"}), "game");
  EXPECT_EQ(program("/x/wine64-preloader", {"/x/wine64-preloader", "/x/wine64", "C:\\a b\\Game.EXE"}),
            "Game.EXE");
  EXPECT_EQ(program("/x/wine64-preloader", {"C:\\a b\\game.exe", "-x"}), "game.exe");
  EXPECT_EQ(program("/usr/bin/cat", {"cat", "a.exe"}), "cat");
  EXPECT_EQ(program("", {}), "");
}

TEST(AnApplicationId, ComesFromTheUnitNearestToTheProcess) {
  EXPECT_EQ(app_id_of_cgroup("/user.slice/app.slice/app-flatpak-org.a.B-12.scope\n"), "org.a.B");
  EXPECT_EQ(app_id_of_cgroup("/app.slice/app-gnome-super\\x2dtux-7.scope/x.service"), "super-tux");
  EXPECT_EQ(app_id_of_cgroup("/app.slice/app-org.kde.kpat@abc.service"), "org.kde.kpat");
  EXPECT_EQ(app_id_of_cgroup("/system.slice/cron.service"), "");
  EXPECT_EQ(app_id_of_cgroup("/app-.scope"), "");
  EXPECT_EQ(app_id_of_cgroup(""), "");
}

TEST(ADesktopFile, SaysWhetherItsProgramIsAGame) {
  DesktopGames games;
  read_desktop_file("kpat", "[Desktop Entry]\nExec=kpat -qwindowtitle %c\nCategories=Qt;KDE;Game;CardGame;\n",
                    games);
  read_desktop_file("a",
                    "[Desktop Entry]\nExec=env A=1 \"/opt/my game/run\" %U\nCategories=Game;\n[Desktop "
                    "Action x]\nExec=no\n",
                    games);
  read_desktop_file("b", "[Desktop Entry]\nExec=b\nCategories=Games;GameTool;\n", games);
  read_desktop_file("c", "[Desktop Entry]\nExec=/usr/bin/flatpak run c\nCategories=Game;\n", games);
  read_desktop_file("d", "Categories=Game;\nExec=d\n", games);
  EXPECT_EQ(games.programs, (std::set<std::string, std::less<>>{"kpat", "/opt/my game/run"}));
  EXPECT_EQ(games.ids, (std::set<std::string, std::less<>>{"kpat", "a", "c"}));
}

TEST(Detection, ExplainsEachRuleItTried) {
  const Sighting sighting{
      .pid = 7, .parent = 1, .uid = 1000, .path = "/usr/bin/wine", .args = {"wine", "C:\\Games\\x.exe"}};
  const World world{.process = [](pid_t) { return std::nullopt; },
                    .cgroup = [](const Sighting&) { return ""; },
                    .desktop = nullptr};
  std::vector<std::string> reasons;
  const std::vector<DetectionRule> all = rules();
  const Finding found =
      detect(all, sighting, world, [&](const DetectionRule& rule, const std::string& because) {
        reasons.push_back(rule.name + ": " + because);
      });
  ASSERT_NE(found.rule, nullptr);
  EXPECT_EQ(found.rule->name, "windows-game-by-path");
  EXPECT_EQ(reasons.front(), "tools: its program is \"x.exe\"");
  EXPECT_EQ(reasons.back(), "windows-game-by-path: ");
}

TEST(Detection, IsNeverOfTheSystemsUsers) {
  int games = 0;
  Detector detector({});
  detector.configure(rules(), {}, true);
  detector.on_game = [&](const Sighting&, const std::string&) { ++games; };
  for (const uid_t uid : {0U, 999U, 1000U, 65534U, 4'000'000'000U})
    detector.program_started(
        {.pid = 7, .parent = 1, .uid = uid, .path = "/usr/bin/wine", .args = {"wine", "C:\\Games\\x.exe"}},
        0);
  EXPECT_EQ(games, 2);
}

TEST(DetectionRules, NameWhatIsWrong) {
  const std::pair<const char*, const char*> table[] = {
      {"[[detect]]\nname = \"a\"\nverdict = \"game\"\n", "f:1:1: [[detect]] needs a condition"},
      {"[[detect]]\nverdict = \"game\"\npath = \"x\"\n", "f:1:1: [[detect]] needs a name"},
      {"[[detect]]\nname = \"a\"\npath = \"x\"\n", "f:1:1: [[detect]] needs a verdict"},
      {"[[detect]]\nname = \"a\"\nverdict = \"gaem\"\npath = \"x\"\n", "f:3:11: verdict must be"},
      {"[[detect]]\nname = \"a\"\nexecutables = \"x\"\n",
       "f:3:1: there is no key \"executables\"; did you mean \"executable\"?"},
      {"detection = 1\n", "f:1:13: detection must be true or false"},
  };
  for (const auto& [text, begin] : table) {
    const auto config = policy::parse(text, "f", {});
    ASSERT_FALSE(config) << text;
    EXPECT_TRUE(config.error().message.starts_with(begin)) << text << " -> " << config.error().message;
  }
}

}  // namespace
}  // namespace gamesched::games
