// SPDX-License-Identifier: GPL-2.0-or-later
//
// Carries the Controller's decisions out: the one place that attaches and
// detaches. Whoever changes a fact calls update() (now) or schedule() (once in
// the next turn of the loop, however many changes there were).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "service/kernel/backend.h"
#include "service/loop/loop.h"
#include "service/policy/controller.h"

namespace gamesched::policy {

class Attachment {
 public:
  // `games` says how many games run.
  Attachment(Loop& loop, kernel::Backend& backend, Controller controller, std::function<std::size_t()> games);
  ~Attachment();
  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;

  std::function<void()> on_changed;  // what the getters below say may have changed
  std::function<void(const Ejection&)> on_ejected;

  // The backend has its events from load() on: to be called then, if that comes after construction.
  void watch_events(Loop& loop);

  void update();
  void schedule() { soon_.schedule(); }
  // Games have come or gone: the scheduler may have to come. One that is there is in no hurry for the rest.
  void games_changed() { backend_.attached() ? later_.schedule() : soon_.schedule(); }

  // A game is on its way. What comes with it (the bus, polkit, the start of programs) need not wait its turn
  // on a busy machine if the scheduler is there first.
  void expect_game();
  void set_enabled(bool enabled);
  void configure(const Config& config);
  // The profile in effect keeps the scheduler away; "": it does not.
  void set_off_profile(const std::string& name);

  // Read from the kernel now, not remembered. A surprise is followed by update() in the next turn.
  struct Seen {
    Status status;
    std::string kernel_scheduler;  // the one that is attached; ""
  };
  Seen see();
  Status status() { return see().status; }
  // As of the last on_changed.
  const Status& published() const { return published_; }
  std::vector<kernel::DetectorStatus> detectors() const { return backend_.detectors(); }
  bool enabled() const { return controller_.enabled(); }
  const Config& config() const { return controller_.config(); }

  // For the end of the service: detaches, and stays so.
  void shut_down();

 private:
  Facts facts() const;
  void attach();
  void exited(const kernel::ExitInfo& info);
  void publish(const Facts& facts);

  kernel::Backend& backend_;
  Controller controller_;
  std::function<std::size_t()> games_;
  Timer timer_;
  Defer soon_;
  Later later_;
  Timer settle_;
  std::unique_ptr<Io> events_, state_events_;
  std::string off_profile_;
  uint64_t expected_until_usec_ = 0;
  Status published_;
  bool shut_down_ = false;
};

}  // namespace gamesched::policy
