// SPDX-License-Identifier: GPL-2.0-or-later
//
// Bytes that somebody else chose, through all that takes them apart: records of the kernel's ring, names,
// paths, arguments, control groups, /proc, desktop files, the record of games. Nothing may crash, hang or get
// out of hand, and what comes out to be shown is clean text of bounded length.
//
// Here with changed copies of honest examples, under the sanitizers. As a fuzz target, which finds its own
// way:
//     ./dev shell ninja -C /dev-cache/build tests/service/fuzz-hostile
//     ./dev shell /dev-cache/build/tests/service/fuzz-hostile -max_len=4096 -max_total_time=600
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include "bpf/shared/abi.h"
#include "service/games/desktop_files.h"
#include "service/games/detector.h"
#include "service/games/exec_filter.h"
#include "service/games/journal.h"
#include "service/games/option_text.h"
#include "service/games/options.h"
#include "service/kernel/process_events.h"
#include "service/policy/config.h"
#include "service/util/glob.h"
#include "service/util/procfs.h"
#include "service/util/text.h"
#include "tests/fakes/backend.h"

namespace gamesched {
namespace {

using games::Sighting;

// A fuzzer sees a crash; what is wrong is in the trace.
void require(bool holds) {
  if (!holds) std::abort();
}

void require_shown(const std::string& text, std::size_t max_bytes) {
  require(text.size() <= max_bytes && is_clean(text));
}

const std::vector<games::DetectionRule>& rules() {
  static const auto parsed = [] {
    std::ifstream in(GAMESCHED_SOURCE_ROOT "/packaging/data/detection.toml");
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    return policy::parse(text, "detection.toml", {})->detect;
  }();
  return parsed;
}

// A process of that look, in a tree that never ends, in that control group.
void judge(const Sighting& sighting, std::string_view cgroup) {
  std::size_t asked = 0;
  const games::World world{.process = [&](pid_t pid) -> std::optional<Sighting> {
                             require(++asked <= 64 * rules().size());
                             Sighting above = sighting;
                             above.pid = pid;
                             above.parent = pid + 1;
                             return above;
                           },
                           .cgroup = [&](const Sighting&) { return std::string(cgroup); },
                           .desktop = nullptr};
  games::Detector detector(world);
  static const games::DesktopGames desktop{.programs = {"kart", "/usr/games/kart"},
                                           .ids = {"org.example.Kart"}};
  detector.configure(rules(), desktop, true);
  detector.on_game = [](const Sighting& game, const std::string& app_id) {
    require_shown(games::display_name(game), 64);
    require_shown(app_id, 128);
  };
  detector.on_member = [](uint32_t, const Sighting& member, games::Rank) {
    require_shown(games::display_name(member), 64);
  };
  detector.program_started(sighting, 0);
  detector.program_started(sighting, 1);
  detector.found_running(sighting, 0);
}

void take_record(std::string_view bytes) {
  fakes::FakeBackend listeners;
  listeners.on_program = [&](const kernel::ProgramStart& start) {
    require(start.path.size() <= GS_EXEC_PATH && start.args.size() <= GS_EXEC_ARGS);
    judge({.pid = start.pid,
           .parent = start.parent,
           .uid = 1000,
           .path = start.path,
           .args = start.args,
           .from_launcher = start.from_launcher},
          "/user.slice/app-kart-1.scope");
  };
  listeners.on_programs_lost = [](uid_t) {};
  listeners.on_foreground = [](uint32_t) {};
  listeners.on_sound = [](uint32_t) {};
  kernel::tell_process_event(bytes.data(), bytes.size(), listeners);
}

// A record that is whole, with a path and arguments of these bytes.
void take_program(std::string_view bytes) {
  gs_exec_event event{};
  event.header = {GS_PROCESS_EXEC, static_cast<unsigned>(bytes.size() % 2)};
  event.pid = 4711;
  event.uid = 1000;
  const std::string_view path = bytes.substr(0, bytes.empty() ? 0 : bytes[0] & 0xff);
  std::ranges::copy(path, event.path);  // at most 255 bytes, as there is room for
  bytes.remove_prefix(path.size());
  // The kernel's own number is one of those that are not believed.
  event.args_bytes = static_cast<unsigned>(bytes.size() * 3);
  std::ranges::copy(bytes.substr(0, sizeof(event.args)), event.args);
  take_record({reinterpret_cast<const char*>(&event), sizeof(event)});
}

void take(std::string_view bytes) {
  if (const auto stat = procfs::parse_stat(bytes)) require(stat->comm.size() <= bytes.size());
  (void)procfs::parse_status(bytes);
  (void)procfs::parse_pidfd_fdinfo(bytes);
  require_shown(cleaned(bytes, 64), 64);
  require_shown(games::app_id_of_cgroup(bytes), 128);
  if (const std::size_t half = bytes.size() / 2; half > 0)
    (void)glob_matches(bytes.substr(0, half), bytes.substr(half), Case::Ignored);
  games::DesktopGames desktop;
  games::read_desktop_file("id", bytes, desktop);
  games::GameOptions options;
  options.name = bytes;
  if (games::check_options(options)) require_shown(options.name, games::GameOptions::max_name_bytes);
  if (const auto asked = games::options_of_text(bytes)) {
    require_shown(asked->name, games::GameOptions::max_name_bytes);
    require_shown(asked->app_id, games::GameOptions::max_app_id_bytes);
  }
  if (const auto record = games::from_json(bytes)) {
    // What was read can be written, whatever it says.
    for (const games::Game& game : record->games) require(game.pid >= 0);
    (void)games::to_json(*record);
  }
  judge({.pid = 4711, .parent = 1, .uid = 1000, .path = std::string(bytes), .args = {std::string(bytes)}},
        bytes);
  take_record(bytes);
  take_program(bytes);
}

}  // namespace
}  // namespace gamesched

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  gamesched::take({reinterpret_cast<const char*>(data), size});
  return 0;
}

