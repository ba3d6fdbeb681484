// SPDX-License-Identifier: GPL-2.0-or-later
//
// A kernel in a folder, for black-box tests of the whole daemon. The test writes
//
//   unsupported   a sentence: the machine cannot run the scheduler (read at load)
//   foreign       the name of another scheduler that is in place
//   missing       the name of a detector that is not available
//   attach-error  what attach() fails with
//   threads       a line "TID LANE EVIDENCE,..." for each thread whose lane is asked for or counted
//   events        a FIFO; "exec PID PARENT UID FROM_LAUNCHER SLOT PATH<tab>ARGUMENT..." is the start of a
//                 program, with the path as its first argument; "foreground SLOT" another game that is
//                 played; a line "REASON|MESSAGE" is an ejection, "restart" a restart request
//
// and reads
//
//   attached      there while our scheduler is attached
//   games         a line "SLOT PID" for each game
//   detectors-off the detectors that are switched off, a line each
//   tunables      a line "NAME VALUE" for each that is not at its default
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>

#include "service/kernel/backend.h"
#include "service/util/fd.h"
#include "service/util/file.h"
#include "service/util/procfs.h"

namespace gamesched::fakes {

class FileBackend : public kernel::Backend {
 public:
  explicit FileBackend(std::filesystem::path folder) : folder_(std::move(folder)) {
    const auto fifo = folder_ / "events";
    if (mkfifo(fifo.c_str(), 0600) != 0 && errno != EEXIST)
      throw std::runtime_error("cannot make " + fifo.string());
    // Both ends: the FIFO stays open when a test's writer goes.
    events_ = UniqueFd(open(fifo.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
    if (!events_) throw std::runtime_error("cannot open " + fifo.string());
    std::filesystem::remove(folder_ / "attached");  // as the kernel does when its daemon dies
    publish_games();
  }
  ~FileBackend() override { detach(); }

  void load() override {
    unsupported_ = content("unsupported");
    loaded_ = true;
  }
  kernel::Support support() const override { return {unsupported_.empty(), unsupported_}; }
  std::vector<kernel::DetectorStatus> detectors() const override {
    std::vector<kernel::DetectorStatus> out{{"process", true, ""}};
    for (const std::string& name : off_)
      out.push_back({name, false, "switched off by the configuration", true});
    if (const std::string name = content("missing"); !name.empty())
      out.push_back({name, false, "not in this kernel"});
    return out;
  }

  Result<void> attach() override {
    if (const std::string error = content("attach-error"); !error.empty())
      return fail(Error::Code::System, error);
    if (file_exists(folder_ / "foreign")) return fail(Error::Code::Busy, "another scheduler is in place");
    attached_ = true;
    return replace_file(folder_ / "attached", "gamesched\n", 0644);
  }
  void detach() override {
    attached_ = false;
    std::filesystem::remove(folder_ / "attached");
  }
  bool attached() const override { return attached_; }
  kernel::SchedState state() const override {
    using Value = kernel::SchedState::Value;
    if (!unsupported_.empty()) return {};
    if (attached_) return {Value::Enabled, "gamesched", 1};
    const std::string foreign = content("foreign");
    return foreign.empty() ? kernel::SchedState{Value::Disabled, "", 0}
                           : kernel::SchedState{Value::Enabled, foreign, 1};
  }

  Result<void> add_game(uint32_t game_id, pid_t tgid) override {
    games_[game_id] = tgid;
    publish_games();
    return {};
  }
  void remove_game(uint32_t game_id) override {
    games_.erase(game_id);
    parked_.erase(game_id);
    std::erase_if(members_, [&](const auto& member) { return member.second == game_id; });
    publish_games();
  }
  void set_parked(uint32_t game_id, bool parked) override {
    parked ? (void)parked_.insert(game_id) : (void)parked_.erase(game_id);
    publish_games();
  }
  uint32_t game_of(pid_t tgid) const override {
    const auto member = members_.find(tgid);
    if (member != members_.end()) return member->second;
    for (const auto& [slot, pid] : games_) {
      if (pid == tgid) return slot;
    }
    return 0;
  }
  void set_exec_filter(const kernel::ExecFilter&) override {}
  void watch_launcher(pid_t) override {}
  void add_audio_server(pid_t) override {}
  void set_foreground_game(uint32_t) override {}
  void set_tunables(const kernel::TunableValues& values) override {
    std::string text;
    for (const auto& [name, value] : values) text += name + " " + std::to_string(value) + "\n";
    (void)replace_file(folder_ / "tunables", text, 0644);
  }
  void switch_off_detectors(const std::set<std::string>& off) override {
    off_ = off;
    std::string text;
    for (const std::string& name : off) text += name + "\n";
    (void)replace_file(folder_ / "detectors-off", text, 0644);
  }
  Result<kernel::ThreadFacts> explain(int pidfd) const override {
    kernel::ThreadFacts facts;
    const auto wanted = procfs::read_pidfd_pid(pidfd);
    std::istringstream lines(read_file(folder_ / "threads", 4096).value_or(""));
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      pid_t tid = 0;
      std::string evidence;
      words >> tid;
      if (!wanted || tid != *wanted) continue;
      words >> facts.lane >> evidence;
      std::istringstream list(evidence);
      for (std::string word; std::getline(list, word, ',');) facts.evidence.push_back(word);
      facts.ages_usec = {{"submit", 1000}};
      facts.frame_period_usec = 16'667;
      facts.game_id = game_of(tid);
    }
    return facts;
  }
  kernel::LaneThreads lane_threads() const override {
    kernel::LaneThreads found;
    if (!attached_) return found;
    std::istringstream lines(read_file(folder_ / "threads", 4096).value_or(""));
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      pid_t tid = 0;
      std::string lane;
      words >> tid >> lane;
      const auto status = procfs::read_status(tid);
      if (const uint32_t game = status ? game_of(status->tgid) : 0; game != 0) found[game][lane]++;
    }
    return found;
  }
  std::vector<kernel::Counter> counters() const override {
    return {{"enqueued", 7}, {"dispatched", 5}, {"counter_reads", ++counter_reads_}};
  }

