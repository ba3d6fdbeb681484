// SPDX-License-Identifier: GPL-2.0-or-later
//
// The real backend: which objects there are, what they share, and what the kernel says of them.
#include "service/kernel/loader.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <iterator>
#include <optional>
#include <span>

#include "bpf/shared/abi.h"
#include "service/kernel/describe.h"
#include "service/kernel/detectors.h"
#include "service/kernel/input.h"
#include "service/kernel/object.h"
#include "service/kernel/process_events.h"
#include "service/kernel/process_tracker.h"
#include "service/kernel/sched_events.h"
#include "service/kernel/topology.h"
#include "service/util/fd.h"
#include "service/util/file.h"
#include "service/util/procfs.h"

namespace gamesched::kernel {

#define OBJECT(name)                          \
  extern const unsigned char object_##name[]; \
  extern const std::size_t object_##name##_size;
OBJECT(gamesched)
OBJECT(process)
OBJECT(input)
OBJECT(lanes)
#undef OBJECT

namespace {

const std::filesystem::path sched_ext_dir = "/sys/kernel/sched_ext";
const std::filesystem::path kernel_btf = "/sys/kernel/btf/vmlinux";
const std::filesystem::path cpu_dir = "/sys/devices/system/cpu";
constexpr std::size_t sysfs_max_bytes = 4096;

// Created with the process detector, used by all.
constexpr std::array<std::string_view, 8> shared_maps = {"game_processes", "shared_state", "input_cpus",
                                                         "game_states",    "events",       "process_events",
                                                         "audio_servers",  "task_ctxs"};

constexpr std::array<const char*, GS_NR_COUNTERS> counter_names = {
#define COUNTER(name, doc) #name,
#include "bpf/shared/counters.def"
#undef COUNTER
};

std::string sysfs_line(const std::filesystem::path& path) {
  auto text = read_file(path, sysfs_max_bytes);
  if (!text) return {};
  while (!text->empty() && text->back() == '\n') text->pop_back();
  return *text;
}

// Of a process that dies the kernel lets go of the files with the highest numbers first, and that of a hook takes
// long: meanwhile it would run at our real-time priority. With the scheduler's link before the hooks, it waits
// until the kernel's scheduler is back. Hooks are loaded at the start and have low numbers.
constexpr int above_the_hooks = 512;

constexpr std::string_view locks_program = "gamesched_lock_contended";

class KernelBackend final : public Backend {
 public:
  KernelBackend()
      : process_("process", {object_process, object_process_size}),
        input_("input", {object_input, object_input_size}),
        lanes_("lanes", {object_lanes, object_lanes_size}),
        scheduler_("gamesched", {object_gamesched, object_gamesched_size}) {}

  ~KernelBackend() override {
    drop_link();
    if (ring_ != nullptr) ring_buffer__free(ring_);
    if (shared_ != nullptr) ::munmap(shared_, sizeof(*shared_));
  }

  void load() override {
    if (!file_exists(kernel_btf)) {
      support_ = {false,
                  "This kernel has no type information (/sys/kernel/btf/vmlinux); use one built with "
                  "CONFIG_DEBUG_INFO_BTF."};
      note("process", fail(Error::Code::Unsupported, support_.reason));
      note("input", fail(Error::Code::Unsupported, support_.reason));
      return;
    }
    Input::size_maps(process_);
    *process_.global<unsigned long long>("tick_ns") = tick_ns();
    const Result<void> process = process_.load();
    note("process", process ? process_.attach_programs() : process);
    if (process) input_.share_maps_of(process_, shared_maps);
    input_.global<std::array<unsigned long long, 4>>(
        "window_ns");  // throws when the object and this code disagree
    set_windows();
    const Result<void> input = input_.load();
    if (process_.loaded())
      ring_ = ring_buffer__new(process_.map_fd("events"), &KernelBackend::on_record, this, nullptr);
    if (ring_ != nullptr)
      ring_buffer__add(ring_, process_.map_fd("process_events"), &KernelBackend::on_process_event, this);
    note("input", input ? start_input() : input);
    if (process_.loaded()) signals_.load(process_, shared_maps);
    load_scheduler(process);
    if (!process_.loaded()) return;
    void* shared = ::mmap(nullptr, sizeof(gs_shared_state), PROT_READ | PROT_WRITE, MAP_SHARED,
                          process_.map_fd("shared_state"), 0);
    if (shared != MAP_FAILED) shared_ = static_cast<gs_shared_state*>(shared);
  }