#ifndef GAMESCHED_FUZZER
#include "tests/policy/random.h"

namespace gamesched {
namespace {

using namespace std::literals;
using tests::Random;

const std::string honest[] = {
    "4711 (Game (x) ) S 1 4711 4711 0 -1 4194304 123 0 0 0 1 2 0 0 20 0 1 0 98765 1 2 3 4 5 6 7 8 9 10 11 12 "
    "13 14 15 16 3\n",
    "Name:\tgame\nTgid:\t4711\nUid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\n",
    "pos:\t0\nflags:\t02\nmnt_id:\t15\nPid:\t4711\nNSpid:\t4711\t12\n",
    "/user.slice/user-1000.slice/user@1000.service/app.slice/app-flatpak-org.example.Kart\\x2dX-4711.scope\n",
    "[Desktop Entry]\nType=Application\nCategories=Game;ArcadeGame;\nExec=env A=1 \"/usr/games/kart\" %U\n",
    "/srv/steam/steamapps/common/Proton 9.0/files/bin/wine64\0Z:\\srv\\steam\\steamapps\\common\\Portal 2\\portal2.exe\0-novid\0"s,
    "/opt/steam/ubuntu12_32/reaper\0SteamLaunch\0AppId=620\0--\0/usr/bin/python3\0-c\0"s,
    "name=J\303\266rm\0app-id=620\0profile=fast\0target-fps=144\0"s,
    "J\303\266rmungandr \342\200\256 \360\237\216\256\n\033[31m",
    R"({"version":1,"next_id":3,"bus":"b","games":[{"id":2,"pid":4711,"uid":1000,"registered_by":1000,"start_ticks":5,)"
    R"("since_usec":6,"name":"n","app_id":"","target_fps":60,"profile":"","source":"detected","holder":":1.2"}]})",
};

std::string changed(std::string text, Random& random) {
  constexpr std::string_view marks = "\0\n\t ()/\\*?-:\";\xff\x80{}[]%@."sv;
  for (uint64_t step = random.between(0, 8); step > 0; --step) {
    const std::size_t at = random.between(0, text.size());
    switch (random.between(0, 5)) {
      case 0:
        text.resize(at);
        break;
      case 1:
        text.insert(at, random.between(1, 300), marks[random.between(0, marks.size() - 1)]);
        break;
      case 2:
        if (at < text.size()) text[at] = static_cast<char>(random.any());
        break;
      case 3:
        text.insert(at, "99999999999999999999999");
        break;
      case 4:
        text.erase(at, random.between(1, 8));
        break;
      default:
        text.insert(at, honest[random.between(0, std::size(honest) - 1)]);
    }
  }
  return text;
}

TEST(HostileBytes, CrashNothingAndComeOutClean) {
  Random random(__FILE__, __LINE__);
  for (const std::string& text : honest) take(text);
  take({});
  for (int round = 0; round < 3000; ++round)
    take(changed(honest[random.between(0, std::size(honest) - 1)], random));
}

// No look at a text may take time beyond proportion: a daemon that is real-time serves nobody else meanwhile.
TEST(HostileBytes, ThatAreLongAreDoneWithSoon) {
  for (const char c : {'a', '*', '(', ')', '/', '-', '\0', '\\', '\xff'}) take(std::string(32 * 1024, c));
}

}  // namespace
}  // namespace gamesched
#endif
