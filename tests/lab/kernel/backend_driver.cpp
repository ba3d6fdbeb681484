// SPDX-License-Identifier: GPL-2.0-or-later
//
// backend-driver: the daemon's own backend under remote control, for the lab's tests of scheduler and
// detectors.
//
// Reads one command a line, answers each with one line of JSON: the result, or {"error": text}. Its end,
// orderly or not, gives the machine back to the kernel's scheduler, as the daemon's does.
//
//   support                whether and why not, the detectors, what the verifier said of each program
//   attach | detach
//   state                  the kernel's and ours, and every exit of the scheduler so far
//   add GAME PID           remove GAME
//   counters
//   batch                  takes one batch of input records and does nothing else: how many they were
//   members                the processes in the games' map: {pid: game}
//   foreground GAME        0: not known
//   questions              input devices of unknown kind; how often there was a question; input events lost
//   answer NUMBER LANE     to a question
//   devices                how many input devices the kernel's side knows
//   windows                the input windows' ends, and the time, in ns of CLOCK_MONOTONIC
//   filter NAME=FLAGS,... DIR=FLAGS,...   what starts of programs are told
//   watch PID              a launcher
//   park GAME 0|1          schedule it as any program, or as a game
//   programs               starts of programs told since the last time, losses, games that came to be played
//   audio                  processes that are audio servers
//   explain TID            what is known of a thread
//   switch-off NAME,...    detectors
//   tune [NAME VALUE]      one tunable, all others at their defaults
//   forget-card MINOR      as if the driver of that graphics card were not known
//   serve PID              an audio server that ran before
//   lanes                  threads of games by lane: {game: {lane: threads}}
//   signals TID            what detectors wrote of a thread; null: nothing yet
//   sounds                 ALSA devices (minor numbers) told since the last time
//   card MINOR             the sound card of an ALSA device
//   room GAME UID          processes counted for the game and for the user
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>

#include "bpf/shared/abi.h"
#include "bpf/shared/task_ctx.h"
#include "service/audio/sound_cards.h"
#include "service/kernel/loader.h"
#include "service/util/fd.h"

namespace gamesched::kernel {
namespace {

using nlohmann::json;

constexpr int highest_fd = 256;  // the backend holds some dozens

json error_of(const Error& error) {
  return {{"error", error.message}, {"busy", error.code == Error::Code::Busy}};
}

json answer_of(const Result<void>& result) {
  return result ? json{{"done", true}} : error_of(result.error());
}

// The kernel keeps 15 characters of a program's name; its type information keeps all.
std::string full_name(int program, const bpf_prog_info& short_info) {
  bpf_func_info function{};
  bpf_prog_info info{};
  info.nr_func_info = 1;
  info.func_info_rec_size = sizeof(function);
  info.func_info = reinterpret_cast<uintptr_t>(&function);
  unsigned size = sizeof(info);
  if (bpf_prog_get_info_by_fd(program, &info, &size) != 0) return short_info.name;
  btf* types = btf__load_from_kernel_by_id(info.btf_id);
  if (types == nullptr) return short_info.name;
  const btf_type* type = btf__type_by_id(types, function.type_id);
  std::string name = type != nullptr ? btf__name_by_offset(types, type->name_off) : short_info.name;
  btf__free(types);
  return name;
}

// The kernel describes whatever a descriptor is, a program as readily as a map.
bool is_a(int fd, const char* kind) {
  std::error_code none;
  return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), none) == kind;
}

// Every program this process holds: what the backend loaded, whatever it tells about it.
json programs() {
  json table = json::object();
  for (int fd = 0; fd < highest_fd; fd++) {
    bpf_prog_info info{};
    unsigned size = sizeof(info);
    if (!is_a(fd, "anon_inode:bpf-prog") || bpf_prog_get_info_by_fd(fd, &info, &size) != 0) continue;
    table[full_name(fd, info)] = info.verified_insns;
  }
  return table;
}

int map_fd(std::string_view name) {
  for (int fd = 0; fd < highest_fd; fd++) {
    bpf_map_info info{};
    unsigned size = sizeof(info);
    if (is_a(fd, "anon_inode:bpf-map") && bpf_map_get_info_by_fd(fd, &info, &size) == 0 && name == info.name)
      return fd;
  }
  return -1;
}

