// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/policy/attachment.h"

#include <sys/epoll.h>

#include "service/util/log.h"
#include "service/util/time.h"

namespace gamesched::policy {
namespace {

// gamesched-run waits for an answer no longer.
constexpr uint64_t expected_for_usec = 3 * usec_per_sec;
// By then a game that waited for the scheduler runs.
constexpr uint64_t settle_after_usec = usec_per_sec;

}  // namespace

Attachment::Attachment(Loop& loop, kernel::Backend& backend, Controller controller,
                       std::function<std::size_t()> games)
    : backend_(backend),
      controller_(std::move(controller)),
      games_(std::move(games)),
      timer_(loop, [this] { update(); }),
      soon_(loop, [this] { update(); }),
      later_(loop, may_wait_usec, [this] { update(); }),
      settle_(loop, [this] { backend_.settle(); }) {
  backend_.on_exit = [this](const kernel::ExitInfo& info) { exited(info); };
  watch_events(loop);
  if (backend_.state_event_fd() >= 0) {
    state_events_ = std::make_unique<Io>(loop, backend_.state_event_fd(), EPOLLIN, Priority::Kernel, [this] {
      backend_.dispatch_state_events();
      update();
    });
  }
}

void Attachment::watch_events(Loop& loop) {
  if (!events_ && backend_.event_fd() >= 0) {
    events_ = std::make_unique<Io>(loop, backend_.event_fd(), EPOLLIN, Priority::Kernel,
                                   [this] { backend_.dispatch_events(); });
  }
}

Attachment::~Attachment() {
  backend_.on_exit = nullptr;
}

Facts Attachment::facts() const {
  Facts facts{.now_usec = monotonic_usec(),
              .games = games_(),
              .expected_until_usec = expected_until_usec_,
              .kernel = backend_.state(),
              .support = backend_.support(),
              .attached = backend_.attached(),
              .changes_are_told = state_events_ != nullptr,
              .missing_detectors = {},
              .off_profile = off_profile_};
  for (const auto& detector : backend_.detectors()) {
    if (!detector.attached && !detector.is_off) facts.missing_detectors.push_back(detector.name);
  }
  return facts;
}

void Attachment::update() {
  if (shut_down_) return;
  // A detach of something lost may be followed by an attach; more in one turn would be a quarrel with the
  // kernel.
  constexpr int max_steps = 3;
  Facts now = facts();
  for (int step = 0; step < max_steps; ++step) {
    const Decision decision = controller_.decide(now);
    if (decision.wake_at_usec) {
      timer_.arm_at(*decision.wake_at_usec);
    } else {
      timer_.disarm();
    }
    if (decision.action == Action::None) break;
    if (decision.action == Action::Attach) attach();
    if (decision.action == Action::Detach) backend_.detach();
    now = facts();
  }
  publish(now);
}

void Attachment::attach() {
  const auto attached = backend_.attach();
  if (attached) {
    controller_.attach_done(monotonic_usec());
    settle_.arm_at(monotonic_usec() + settle_after_usec);
    return;
  }
  controller_.attach_failed(attached.error(), monotonic_usec());
  log::warning("Cannot attach the scheduler: " + attached.error().message);
}

void Attachment::exited(const kernel::ExitInfo& info) {
  const auto ejection = controller_.exited(info, monotonic_usec());
  if (ejection) {
    log::error(
        "The kernel removed the scheduler: " + info.reason + (info.message.empty() ? "" : ": ") +
            info.message +
            (ejection->retry_in_s > 0 ? "; trying again in " + std::to_string(ejection->retry_in_s) + " s"
                                      : "; staying off until asked"),
        {{"GAMESCHED_EXIT_KIND", std::to_string(info.kind)},
         {"GAMESCHED_EXIT_CODE", std::to_string(info.exit_code)}});
    if (on_ejected) on_ejected(*ejection);
  }
  schedule();
}

void Attachment::publish(const Facts& facts) {
  const Status now = controller_.status(facts);
  if (now != published_) {
    if (now.state != published_.state) {
      log::notice("State " + std::string(to_string(now.state)) + ": " + now.reason,
                  {{"GAMESCHED_STATE", std::string(to_string(now.state))}});
    }
    published_ = now;
  }
  if (on_changed) on_changed();
}

Attachment::Seen Attachment::see() {
  const Facts now = facts();
  Seen seen{.status = controller_.status(now), .kernel_scheduler = now.kernel.ops};
  if (seen.status != published_ && !shut_down_) schedule();
  return seen;
}

void Attachment::expect_game() {
  expected_until_usec_ = monotonic_usec() + expected_for_usec;
  // What is there already need not come; when it would leave, this is looked at.
  if (!backend_.attached()) update();
}

void Attachment::set_enabled(bool enabled) {
  controller_.set_enabled(enabled);
  update();
}

void Attachment::configure(const Config& config) {
  controller_.configure(config);
  update();
}

void Attachment::set_off_profile(const std::string& name) {
  if (name == off_profile_) return;
  off_profile_ = name;
  update();
}

void Attachment::shut_down() {
  shut_down_ = true;
  timer_.disarm();
  settle_.disarm();
  if (backend_.attached()) backend_.detach();
}

}  // namespace gamesched::policy