  Support support() const override { return support_; }
  std::vector<DetectorStatus> detectors() const override {
    std::vector<DetectorStatus> all = detectors_;
    if (process_.loaded()) std::ranges::copy(signals_.statuses(), std::back_inserter(all));
    return all;
  }
  void switch_off_detectors(const std::set<std::string>& off) override {
    signals_.switch_off(off);
    set_names_that_count();
  }
  bool attached() const override { return link_ != nullptr; }

  Result<void> attach() override {
    if (link_ != nullptr) return {};
    if (!support_.available) return fail(Error::Code::Unsupported, support_.reason);
    if (auto known = know_topology(); !known) return known;
    clear_counters();
    signals_.read_gpu_cards();
    auto link = scheduler_.attach_struct_ops("gamesched_ops");
    if (!link) return std::unexpected(link.error());
    link_ = *link;
    links_last_file_ = UniqueFd(::fcntl(bpf_link__fd(link_), F_DUPFD_CLOEXEC, above_the_hooks));
    return {};
  }

  // Each lock that somebody waits for runs it, so only while we are attached. Without it such waits are as long as before.
  void settle() override {
    if (link_ == nullptr || locks_link_ != nullptr) return;
    const auto locks = scheduler_.attach_program(locks_program);
    locks_link_ = locks.value_or(nullptr);
    if (!locks && !std::exchange(told_of_locks_, true)) note("locks", std::unexpected(locks.error()));
  }

  void detach() override {
    drop_link();
    dispatch_events();
  }

  SchedState state() const override {
    SchedState state;
    const std::string word = sysfs_line(sched_ext_dir / "state");
    using Value = SchedState::Value;
    if (word == "disabled") state.value = Value::Disabled;
    if (word == "enabling") state.value = Value::Enabling;
    if (word == "enabled") state.value = Value::Enabled;
    if (word == "disabling") state.value = Value::Disabling;
    state.ops = sysfs_line(sched_ext_dir / "root" / "ops");
    const std::string seq = sysfs_line(sched_ext_dir / "enable_seq");
    std::from_chars(seq.data(), seq.data() + seq.size(), state.enable_seq);
    return state;
  }

  Result<void> add_game(uint32_t game_id, pid_t tgid) override {
    if (!process_.loaded()) return {};  // unsupported: games are known, nobody schedules them
    return processes_.add_game(game_id, tgid).transform([&] {
      games_.set(game_id);
      games_changed();
    });
  }
  void remove_game(uint32_t game_id) override {
    if (!process_.loaded() || game_id > GS_MAX_GAMES) return;
    processes_.remove_game(game_id);
    games_.reset(game_id);
    games_changed();
  }

  void set_foreground_game(uint32_t game_id) override {
    if (shared_ != nullptr) __atomic_store_n(&shared_->foreground_game, game_id, __ATOMIC_RELAXED);
  }

  std::vector<uint32_t> input_questions() const override { return input_reader_.questions(); }
  void answer_input(const std::vector<InputAnswer>& answers) override {
    if (!input_.loaded() || !input_reader_.answer(answers)) return;
    __atomic_add_fetch(input_.global<unsigned>("devices_generation"), 1, __ATOMIC_RELEASE);
  }

  void set_parked(uint32_t game_id, bool parked) override {
    if (!process_.loaded()) return;
    processes_.set_parked(game_id, parked);
    games_changed();
  }
  uint32_t game_of(pid_t tgid) const override { return process_.loaded() ? processes_.game_of(tgid) : 0; }
  void set_exec_filter(const ExecFilter& filter) override {
    if (process_.loaded()) processes_.set_filter(filter);
  }
  void watch_launcher(pid_t tgid) override {
    if (process_.loaded()) processes_.watch_launcher(tgid);
  }
  void add_audio_server(pid_t tgid) override {
    if (!process_.loaded()) return;
    processes_.add_audio_server(tgid);
    games_changed();
  }

