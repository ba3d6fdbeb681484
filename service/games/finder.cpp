// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/games/finder.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "service/games/desktop_files.h"
#include "service/games/sightings.h"
#include "service/util/time.h"

namespace gamesched::games {
namespace {

constexpr const char* announcer = "gamesched-run";

// Most storms are over by then, and nobody sees a game's first second.
constexpr uint64_t look_again_after_usec = usec_per_sec;
// What a look took, times this, passes before the next: one per cent of a processor at most.
constexpr uint64_t rest_factor = 100;

}  // namespace

Finder::Finder(Loop& loop, kernel::Backend& backend, Registry& registry)
    : backend_(backend),
      registry_(registry),
      detector_({.process = sight,
                 .cgroup = [this](const Sighting& of) { return groups_.path_of(of.pid, of.cgroup_id); },
                 .desktop = nullptr}),
      again_(loop, [this] { look_again(); }) {
  detector_.on_game = [this](const Sighting& sighting, const std::string& app_id) {
    take_in(sighting, app_id);
  };
  detector_.on_member = [this](uint32_t slot, const Sighting& sighting, Rank rank) {
    registry_.program_started(slot, sighting, rank);
  };
  detector_.on_launcher = [this](const Sighting& sighting) { backend_.watch_launcher(sighting.pid); };
  detector_.on_audio_server = [this](const Sighting& sighting) { backend_.add_audio_server(sighting.pid); };
  backend_.on_program = [this](const kernel::ProgramStart& start) { started(start); };
  backend_.on_programs_lost = [this](uid_t) {
    if (!again_.armed()) again_.arm_at(std::max(monotonic_usec() + look_again_after_usec, not_before_usec_));
  };
}

Finder::~Finder() {
  backend_.on_program = nullptr;
  backend_.on_programs_lost = nullptr;
}

void Finder::configure(std::vector<DetectionRule> rules, bool enabled) {
  detector_.configure(std::move(rules), read_desktop_games(desktop_folders()), enabled);
  kernel::ExecFilter filter = detector_.filter();
  filter.names[announcer] |= kernel::ExecFilter::reported | kernel::ExecFilter::launch;
  backend_.set_exec_filter(filter);
}

void Finder::started(const kernel::ProgramStart& start) {
  if (on_announced && start.game_id == 0 && start.path.substr(start.path.rfind('/') + 1) == announcer)
    on_announced(start.uid);
  detector_.program_started({.pid = start.pid,
                             .parent = start.parent,
                             .uid = start.uid,
                             .cgroup_id = start.cgroup_id,
                             .path = start.path,
                             .args = start.args,
                             .from_launcher = start.from_launcher},
                            start.game_id);
}

void Finder::scan() {
  look_through(0);
}

void Finder::look_again() {
  const uint64_t begin_usec = monotonic_usec();
  look_through(scanned_ticks_);
  const uint64_t end_usec = monotonic_usec();
  not_before_usec_ = end_usec + (end_usec - begin_usec) * rest_factor;
}

void Finder::look_through(uint64_t since_ticks) {
  const std::vector<Running> running = running_since(since_ticks);
  std::set<pid_t> of_launchers;
  const auto on_launcher = detector_.on_launcher;
  detector_.on_launcher = [&](const Sighting& sighting) {
    of_launchers.insert(sighting.pid);
    on_launcher(sighting);
  };
  for (const Running& each : running) {
    auto sighting = sight(each.pid);
    if (!sighting) continue;
    if (of_launchers.contains(sighting->parent)) {
      sighting->from_launcher = true;
      of_launchers.insert(sighting->pid);
      backend_.watch_launcher(sighting->pid);
    }
    detector_.found_running(*sighting, backend_.game_of(each.pid));
  }
  detector_.on_launcher = on_launcher;
  if (!running.empty()) scanned_ticks_ = running.back().start_ticks;
}

void Finder::take_in(const Sighting& sighting, const std::string& app_id) {
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, sighting.pid, 0)));
  if (!pidfd) return;  // it has ended already
  const auto facts = inspect(pidfd.get());
  // Its id may have been given to another in the meantime.
  if (!facts || facts->ruid != sighting.uid || !may_be_game(*facts, getpid())) return;
  const auto added = registry_.add_detected(std::move(pidfd), *facts, sighting, app_id, realtime_usec());
  if (!added && added.error().code != Error::Code::AlreadyRegistered && on_refused)
    on_refused(sighting, added.error());
}

}  // namespace gamesched::games
