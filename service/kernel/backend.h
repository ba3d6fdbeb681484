// SPDX-License-Identifier: GPL-2.0-or-later
//
// The one interface to the kernel's side of gamesched.
//
// Everything above it is plain C++ that never sees libbpf; tests replace it by
// tests/fakes/backend.h. The implementation (loader.h) owns every BPF object,
// map and link. Contract:
//
// - One thread; no call blocks beyond the system calls it makes.
// - Nothing is pinned: destroying the Backend gives the machine back to the
//   kernel's own scheduler and removes every hook.
// - load() once; after that attach() and detach() any number of times.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "service/kernel/tunables.h"
#include "service/util/result.h"

namespace gamesched::kernel {

// What /sys/kernel/sched_ext says. An absent folder is Unsupported.
struct SchedState {
  enum class Value { Unsupported, Disabled, Enabling, Enabled, Disabling };
  Value value = Value::Unsupported;
  std::string ops;          // root/ops; empty when no scheduler is attached
  uint64_t enable_seq = 0;  // enable_seq: how often any scheduler was attached since boot
};

// Whether the scheduler can be attached on this machine, and if not why (a sentence for people).
struct Support {
  bool available = false;
  std::string reason;
};

struct DetectorStatus {
  std::string name;  // "process", "input", ...
  bool attached = false;
  std::string reason;   // why not; empty when attached
  bool is_off = false;  // not attached because somebody said so
};

// Those that the configuration may switch off. "process" and "input" have no switch: everything rests on the
// one, and the other is what a game is played with.
inline constexpr std::array<std::string_view, 5> optional_detectors{"gpu", "fence", "names", "audio",
                                                                    "network"};

// Why the kernel let go of our scheduler (struct scx_exit_info).
struct ExitInfo {
  bool error = false;             // an ejection; false: an orderly detach or a restart request
  bool restart = false;           // the kernel asks for an immediate re-attach (CPU hotplug)
  bool by_administrator = false;  // asked for at the keyboard (SysRq-S): an ejection to be respected
  int64_t kind = 0;               // enum scx_exit_kind
  int64_t exit_code = 0;
  std::string reason;
  std::string message;
};

struct Counter {
  std::string name;  // as in bpf/shared/counters.def
  uint64_t value = 0;
};

// An input device that the kernel's side cannot tell the kind of (bpf/policy/device.h): somebody who knows
// udev's opinion is asked. Values of `lane`: enum gs_input_lane of bpf/policy/window.h.
struct InputAnswer {
  uint32_t number = 0;  // N of /sys/class/input/inputN; never used again until the next boot
  uint32_t lane = 0;
};

// Which starts of programs the kernel tells of; the values are those of bpf/shared/abi.h.
struct ExecFilter {
  static constexpr uint32_t ignored = 1, reported = 2, watched = 4, audio = 8, launch = 16;
  static constexpr uint32_t reported_dir = 1, system_dir = 2;
  std::map<std::string, uint32_t> names;  // of programs, their first 15 bytes
  std::map<std::string, uint32_t> dirs;   // beginnings of paths
};

// A program has been started (execve).
struct ProgramStart {
  pid_t pid = 0;
  pid_t parent = 0;
  uid_t uid = 0;
  uint64_t cgroup_id = 0;      // of its control group; 0: not known
  uint32_t game_id = 0;        // the game it is in; 0: none
  bool from_launcher = false;  // it is watched, see watch_launcher()
  std::string path;            // as it was given to execve
  std::vector<std::string> args;
};

// What the scheduler knows of a thread. Times in microseconds; ages count from now.
struct ThreadFacts {
  std::string lane;                   // of bpf/policy/lane.h, "" while no scheduler of ours is attached
  std::vector<std::string> evidence;  // why: words for bits of bpf/policy/classify.h
  std::map<std::string, uint64_t> ages_usec;  // what detectors saw it do last, by their signals' names
  uint32_t game_id = 0;                       // as it last woke: game_of() is now's
  uint32_t hop = 0;                           // steps from a thread that starts its game's frames
  bool input_window = false;                  // one was open for its game when it last woke
  uint64_t frame_period_usec =
      0;  // of its game by what that gives to the GPU, else its own beat; 0: not known
  uint64_t audio_period_usec = 0;
  uint64_t burst_average_usec = 0;  // CPU time from waking to sleeping
  uint64_t wait_usec = 0;           // the last time from runnable to running
  uint64_t wait_average_usec = 0;
  uint32_t llc = 0;  // whose queue it was in last
};

// How many threads each game has in each lane: by game_id, by a name of service/util/lanes.h.
using LaneThreads = std::map<uint32_t, std::map<std::string, uint32_t>>;

class Backend {
 public:
  virtual ~Backend() = default;