  void set_tunables(const TunableValues& values) override {
    auto* const tunables = scheduler_.global<gs_tunables>("tunables");
    const auto value_of = [&](std::string_view name, uint64_t otherwise) {
      const auto found = values.find(name);
      return found == values.end() ? otherwise : found->second;
    };
#define TUNABLE(name, value, minimum, maximum, why) tunables->name = value_of(#name, value);
#include "bpf/shared/tunables.def"
#undef TUNABLE
    set_windows();
  }

  Result<ThreadFacts> explain(int pidfd) const override {
    if (!process_.loaded())
      return fail(Error::Code::Unsupported, "The kernel's side of gamesched is not loaded.");
    task_ctx thread{};
    if (bpf_map_lookup_elem(process_.map_fd("task_ctxs"), &pidfd, &thread) != 0) {
      if (errno == ESRCH) return fail(Error::Code::NoSuchProcess, "The thread has ended.");
      if (errno != ENOENT) return fail_errno("cannot look at the thread", errno);
    }
    gs_game_state game_state{};
    const uint32_t game = thread.game;
    bpf_map_lookup_elem(process_.map_fd("game_states"), &game, &game_state);
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    ThreadFacts facts =
        describe(thread, game_state.period_ns,
                 static_cast<uint64_t>(now.tv_sec) * GS_SEC + static_cast<uint64_t>(now.tv_nsec));
    // Without it nobody is in a lane, and of the last time nothing is true any more.
    if (!attached() || thread.tid == 0) {
      facts.lane.clear();
      facts.evidence.clear();
    }
    return facts;
  }

  LaneThreads lane_threads() const override {
    LaneThreads found;
    if (!attached() || !lanes_.loaded()) return found;
    using Counts = std::array<std::array<unsigned, GS_NR_LANES>, GS_MAX_GAMES + 1>;
    auto& counts = const_cast<Counts&>(*const_cast<Object&>(lanes_).global<Counts>("lane_threads"));
    counts.fill({});
    if (!lanes_.run_iterator()) return found;
    for (uint32_t game = 1; game <= GS_MAX_GAMES; game++) {
      for (std::size_t lane = 0; lane < GS_NR_LANES; lane++)
        if (counts[game][lane] != 0) found[game][lane_names[lane]] = counts[game][lane];
    }
    return found;
  }

  std::vector<Counter> counters() const override {
    std::vector<Counter> sums;
    input_reader_.add_counters(sums);
    signals_.add_counters(sums);
    if (!scheduler_.loaded()) return sums;
    auto* cpus = const_cast<Object&>(scheduler_).global<std::array<gs_cpu_counters, GS_MAX_CPUS>>("counters");
    for (std::size_t i = 0; i < counter_names.size(); i++) {
      Counter counter{counter_names[i], 0};
      for (const gs_cpu_counters& cpu : const_cast<std::array<gs_cpu_counters, GS_MAX_CPUS>&>(*cpus))
        counter.value += static_cast<const volatile unsigned long long&>(cpu.value[i]);
      sums.push_back(std::move(counter));
    }
    add_waits(sums, const_cast<std::array<gs_cpu_counters, GS_MAX_CPUS>&>(*cpus));
    return sums;
  }

  int event_fd() const override { return ring_ != nullptr ? ring_buffer__epoll_fd(ring_) : -1; }
  void dispatch_events() override {
    if (ring_ == nullptr) return;
    ring_buffer__consume_n(ring_, Input::batch_max);
    input_reader_.batch_done(on_input_question, on_input_lost);
  }
  int state_event_fd() const override { return sched_events_.fd(); }
  void dispatch_state_events() override { sched_events_.drain(); }

