// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/policy/controller.h"

#include <algorithm>

#include "service/util/text.h"

namespace gamesched::policy {
namespace {

using Kernel = kernel::SchedState::Value;

// A kernel's message in a sentence; the whole one is in the journal.
constexpr std::size_t max_clause_bytes = 256;
constexpr std::size_t max_sentence_bytes = 512;

bool in_transition(const Facts& facts) {
  return facts.kernel.value == Kernel::Enabling || facts.kernel.value == Kernel::Disabling;
}

// The kernel's word, not ours: we believe to be attached and it agrees.
bool runs(const Facts& facts) {
  return facts.attached && (facts.kernel.value == Kernel::Enabled || facts.kernel.value == Kernel::Enabling);
}

// Attached as far as we know, yet nothing is: the kernel let go and its message is still on the way.
bool lost(const Facts& facts) {
  return facts.attached &&
         (facts.kernel.value == Kernel::Disabled || facts.kernel.value == Kernel::Unsupported);
}

bool foreign(const Facts& facts) {
  return !facts.attached && facts.kernel.value == Kernel::Enabled;
}

std::string count(std::size_t n, const std::string& thing) {
  return std::to_string(n) + " " + thing + (n == 1 ? "" : "s");
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

std::string clause_of(const kernel::ExitInfo& info) {
  std::string clause = info.reason.empty() ? "exit kind " + std::to_string(info.kind) : info.reason;
  if (!info.message.empty() && info.message != info.reason) clause += ": " + info.message;
  return cleaned(clause, max_clause_bytes);
}

}  // namespace

std::string_view to_string(State state) {
  switch (state) {
    case State::Active:
      return "active";
    case State::Standby:
      return "standby";
    case State::Off:
      return "off";
    case State::Degraded:
      return "degraded";
    case State::Ejected:
      return "ejected";
    case State::Unsupported:
      return "unsupported";
    case State::Conflict:
      return "conflict";
  }
  return "unsupported";
}

void Controller::set_enabled(bool enabled) {
  enabled_ = enabled;
  if (enabled) forget_trouble();
}

void Controller::forget_trouble() {
  ejections_usec_.clear();
  failures_ = 0;
  not_before_usec_ = 0;
  stays_off_ = false;
  refused_.reset();
  last_trouble_.clear();
}

bool Controller::wanted(const Facts& facts) const {
  if (!enabled_ || !facts.off_profile.empty() || !facts.support.available || refused_) return false;
  switch (config_.attach) {
    case AttachMode::Never:
      return false;
    case AttachMode::Always:
      return true;
    case AttachMode::Game:
      break;
  }
  if (facts.games > 0 || facts.now_usec < facts.expected_until_usec) return true;
  // The linger keeps, it never attaches.
  return facts.attached && facts.now_usec < kept_until_usec(facts);
}

// How long it stays attached without a game.
uint64_t Controller::kept_until_usec(const Facts& facts) const {
  const uint64_t linger_usec =
      last_game_ended_usec_ != 0 ? last_game_ended_usec_ + config_.linger_s * usec_per_sec : 0;
  return std::max(linger_usec, facts.expected_until_usec);
}

void Controller::note_games(const Facts& facts) {
  if (games_ > 0 && facts.games == 0) last_game_ended_usec_ = facts.now_usec;
  // A new session is a new chance for what failed, but not for what the kernel threw out.
  if (games_ == 0 && facts.games > 0 && stays_off_ && !trouble_was_ejection_) forget_trouble();
  games_ = facts.games;
}

Decision Controller::decide(const Facts& facts) {
  note_games(facts);
  if (lost(facts)) return {Action::Detach, std::nullopt};
  if (!wanted(facts)) {
    if (facts.attached) return {Action::Detach, std::nullopt};
    // The end of a back-off changes the status, though nobody wants the scheduler.
    if (!stays_off_ && facts.now_usec < not_before_usec_) return {Action::None, not_before_usec_};
    return {};
  }
  if (facts.attached) {
    const bool lingers = config_.attach == AttachMode::Game && facts.games == 0;
    if (!lingers) return {};
    return {Action::None, kept_until_usec(facts)};
  }
  if (stays_off_) return {};
  if (in_transition(facts)) return {Action::None, facts.now_usec + transition_recheck_usec};
  if (facts.kernel.value == Kernel::Enabled) {
    if (facts.changes_are_told) return {};
    return {Action::None, facts.now_usec + conflict_recheck_usec};
  }
  const uint64_t apart_usec = last_enable_usec_ ? *last_enable_usec_ + min_between_enables_usec : 0;
  const uint64_t earliest_usec = std::max(not_before_usec_, apart_usec);
  if (facts.now_usec < earliest_usec) return {Action::None, earliest_usec};
  return {Action::Attach, std::nullopt};
}

void Controller::attach_done(uint64_t now_usec) {
  last_enable_usec_ = now_usec;
  failures_ = 0;
}

void Controller::attach_failed(const Error& error, uint64_t now_usec) {
  last_enable_usec_ = now_usec;
  switch (error.code) {
    case Error::Code::Busy:  // somebody was faster: the next look at the kernel finds them
      not_before_usec_ = now_usec + transition_recheck_usec;
      return;
    case Error::Code::Unsupported:
    case Error::Code::Permission:
      refused_ = error;
      return;
    default:
      break;
  }
  last_trouble_ = cleaned(error.message, max_clause_bytes);
  trouble_was_ejection_ = false;
  not_before_usec_ = now_usec + backoff_usec[std::min<std::size_t>(failures_, std::size(backoff_usec) - 1)];
  stays_off_ = ++failures_ >= std::size(backoff_usec);
}

uint32_t Controller::ejections_since(uint64_t usec) const {
  return static_cast<uint32_t>(
      std::ranges::count_if(ejections_usec_, [&](uint64_t at) { return at >= usec; }));
}

std::optional<Ejection> Controller::exited(const kernel::ExitInfo& info, uint64_t now_usec) {
  if (info.restart || !info.error) return std::nullopt;
  if (!ejections_usec_.empty() && now_usec - ejections_usec_.back() > ejection_memory_usec)
    ejections_usec_.clear();
  ejections_usec_.push_back(now_usec);
  const std::size_t level = std::min(ejections_usec_.size(), std::size(backoff_usec)) - 1;
  const uint64_t window_start = now_usec > ejection_window_usec ? now_usec - ejection_window_usec : 0;
  stays_off_ = info.by_administrator || ejections_since(window_start) >= max_ejections;
  not_before_usec_ = now_usec + backoff_usec[level];
  last_trouble_ = clause_of(info);
  trouble_was_ejection_ = true;
  const auto retry_in_s = static_cast<uint32_t>(stays_off_ ? 0 : backoff_usec[level] / usec_per_sec);
  return Ejection{cleaned(info.reason, max_clause_bytes), cleaned(info.message, 1024), retry_in_s};
}

Status Controller::status(const Facts& facts) const {
  if (runs(facts)) return running(facts);
  if (!facts.support.available) {
    return {State::Unsupported,
            facts.support.reason.empty()
                ? "This kernel cannot run the scheduler; games are listed, nothing else changes."
                : cleaned(facts.support.reason, max_sentence_bytes)};
  }
  if (!enabled_) return {State::Off, "Switched off; run \"gameschedctl on\" to switch it on."};
  if (!facts.off_profile.empty()) {
    return {State::Off,
            "The profile \"" + facts.off_profile +
                "\" is in effect, which leaves scheduling to the kernel; \"gameschedctl profile\" "
                "shows why, \"gameschedctl profile set balanced\" changes it."};
  }
  if (config_.attach == AttachMode::Never) {
    return {State::Off,
            "The configuration says attach = \"never\"; set it to \"game\" in "
            "/etc/gamesched/gamesched.toml and reload the service."};
  }
  if (foreign(facts)) {
    const std::string name =
        facts.kernel.ops.empty() ? "Another scheduler" : "The scheduler \"" + facts.kernel.ops + "\"";
    return {State::Conflict, name +
                                 " is in place, and gamesched never removes another one. Stop it to let "
                                 "gamesched take over " +
                                 (wanted(facts) ? "within seconds." : "when the next game starts.")};
  }
  return held_back(facts);
}

Status Controller::running(const Facts& facts) const {
  const std::string doing = facts.games > 0 ? "Scheduling " + count(facts.games, "game") + "."
                            : config_.attach == AttachMode::Always
                                ? "Attached, as the configuration says; no game runs."
                            : facts.now_usec < facts.expected_until_usec
                                ? "A game is about to start."
                                : "The last game has ended; the scheduler leaves in a few seconds.";
  if (facts.missing_detectors.empty()) return {State::Active, doing};
  return {State::Degraded, doing + " Not available on this system: " + joined(facts.missing_detectors) +
                               "; run \"gameschedctl status\" for the reasons."};
}

Status Controller::held_back(const Facts& facts) const {
  if (refused_) return {State::Unsupported, cleaned(refused_->message, max_sentence_bytes)};
  const std::string again = "run \"gameschedctl on\" to try again.";
  if (stays_off_ && trouble_was_ejection_) {
    return {State::Ejected, "The kernel removed the scheduler " + std::to_string(max_ejections) +
                                " times within 10 minutes (" + last_trouble_ +
                                ") and runs its own. Please report this with \"journalctl -u gameschedd\"; " +
                                again};
  }
  if (stays_off_)
    return {State::Unsupported, "The scheduler could not be attached (" + last_trouble_ + "); " + again};
  if (!last_trouble_.empty() && facts.now_usec < not_before_usec_) {
    if (trouble_was_ejection_) {
      return {State::Ejected, "The kernel removed the scheduler (" + last_trouble_ +
                                  ") and runs its own; gamesched tries again within half a minute."};
    }
    return {State::Unsupported, "The scheduler could not be attached (" + last_trouble_ +
                                    "); gamesched tries again within half a minute."};
  }
  if (wanted(facts)) return {State::Standby, "The scheduler is being attached."};
  return {State::Standby, "No game runs. Start one through gamesched-run and the scheduler is attached."};
}

}  // namespace gamesched::policy
