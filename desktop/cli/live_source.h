// SPDX-License-Identifier: GPL-2.0-or-later
//
// Follows gameschedd for `gameschedctl top`: its state and games by its signals, counters and lanes by looking.
//
// Nothing here waits: questions are answered in process(). Who looks starts nobody, and one that goes and comes again,
// the bus included, is followed. Only while the scheduler is attached is there something that no signal tells; then
// look() is to be called once a second, else never.
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "desktop/cli/client.h"
#include "desktop/cli/live.h"

namespace gamesched::cli::live {

class Source {
 public:
  // `sched_ext`: /sys/kernel/sched_ext, or a folder like it.
  explicit Source(std::filesystem::path sched_ext);
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  const Live& live() const { return live_; }
  // Whether look() has something to see, or somebody to find.
  bool wants_look() const;
  void look();

  // For poll(): what process() waits for, and for how long at most.
  struct Wait {
    int fd = -1, event_fd = -1;
    short events = 0;
    int timeout_msec = -1;
  };
  Wait wait() const;
  void process();

 private:
  struct Question;

  void connect();
  void lost(const std::string& problem);
  void owner_is(const std::string& name);
  void ask_all();
  void ask_state();
  void ask_games();
  void ask_counters();
  void failed(const sdbus::Error& error);
  template <typename Take>
  auto answer(Take take);

  const std::filesystem::path sched_ext_;
  Live live_;
  std::unique_ptr<sdbus::IConnection> connection_;
  std::unique_ptr<sdbus::IProxy> bus_, service_;
  sdbus::Slot names_, signals_;
  std::string owner_;
  bool state_asked_ = false, games_asked_ = false, counters_asked_ = false;
  bool state_changed_ = false, games_changed_ = false;  // since they were asked for
};

}  // namespace gamesched::cli::live
