// SPDX-License-Identifier: GPL-2.0-or-later
//
// The daemon's side of bpf/detect/process.bpf.c: which process belongs to which game, what starts of programs
// are told, which game is played.
//
// The maps are the loaded object's; without one every question has the answer of an empty machine.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <vector>

#include "bpf/shared/abi.h"
#include "service/kernel/backend.h"
#include "service/kernel/object.h"
#include "service/util/result.h"

namespace gamesched::kernel {

class ProcessTracker {
 public:
  explicit ProcessTracker(Object& object) : object_(object) {}
  ~ProcessTracker();
  ProcessTracker(const ProcessTracker&) = delete;
  ProcessTracker& operator=(const ProcessTracker&) = delete;

  Result<void> add_game(uint32_t game_id, pid_t tgid);
  void remove_game(uint32_t game_id);
  void set_parked(uint32_t game_id, bool parked);
  uint32_t game_of(pid_t tgid) const;

  void set_filter(const ExecFilter& filter);
  void watch_launcher(pid_t tgid);
  void add_audio_server(pid_t tgid);

 private:
  Result<void> enter_process(pid_t tgid, const gs_game_process& entry);
  Result<void> enter_descendants(pid_t root, const gs_game_process& entry);
  void leave_game(uint32_t game_id);
  void leave_process(pid_t tgid);
  std::vector<uint32_t> members_of(uint32_t game_id) const;
  void count_processes(uint32_t game_id, uint32_t uid, int change);
  gs_game_state* state_of(uint32_t game_id);

  Object& object_;
  std::map<uint32_t, uint32_t> users_;  // of games
  gs_game_state* states_ = nullptr;     // mapped when first wanted
};

}  // namespace gamesched::kernel
