// SPDX-License-Identifier: GPL-2.0-or-later
//
// A kernel without a kernel, for unit tests: every field is a fact that a test sets.
#pragma once

#include <sys/eventfd.h>

#include <map>
#include <optional>
#include <set>

#include "service/kernel/backend.h"
#include "service/util/fd.h"

namespace gamesched::fakes {

class FakeBackend : public kernel::Backend {
 public:
  using Value = kernel::SchedState::Value;

  void load() override { loaded = true; }
  kernel::Support support() const override { return support_now; }
  std::vector<kernel::DetectorStatus> detectors() const override { return detectors_now; }

  Result<void> attach() override {
    ++attach_calls;
    if (attach_error) return std::unexpected(*attach_error);
    if (state_now.value != Value::Disabled) return fail(Error::Code::Busy, "another scheduler is in place");
    is_attached = true;
    state_now = {Value::Enabled, "gamesched", state_now.enable_seq + 1};
    return {};
  }
  void settle() override { ++settle_calls; }
  void detach() override {
    ++detach_calls;
    if (!is_attached) return;
    is_attached = false;
    if (state_now.ops == "gamesched") state_now = {Value::Disabled, "", state_now.enable_seq};
    if (pending_exit && on_exit) on_exit(*std::exchange(pending_exit, std::nullopt));
  }
  bool attached() const override { return is_attached; }
  kernel::SchedState state() const override { return state_now; }

  Result<void> add_game(uint32_t game_id, pid_t tgid) override {
    if (add_error) return std::unexpected(*add_error);
    games[game_id] = tgid;
    return {};
  }
  void remove_game(uint32_t game_id) override { games.erase(game_id); }
  void set_parked(uint32_t game_id, bool is) override { parked[game_id] = is; }
  uint32_t game_of(pid_t tgid) const override {
    const auto found = members.find(tgid);
    return found == members.end() ? 0 : found->second;
  }
  void set_exec_filter(const kernel::ExecFilter& filter) override { exec_filter = filter; }
  void watch_launcher(pid_t tgid) override { launchers.insert(tgid); }
  void add_audio_server(pid_t tgid) override { audio_servers.insert(tgid); }
  void set_foreground_game(uint32_t game_id) override { foreground = game_id; }
  void set_tunables(const kernel::TunableValues& values) override { tunables = values; }
  std::vector<uint32_t> input_questions() const override { return questions_now; }
  void answer_input(const std::vector<kernel::InputAnswer>& given) override {
    for (const auto& answer : given) answers[answer.number] = answer.lane;
    ++answer_calls;
  }
  void switch_off_detectors(const std::set<std::string>& off) override { detectors_off = off; }
  Result<kernel::ThreadFacts> explain(int) const override { return kernel::ThreadFacts{}; }
  std::vector<kernel::Counter> counters() const override {
    ++counter_reads;
    return {{"enqueued", 7}, {"reads", counter_reads}};
  }
  int event_fd() const override { return -1; }
  void dispatch_events() override {}
  int state_event_fd() const override { return state_events.get(); }
  void dispatch_state_events() override {
    eventfd_t value;
    eventfd_read(state_events.get(), &value);
  }

  // The kernel lets go, as after an ejection.
  void eject(const kernel::ExitInfo& info) {
    is_attached = false;
    state_now = {Value::Disabled, "", state_now.enable_seq};
    if (on_exit) on_exit(info);
  }

  std::vector<uint32_t> questions_now;
  std::map<uint32_t, uint32_t> answers;  // number -> lane
  int answer_calls = 0;
  mutable uint64_t counter_reads = 0;
  bool loaded = false;
  bool is_attached = false;
  int attach_calls = 0;
  int settle_calls = 0;
  int detach_calls = 0;
  kernel::Support support_now{true, ""};
  std::vector<kernel::DetectorStatus> detectors_now{{"process", true, ""}};
  kernel::SchedState state_now{Value::Disabled, "", 0};
  std::optional<Error> attach_error;
  std::optional<Error> add_error;
  std::optional<kernel::ExitInfo> pending_exit;  // delivered by detach()
  std::map<uint32_t, pid_t> games;
  kernel::TunableValues tunables;
  UniqueFd state_events;              // an eventfd, where the kernel is to tell its changes
  std::map<pid_t, uint32_t> members;  // processes of games beyond their first, set by the test
  std::map<uint32_t, bool> parked;
  std::set<pid_t> launchers, audio_servers;
  kernel::ExecFilter exec_filter;
  std::set<std::string> detectors_off;
  uint32_t foreground = 0;
};

}  // namespace gamesched::fakes