json members() {
  json table = json::object();
  const int map = map_fd("game_processes");
  uint32_t pid = 0;
  for (int error = bpf_map_get_next_key(map, nullptr, &pid); error == 0;
       error = bpf_map_get_next_key(map, &pid, &pid)) {
    gs_game_process entry{};
    if (bpf_map_lookup_elem(map, &pid, &entry) == 0) table[std::to_string(pid)] = entry.game;
  }
  return table;
}

json devices() {
  const int map = map_fd("input_devices");
  uint64_t key = 0;
  int count = 0;
  for (int error = bpf_map_get_next_key(map, nullptr, &key); error == 0;
       error = bpf_map_get_next_key(map, &key, &key)) {
    gs_input_device device{};
    if (bpf_map_lookup_elem(map, &key, &device) == 0) count++;
  }
  return count;
}

json windows() {
  const uint32_t zero = 0;
  gs_shared_state state{};
  if (bpf_map_lookup_elem(map_fd("shared_state"), &zero, &state) != 0) return {{"error", "no shared_state"}};
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return {{"keyboard", state.window_until_ns[0]},
          {"mouse", state.window_until_ns[1]},
          {"controller", state.window_until_ns[2]},
          {"other", state.window_until_ns[3]},
          {"now", now.tv_sec * 1'000'000'000LL + now.tv_nsec}};
}

class Driver {
 public:
  Driver() {
    backend_->on_exit = [this](const ExitInfo& info) {
      exits_.push_back({{"error", info.error},
                        {"restart", info.restart},
                        {"kind", info.kind},
                        {"reason", info.reason},
                        {"message", info.message}});
    };
    backend_->on_input_question = [this] { asked_++; };
    backend_->on_input_lost = [this](uint64_t events) { lost_ += events; };
    backend_->on_program = [this](const ProgramStart& start) {
      programs_.push_back({{"pid", start.pid},
                           {"parent", start.parent},
                           {"uid", start.uid},
                           {"game", start.game_id},
                           {"from_launcher", start.from_launcher},
                           {"path", start.path},
                           {"args", start.args}});
    };
    backend_->on_programs_lost = [this](uid_t uid) { programs_lost_.push_back(uid); };
    backend_->on_sound = [this](uint32_t minor) { sounds_.push_back(minor); };
    backend_->on_foreground = [this](uint32_t game) { played_.push_back(game); };
    backend_->load();
  }

  json execute(std::istringstream words) {
    std::string command;
    words >> command;
    if (command == "batch") return batch();
    backend_->dispatch_events();
    if (command == "support") return support();
    if (command == "attach") {
      const auto attached = backend_->attach();
      backend_->settle();
      return answer_of(attached);
    }
    if (command == "detach") {
      backend_->detach();
      return answer_of({});
    }
    if (command == "state") return state();
    if (command == "counters") return counters();
    if (command == "members") return members();
    if (command == "windows") return windows();
    if (command == "devices") return devices();
    if (command == "questions") return questions();
    if (command == "answer") return answer(words);
    if (command == "foreground") {
      uint32_t game = 0;
      words >> game;
      backend_->set_foreground_game(game);
      return answer_of({});
    }
    if (command == "tune") {  // NAME VALUE; nothing: the defaults
      std::string name;
      uint64_t value = 0;
      backend_->set_tunables(words >> name >> value ? TunableValues{{name, value}} : TunableValues{});
      return answer_of({});
    }
    if (command == "filter") return set_filter(words);
    if (command == "programs") {
      json told{{"programs", std::exchange(programs_, json::array())},
                {"lost", std::exchange(programs_lost_, json::array())},
                {"played", std::exchange(played_, json::array())}};
      return told;
    }
    if (command == "audio") return audio_servers();
    if (command == "room") return room(words);
    if (command == "pass-over") return pass_over(words);
    if (command == "explain") return explain(words);
    if (command == "forget-card") return forget_card(words);
    if (command == "switch-off") return switch_off(words);
    if (command == "lanes") return lanes();
    if (command == "signals") return signals(words);
    if (command == "sounds") return std::exchange(sounds_, json::array());
    if (command == "card") {
      uint32_t minor = 0;
      words >> minor;
      const auto card = audio::card_of(minor);
      return card ? json{{"number", card->number}, {"name", card->name}, {"usb", card->usb}} : json(nullptr);
    }
    if (command == "serve") {
      pid_t server = 0;
      words >> server;
      backend_->add_audio_server(server);
      return answer_of({});
    }
    if (command == "watch" || command == "park") {
      uint32_t which = 0, to = 0;
      words >> which >> to;
      if (command == "watch") backend_->watch_launcher(static_cast<pid_t>(which));
      if (command == "park") backend_->set_parked(which, to != 0);
      return answer_of({});
    }
    if (command == "add" || command == "remove") return change_game(command == "add", words);
    return {{"error", "unknown command " + command}};
  }

 private:
  json set_filter(std::istringstream& words) {
    ExecFilter filter;
    std::string names, dirs;
    words >> names >> dirs;
    for (auto [list, text] : {std::pair(&filter.names, &names), std::pair(&filter.dirs, &dirs)}) {
      std::istringstream entries(*text);
      for (std::string entry; std::getline(entries, entry, ',');) {
        const std::size_t at = entry.find('=');
        (*list)[entry.substr(0, at)] = static_cast<uint32_t>(std::stoul(entry.substr(at + 1)));
      }
    }
    backend_->set_exec_filter(filter);
    return answer_of({});
  }

  static json audio_servers() {
    json list = json::array();
    const int fd = map_fd("audio_servers");
    for (uint32_t at = 0; at < GS_PROCESS_IDS / 64; at++) {
      uint64_t bits = 0;
      if (bpf_map_lookup_elem(fd, &at, &bits) != 0) break;
      for (uint32_t bit = 0; bits != 0; bit++, bits >>= 1)
        if ((bits & 1) != 0) list.push_back(at * 64 + bit);
    }
    return list;
  }

  // Task storage is read by a pidfd of the thread (PIDFD_THREAD, since 6.9).
  static json signals(std::istringstream& words) {
    pid_t tid = 0;
    words >> tid;
    const UniqueFd thread(static_cast<int>(syscall(SYS_pidfd_open, tid, O_EXCL)));
    const int key = thread.get();
    task_ctx context{};
    if (!thread || bpf_map_lookup_elem(map_fd("task_ctxs"), &key, &context) != 0) return nullptr;
    const gs_signals& signals = context.signals;
    return {{"audio", signals.audio_ns},
            {"audio_period", signals.audio_period_ns},
            {"audio_minor", signals.audio_minor},
            {"net", signals.net_ns},
            {"bulk", signals.bulk_ns},
            {"lane", context.lane}};
  }

  static json room(std::istringstream& words) {
    uint32_t game = 0, uid = 0, of_user = 0;
    words >> game >> uid;
    gs_game_state state{};
    bpf_map_lookup_elem(map_fd("game_states"), &game, &state);
    const bool known = bpf_map_lookup_elem(map_fd("user_processes"), &uid, &of_user) == 0;
    return {{"game", state.processes}, {"user", known ? json(of_user) : json(nullptr)}};
  }

  // Leaves the maps as they are when the kernel has passed over a hook: "exit PID GAME", "fork PID".
  static json pass_over(std::istringstream& words) {
    std::string hook;
    uint32_t pid = 0;
    gs_game_process entry{};
    words >> hook >> pid >> entry.game;
    const int processes = map_fd("game_processes"), states = map_fd("game_states");
    if (hook == "exit")
      bpf_map_update_elem(processes, &pid, &entry, BPF_NOEXIST);
    else if (bpf_map_lookup_and_delete_elem(processes, &pid, &entry) != 0)
      return answer_of({});
    const uint32_t change = hook == "exit" ? 1 : -1;
    gs_game_state state{};
    uint32_t of_user = 0;
    bpf_map_lookup_elem(states, &entry.game, &state);
    state.processes += change;
    bpf_map_update_elem(states, &entry.game, &state, BPF_EXIST);
    bpf_map_lookup_elem(map_fd("user_processes"), &entry.uid, &of_user);
    of_user += change;
    bpf_map_update_elem(map_fd("user_processes"), &entry.uid, &of_user, BPF_EXIST);
    return answer_of({});
  }

  json lanes() const {
    json games = json::object();
    for (const auto& [game, lanes] : backend_->lane_threads()) games[std::to_string(game)] = lanes;
    return games;
  }

  json explain(std::istringstream& words) const {
    pid_t tid = 0;
    words >> tid;
    const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, tid, O_EXCL /* PIDFD_THREAD */)));
    if (!pidfd) return {{"error", "no thread " + std::to_string(tid)}};
    const auto facts = backend_->explain(pidfd.get());
    if (!facts) return error_of(facts.error());
    return {{"lane", facts->lane},
            {"evidence", facts->evidence},
            {"ages_usec", facts->ages_usec},
            {"game", facts->game_id},
            {"hop", facts->hop},
            {"window", facts->input_window},
            {"frame_period_usec", facts->frame_period_usec},
            {"burst_average_usec", facts->burst_average_usec},
            {"wait_usec", facts->wait_usec}};
  }

  static json forget_card(std::istringstream& words) {
    uint32_t minor = 0;
    words >> minor;
    const gs_gpu_card unknown{};
    bpf_map_update_elem(map_fd("gpu_cards"), &minor, &unknown, BPF_ANY);
    return answer_of({});
  }

  json switch_off(std::istringstream& words) {
    std::set<std::string> off;
    for (std::string name; std::getline(words >> std::ws, name, ',');) off.insert(name);
    backend_->switch_off_detectors(off);
    return answer_of({});
  }

  json change_game(bool add, std::istringstream& words) {
    uint32_t game = 0;
    pid_t pid = 0;
    words >> game >> pid;
    if (add) return answer_of(backend_->add_game(game, pid));
    backend_->remove_game(game);
    return answer_of({});
  }

  json batch() const {
    const uint64_t before = input_records();
    backend_->dispatch_events();
    return {{"records", input_records() - before}};
  }
  // In the daemon's own memory: no call of bpf(2).
  uint64_t input_records() const {
    for (const auto& counter : backend_->counters())
      if (counter.name == "input_records") return counter.value;
    return 0;
  }

  json questions() const {
    return {{"open", backend_->input_questions()}, {"asked", asked_}, {"lost", lost_}};
  }

  json answer(std::istringstream& words) {
    InputAnswer answer;
    words >> answer.number >> answer.lane;
    backend_->answer_input({answer});
    return answer_of({});
  }

  json support() const {
    const Support support = backend_->support();
    json detectors = json::object();
    for (const auto& detector : backend_->detectors())
      detectors[detector.name] = detector.attached ? "" : detector.reason;
    return {{"available", support.available},
            {"reason", support.reason},
            {"detectors", detectors},
            {"programs", programs()}};
  }

  json state() const {
    const SchedState state = backend_->state();
    return {{"enabled", state.value == SchedState::Value::Enabled},
            {"disabled", state.value == SchedState::Value::Disabled},
            {"ops", state.ops},
            {"attached", backend_->attached()},
            {"exits", exits_}};
  }

  json counters() const {
    json table = json::object();
    for (const auto& counter : backend_->counters()) table[counter.name] = counter.value;
    return table;
  }

  std::unique_ptr<Backend> backend_ = make_backend();
  json exits_ = json::array();
  uint64_t asked_ = 0, lost_ = 0;
  json sounds_ = json::array();
  json programs_ = json::array(), programs_lost_ = json::array(), played_ = json::array();
};

int run() {
  // As the service: real-time, or loading under full load takes its time.
  const sched_param urgent{.sched_priority = 1};
  ::sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &urgent);
  Driver driver;
  std::cout << json{{"ready", true}} << std::endl;
  for (std::string line; std::getline(std::cin, line);)
    std::cout << driver.execute(std::istringstream(line)) << std::endl;
  return 0;
}

}  // namespace
}  // namespace gamesched::kernel

int main() {
  try {
    return gamesched::kernel::run();
  } catch (const std::exception& error) {
    std::cerr << "backend-driver: " << error.what() << '\n';
    return 1;
  }
}