  // Loads scheduler and detectors, attaches the detectors. Never throws for what a machine may lack:
  // afterwards support() and detectors() say what works.
  virtual void load() = 0;
  virtual Support support() const = 0;
  virtual std::vector<DetectorStatus> detectors() const = 0;
  // Those of optional_detectors that shall not be attached, before load() or at any time after it.
  virtual void switch_off_detectors(const std::set<std::string>& /*off*/) {}

  // Errors: Error::Code::Busy when another scheduler is in place, Unsupported, System (errno in the text).
  virtual Result<void> attach() = 0;
  // After attach(), once no game waits for it any more: what takes long and can be missed for a moment.
  virtual void settle() {}
  virtual void detach() = 0;
  virtual bool attached() const = 0;
  virtual SchedState state() const = 0;

  // game_id: 1 .. max_games, chosen by the caller, unique among living games. From here on the process
  // (tgid), its threads and its descendants are the game's, those already running included.
  virtual Result<void> add_game(uint32_t game_id, pid_t tgid) = 0;
  virtual void remove_game(uint32_t game_id) = 0;
  static constexpr uint32_t max_games = 256;

  // A parked game is listed and scheduled as any other program.
  virtual void set_parked(uint32_t /*game_id*/, bool /*parked*/) {}
  // 0: none.
  virtual uint32_t game_of(pid_t /*tgid*/) const { return 0; }
  // From now on on_program() is called for what the filter lets through, for all that games and watched
  // processes start, and no more than a budget for each user allows.
  virtual void set_exec_filter(const ExecFilter& /*filter*/) {}
  // All that this process's descendants start is told; those with a watched name are watched by themselves.
  virtual void watch_launcher(pid_t /*tgid*/) {}
  virtual void add_audio_server(pid_t /*tgid*/) {}

  // The scheduler's numbers from now on, whether it is attached or not; those not named have their defaults.
  // Names and bounds are tunables()'; others are left out.
  virtual void set_tunables(const TunableValues& values) = 0;

  // The game that the player sees: it alone profits from input. 0: not known, every game does.
  virtual void set_foreground_game(uint32_t /*game_id*/) {}

  // Numbers of all input devices that are open questions, those answered before included.
  virtual std::vector<uint32_t> input_questions() const { return {}; }
  virtual void answer_input(const std::vector<InputAnswer>& /*answers*/) {}

  // Of the thread that a pidfd stands for. NoSuchProcess when it has ended; Unsupported where nothing is
  // loaded.
  virtual Result<ThreadFacts> explain(int pidfd) const = 0;

  // Of games with threads that our scheduler has seen; empty while it is not attached. Goes through all threads of the
  // machine: a few hundred instructions for each.
  virtual LaneThreads lane_threads() const { return {}; }

  // Sums over CPUs, read now.
  virtual std::vector<Counter> counters() const = 0;

  // Readable (epoll) when dispatch_events() has something to do; -1 when there are no events.
  virtual int event_fd() const = 0;
  virtual void dispatch_events() = 0;

  // Readable when a scheduler, ours or another, came or went, so that state() may be another now; -1 where
  // nobody tells.
  virtual int state_event_fd() const { return -1; }
  virtual void dispatch_state_events() {}

  // Called from dispatch_events() or detach().
  std::function<void(const ExitInfo&)> on_exit;
  // Called from dispatch_events(): input_questions() may have a new one.
  std::function<void()> on_input_question;
  // Called from dispatch_events(): so many input events were not told of because a ring was full. The boost
  // was there all the same.
  std::function<void(uint64_t)> on_input_lost;
  // Called from dispatch_events().
  std::function<void(const ProgramStart&)> on_program;
  std::function<void(uid_t)> on_programs_lost;  // some of that user's starts were not told
  std::function<void(uint32_t game_id)> on_foreground;
  // A program sets a stream up on an ALSA device; at most once a second for each device.
  std::function<void(uint32_t minor)> on_sound;
};

}  // namespace gamesched::kernel
