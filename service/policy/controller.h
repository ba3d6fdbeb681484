// SPDX-License-Identifier: GPL-2.0-or-later
//
// Whether our scheduler should be attached, and what to tell people about it.
//
// Pure: facts and time come in, one action and one status come out; the
// Attachment carries the action out and reports back. The rules:
//
//   wanted      enabled, and: attach = always; or a game runs, or is expected; or the last
//               game ended less than linger_s ago while attached.
//   enables     at least 2 s apart (the kernel's enable path has had races).
//   ejection    the kernel removed us by an error: tried again after 1, 5, 30 s; the
//               third within 10 minutes is the last until SetEnabled(true).
//   restart     the kernel asks for a new attach (CPU hotplug): no ejection.
//   conflict    another scheduler is in place: never evicted. Its end is told by the
//               kernel; where that is not heard, looked for every 5 s while we are
//               wanted.
//   failure     attaching failed for another reason: as an ejection, but 3 in a row.
//
// The kernel's word (Facts::kernel) always outweighs what we believe to have done.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "service/kernel/backend.h"
#include "service/policy/config.h"
#include "service/util/time.h"

namespace gamesched::policy {

constexpr uint64_t min_between_enables_usec = 2 * usec_per_sec;
constexpr uint64_t backoff_usec[] = {1 * usec_per_sec, 5 * usec_per_sec, 30 * usec_per_sec};
constexpr uint32_t max_ejections = 3;
constexpr uint64_t ejection_window_usec = 600 * usec_per_sec;
// After this long without one, an ejection is the first again.
constexpr uint64_t ejection_memory_usec = 3600 * usec_per_sec;
constexpr uint64_t conflict_recheck_usec = 5 * usec_per_sec;
// The kernel takes 50 to 250 ms to let go of a scheduler.
constexpr uint64_t transition_recheck_usec = 250 * usec_per_msec;

enum class State { Active, Standby, Off, Degraded, Ejected, Unsupported, Conflict };
std::string_view to_string(State state);

struct Status {
  State state = State::Standby;
  std::string reason;

  bool operator==(const Status&) const = default;
};

// The world at one moment.
struct Facts {
  uint64_t now_usec = 0;
  std::size_t games = 0;
  uint64_t expected_until_usec = 0;  // a game has announced itself: it is there by then, or will not be
  kernel::SchedState kernel;
  kernel::Support support;
  bool attached = false;          // Backend::attached()
  bool changes_are_told = false;  // a change of `kernel` brings on the next decision
  std::vector<std::string> missing_detectors;
  std::string off_profile;  // the profile in effect, when it keeps the scheduler away
};

enum class Action { None, Attach, Detach };

struct Decision {
  Action action = Action::None;
  std::optional<uint64_t> wake_at_usec;  // decide again then; unset: only when something happens
};

// An ejection as told on the bus.
struct Ejection {
  std::string reason;
  std::string detail;
  uint32_t retry_in_s = 0;  // 0: stays off until SetEnabled(true)
};

class Controller {
 public:
  explicit Controller(Config config, bool enabled) : config_(config), enabled_(enabled) {}

  void configure(const Config& config) { config_ = config; }
  const Config& config() const { return config_; }
  // Switching on, even when on already, forgets ejections and failures.
  void set_enabled(bool enabled);
  bool enabled() const { return enabled_; }

  Decision decide(const Facts& facts);
  Status status(const Facts& facts) const;

  // What became of a decision.
  void attach_done(uint64_t now_usec);
  void attach_failed(const Error& error, uint64_t now_usec);
  // The kernel let go. Nothing when that was no ejection.
  std::optional<Ejection> exited(const kernel::ExitInfo& info, uint64_t now_usec);

 private:
  bool wanted(const Facts& facts) const;
  uint64_t kept_until_usec(const Facts& facts) const;
  void forget_trouble();
  void note_games(const Facts& facts);
  uint32_t ejections_since(uint64_t usec) const;
  Status running(const Facts& facts) const;
  Status held_back(const Facts& facts) const;

  Config config_;
  bool enabled_;

  std::size_t games_ = 0;
  uint64_t last_game_ended_usec_ = 0;
  std::optional<uint64_t> last_enable_usec_;

  std::vector<uint64_t> ejections_usec_;  // within the memory, oldest first
  std::string last_trouble_;              // a clause on the last ejection or failure
  bool trouble_was_ejection_ = false;
  uint32_t failures_ = 0;         // in a row
  uint64_t not_before_usec_ = 0;  // back-off
  bool stays_off_ = false;
  std::optional<Error> refused_;  // this kernel or this service will never attach
};

}  // namespace gamesched::policy