 private:
  void note(const char* name, const Result<void>& result) {
    detectors_.push_back({name, result.has_value(), result ? "" : result.error().message});
  }

  Result<void> start_input() {
    if (ring_ == nullptr) return fail(Error::Code::System, "there is no memory for rings");
    if (auto started = input_reader_.start(input_, process_, ring_); !started) return started;
    return input_.attach_programs();
  }

  void set_windows() {
    auto* windows = input_.global<std::array<unsigned long long, 4>>("window_ns");
    const auto* tunables = scheduler_.global<gs_tunables>("tunables");
    auto& lengths = const_cast<std::array<unsigned long long, 4>&>(*windows);
    lengths = {tunables->window_keyboard_ns, tunables->window_mouse_ns, tunables->window_controller_ns,
               tunables->window_other_ns};
  }

  // What a thread's name says is believed where no hook can tell.
  void set_names_that_count() {
    const auto without = [&](const char* detector, unsigned named) {
      return signals_.attached(detector) ? 0U : named;
    };
    *scheduler_.global<unsigned>("names_that_count") = without("gpu", GS_NAMED_FRAME | GS_NAMED_COMPOSITOR) |
                                                       without("audio", GS_NAMED_AUDIO) |
                                                       without("network", GS_NAMED_NETWORK);
  }

  void load_scheduler(const Result<void>& process) {
    if (!file_exists(sched_ext_dir / "state")) {
      support_ = {false,
                  "This kernel has no sched_ext; use Linux 6.16 or later built with CONFIG_SCHED_CLASS_EXT."};
      return;
    }
    if (!process_.loaded()) {
      support_ = {false, for_people(process)};
      return;
    }
    set_names_that_count();
    scheduler_.share_maps_of(process_, shared_maps);
    scheduler_.attach_later(locks_program);
    const Result<void> loaded = scheduler_.load();
    support_ = {loaded.has_value(), loaded ? "" : for_people(loaded)};
    if (!loaded) return;
    know_topology();
    const_cast<unsigned&>(*scheduler_.global<unsigned>("daemon_tgid")) = static_cast<unsigned>(getpid());
    // Without it a killed daemon's scheduler stays for some more milliseconds, until its link is closed.
    (void)scheduler_.attach_programs();
    // For people who look. Without it they see less, and no game is the worse for it.
    lanes_.share_maps_of(process_, shared_maps);
    if (lanes_.load()) (void)lanes_.attach_programs();
  }

  static std::string for_people(const Result<void>& failed) {
    if (failed.has_value()) return {};
    if (failed.error().code == Error::Code::Permission)
      return "The kernel refused gamesched's BPF programs for lack of privilege; the service needs CAP_BPF "
             "and "
             "CAP_PERFMON, which its unit gives it.";
    return "This kernel does not take the scheduler; please report it with this: " + failed.error().message +
           ".";
  }

  // A game waits for the scheduler, so what is known of the CPUs is not read again before one comes or goes.
  Result<void> know_topology() {
    const std::string hotplugs = sysfs_line(sched_ext_dir / "hotplug_seq");
    if (!hotplugs.empty() && hotplugs == topology_hotplugs_) return {};
    auto topology = read_topology(cpu_dir);
    if (!topology) return std::unexpected(topology.error());
    // No scheduler is attached, so nobody reads these while they are written.
    const_cast<gs_topology&>(*scheduler_.global<gs_topology>("topology")) = *topology;
    topology_hotplugs_ = hotplugs;
    return {};
  }

  void drop_link() {
    links_last_file_.reset();
    if (link_ != nullptr) bpf_link__destroy(std::exchange(link_, nullptr));
    if (locks_link_ != nullptr) bpf_link__destroy(std::exchange(locks_link_, nullptr));
  }

  void clear_counters() {
    auto* cpus = scheduler_.global<std::array<gs_cpu_counters, GS_MAX_CPUS>>("counters");
    // Those of CPUs that this machine cannot have were never touched: a game waits meanwhile.
    const auto possible = static_cast<std::size_t>(std::clamp(libbpf_num_possible_cpus(), 1, GS_MAX_CPUS));
    std::fill_n(const_cast<std::array<gs_cpu_counters, GS_MAX_CPUS>&>(*cpus).begin(), possible,
                gs_cpu_counters{});
  }