  // From load() on, as the real one.
  int event_fd() const override { return loaded_ ? events_.get() : -1; }
  void dispatch_events() override {
    char text[4096];
    const ssize_t n = read(events_.get(), text, sizeof(text));
    if (n <= 0) return;
    std::istringstream lines(std::string(text, static_cast<std::size_t>(n)));
    for (std::string line; std::getline(lines, line);) dispatch(line);
  }

 private:
  void dispatch(const std::string& line) {
    if (line.starts_with("exec ") || line.starts_with("foreground ")) return process_event(line);
    detach();
    kernel::ExitInfo info;
    info.restart = line == "restart";
    info.error = !info.restart;
    const std::size_t bar = line.find('|');
    info.reason = line.substr(0, bar);
    if (bar != line.npos) info.message = line.substr(bar + 1);
    if (on_exit) on_exit(info);
  }

  void process_event(const std::string& line) {
    std::istringstream in(line);
    std::string kind;
    kernel::ProgramStart start;
    in >> kind;
    if (kind == "foreground") {
      uint32_t game_id = 0;
      in >> game_id;
      if (on_foreground) on_foreground(game_id);
      return;
    }
    in >> start.pid >> start.parent >> start.uid >> start.from_launcher >> start.game_id;
    if (start.game_id != 0) members_[start.pid] = start.game_id;
    for (std::string word; std::getline(in >> std::ws, word, '\t');) start.args.push_back(word);
    if (!start.args.empty()) start.path = start.args[0];
    if (on_program) on_program(start);
  }

  std::string content(const char* name) const {
    if (!file_exists(folder_ / name)) return {};
    std::string text = read_file(folder_ / name, 512).value_or("?");
    text.resize(text.find_last_not_of('\n') + 1);
    return text;
  }
  void publish_games() const {
    std::string text;
    for (const auto& [slot, pid] : games_)
      text +=
          std::to_string(slot) + " " + std::to_string(pid) + (parked_.contains(slot) ? " parked\n" : "\n");
    (void)replace_file(folder_ / "games", text, 0644);
  }

  std::filesystem::path folder_;
  UniqueFd events_;
  std::string unsupported_;
  bool attached_ = false;
  bool loaded_ = false;
  mutable uint64_t counter_reads_ = 0;
  std::map<uint32_t, pid_t> games_;
  std::set<uint32_t> parked_;
  std::set<std::string> off_;
  std::map<pid_t, uint32_t> members_;
};

}  // namespace gamesched::fakes