  // "frame_waits_64us": waits of 32 to 64 us in the frame lane; "frame_longest_wait_ns".
  static void add_waits(std::vector<Counter>& sums, std::span<const gs_cpu_counters> cpus) {
    for (std::size_t lane = 0; lane < lane_names.size(); lane++) {
      Counter longest{std::string(lane_names[lane]) + "_longest_wait_ns", 0};
      for (const gs_cpu_counters& cpu : cpus)
        longest.value = std::max<uint64_t>(longest.value, cpu.longest_wait_ns[lane]);
      sums.push_back(std::move(longest));
      for (std::size_t bucket = 0; bucket < GS_WAIT_BUCKETS; bucket++) {
        Counter waits{std::string(lane_names[lane]) + "_waits_" + std::to_string(1ULL << bucket) + "us", 0};
        for (const gs_cpu_counters& cpu : cpus) waits.value += cpu.waits[lane][bucket];
        sums.push_back(std::move(waits));
      }
    }
  }

  // Threads look their game up again when the generation has changed.
  void games_changed() {
    if (shared_ == nullptr) return;
    *input_.global<unsigned>("nr_games") = static_cast<unsigned>(games_.count());
    __atomic_add_fetch(&shared_->games_generation, 1, __ATOMIC_RELEASE);
  }

  static int on_record(void* context, void* data, std::size_t size) {
    auto& self = *static_cast<KernelBackend*>(context);
    unsigned kind = 0;
    if (size < sizeof(kind)) return 0;
    std::memcpy(&kind, data, sizeof(kind));
    if (kind == GS_EVENT_SCHED_EXIT && size >= sizeof(gs_event))
      self.scheduler_left(*static_cast<const gs_event*>(data));
    if (kind == GS_EVENT_GPU_CARD) self.signals_.read_gpu_cards();
    return 0;
  }

  static int on_process_event(void* context, void* data, std::size_t size) {
    tell_process_event(data, size, *static_cast<KernelBackend*>(context));
    return 0;
  }

  void scheduler_left(const gs_event& event) {
    // enum scx_exit_kind and the codes beside it: include/linux/sched/ext.h, stable since 6.12.
    constexpr unsigned exit_unregistered = 64, exit_sysrq = 67, exit_error = 1024;
    constexpr long long code_restart = 1LL << 48;
    drop_link();
    ExitInfo info;
    info.restart = event.exit_kind < exit_error && (event.exit_code & code_restart) != 0;
    info.error = event.exit_kind > exit_unregistered && !info.restart;
    info.by_administrator = event.exit_kind == exit_sysrq;
    info.kind = event.exit_kind;
    info.exit_code = event.exit_code;
    info.reason.assign(event.reason, ::strnlen(event.reason, sizeof(event.reason)));
    info.message.assign(event.message, ::strnlen(event.message, sizeof(event.message)));
    if (on_exit) on_exit(info);
  }

  Object process_, input_, lanes_, scheduler_;
  Input input_reader_;
  Detectors signals_;
  SchedEvents sched_events_;
  ProcessTracker processes_{process_};
  std::string topology_hotplugs_;  // the count of CPUs that came and went when the topology was read
  Support support_;
  std::vector<DetectorStatus> detectors_;
  bpf_link* link_ = nullptr;
  bpf_link* locks_link_ = nullptr;
  bool told_of_locks_ = false;  // that they are not looked at
  UniqueFd links_last_file_;
  ring_buffer* ring_ = nullptr;
  gs_shared_state* shared_ = nullptr;
  std::bitset<GS_MAX_GAMES + 1> games_;  // by id
};

}  // namespace

std::unique_ptr<Backend> make_backend() {
  capture_libbpf_messages();
  return std::make_unique<KernelBackend>();
}

}  // namespace gamesched::kernel
