// SPDX-License-Identifier: GPL-2.0-or-later
//
// input-bench WHAT...: what an input event costs, and how long it takes to the daemon, on this machine. One JSON
// object on standard output, with a member for each WHAT; times are nanoseconds. Needs root and uinput; no other
// gamesched may run. All that is asked for in one run shares one load of the BPF objects, since the verifier is
// what takes longest here.
//
//   cost        the hook's mean time in each of its paths, an empty program at the same hook subtracted
//   flood       a million events, the reader away for ten seconds in the middle: are all accounted for?
//   daemon      event to handler, and the processor time of the service's own loop at 8000 packets a second
//   compare     ways to read the rings, each under the same events; compare-once: a single round
//   snapshot    reading a counter from the page, from a snapshot, by copying all counters of 256 CPUs
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <csignal>
#include <cstring>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "bpf/policy/window.h"
#include "bpf/shared/abi.h"
#include "service/kernel/loader.h"
#include "service/kernel/tunables.h"
#include "service/loop/loop.h"
#include "service/metrics/publisher.h"
#include "tests/lab/kernel/bpf_cost.h"
#include "tests/lab/kernel/ring_consumer.h"
#include "tests/lab/workload/virtual_mouse.h"

namespace gamesched::lab {
namespace {

using workload::VirtualMouse;

using nlohmann::json;

constexpr uint32_t game = 1;
constexpr int64_t ns_per_s = 1'000'000'000;
const char* const hook_function = "input_handle_event";

int64_t clock_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return now.tv_sec * ns_per_s + now.tv_nsec;
}
int64_t now_ns() {
  return clock_ns(CLOCK_MONOTONIC);
}

void sleep_until(int64_t time_ns) {
  const timespec until{.tv_sec = time_ns / ns_per_s, .tv_nsec = time_ns % ns_per_s};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
}

void real_time(int priority) {
  const sched_param parameters{.sched_priority = priority};
  ::sched_setscheduler(0, SCHED_RR, &parameters);
}

class PinnedTo {
 public:
  explicit PinnedTo(int cpu) {
    ::sched_getaffinity(0, sizeof(before_), &before_);
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    ::sched_setaffinity(0, sizeof(set), &set);
  }
  ~PinnedTo() { ::sched_setaffinity(0, sizeof(before_), &before_); }
  PinnedTo(const PinnedTo&) = delete;
  PinnedTo& operator=(const PinnedTo&) = delete;

 private:
  cpu_set_t before_;
};

// Calls action(i) `times` times, `period_ns` apart.
template <typename Action>
void paced(int times, int64_t period_ns, const Action& action) {
  int64_t at = now_ns();
  for (int i = 0; i < times; i++) {
    sleep_until(at);
    action(i);
    at += period_ns;
  }
}

double percentile(std::vector<int64_t> samples, double p) {
  if (samples.empty()) return NAN;
  std::sort(samples.begin(), samples.end());
  const auto rank = static_cast<std::size_t>(std::ceil(p * static_cast<double>(samples.size()) / 100));
  return static_cast<double>(samples[std::max<std::size_t>(rank, 1) - 1]);
}

// The service's kernel side, with a game: this process.
class Kernel {
 public:
  Kernel() : backend(kernel::make_backend()) {
    backend->load();
    for (const auto& detector : backend->detectors())
      if (detector.name == "input" && !detector.attached)
        throw std::runtime_error("the input detector: " + detector.reason);
  }
  void begin_game() { backend->add_game(game, getpid()).value(); }
  void end_game() { backend->remove_game(game); }
  json counters() const {
    json table = json::object();
    for (const auto& counter : backend->counters()) table[counter.name] = counter.value;
    return table;
  }
  int64_t counter(const char* name) const { return counters().at(name).get<int64_t>(); }
  void drain() {
    for (int64_t before = -1; before != counter("input_records");) {
      before = counter("input_records");
      backend->dispatch_events();
    }
  }

  std::unique_ptr<kernel::Backend> backend;
};

json cost(Kernel& kernel) {
  kernel.end_game();
  const PinnedTo pinned(0);
  const int hook = program_named("input_event_hook");
  const EmptyProgram empty(hook_function);
  const Statistics statistics;
  json result;
  // Mean of the hook in a phase, without what measuring takes.
  const auto phase = [&](const char* name, auto&& events) {
    const Cost hook_before = cost_of(hook), empty_before = empty.cost();
    events();
    const Cost of_hook = cost_of(hook) - hook_before, of_empty = empty.cost() - empty_before;
    result[name] = {{"mean_ns", of_hook.mean_ns() - of_empty.mean_ns()},
                    {"empty_ns", of_empty.mean_ns()},
                    {"events", of_hook.runs},
                    {"not_run", of_hook.recursion_misses}};
    kernel.drain();
  };
  VirtualMouse mouse;
  phase("without_game", [&] { paced(500, ns_per_s / 1000, [&](int) { mouse.move(); }); });
  kernel.begin_game();
  {
    std::vector<std::unique_ptr<VirtualMouse>> mice;
    for (int i = 0; i < 40; i++) mice.push_back(std::make_unique<VirtualMouse>());
    // What the kernel does about new devices takes other CPUs' time, and here all share one clock.
    sleep_until(now_ns() + ns_per_s);
    phase("first_sight",
          [&] { paced(40, ns_per_s / 100, [&](int i) { mice[static_cast<std::size_t>(i)]->half(); }); });
    // Below high-rate mode, every event with a look-up: two devices, 100 packets a second each; and four that
    // move so seldom that there is a record for each event, too.
    phase("slow_hit",
          [&] { paced(400, ns_per_s / 200, [&](int i) { mice[static_cast<std::size_t>(i % 2)]->move(); }); });
    for (int i = 0; i < 4; i++) mice[static_cast<std::size_t>(i)]->half();  // each has its slot
    sleep_until(now_ns() + 2 * ns_per_s);
    phase("record",
          [&] { paced(100, ns_per_s / 2, [&](int i) { mice[static_cast<std::size_t>(i % 4)]->half(); }); });
    // 40 devices of which 3 are active: the others touched now and then.
    const json before = kernel.counters();
    paced(2000, ns_per_s / 300, [&](int i) {
      mice[static_cast<std::size_t>(i % 200 == 0 ? 3 + (i / 200) * 7 % 37 : i % 3)]->move();
    });
    kernel.drain();
    const json after = kernel.counters();
    const auto grown = [&](const char* name) {
      return after.at(name).get<double>() - before.at(name).get<double>();
    };
    result["lru_hit_rate"] = 1 - grown("input_device_cache_misses") / grown("input_events");
  }
  paced(2000, ns_per_s / 8000, [&](int) { mouse.move(); });
  phase("fast", [&] { paced(8000, ns_per_s / 8000, [&](int) { mouse.move(); }); });
  return result;
}

json flood(Kernel& kernel) {
  auto* const shared = static_cast<const gs_shared_state*>(
      ::mmap(nullptr, sizeof(gs_shared_state), PROT_READ, MAP_SHARED, map_named("shared_state"), 0));
  if (shared == MAP_FAILED) throw std::runtime_error("cannot map shared_state");
  // The window reaches so far past the time of the packet that opened it.
  const auto window_ns = kernel::find_tunable("window_mouse_ns")->value;
  constexpr int64_t events = 1'000'000;
  constexpr int packets = events / VirtualMouse::events_a_move + 1;
  // One CPU for one reader: the ring is full soon after the reader has gone.
  std::vector<std::unique_ptr<VirtualMouse>> mice;
  for (int i = 0; i < 12; i++) mice.push_back(std::make_unique<VirtualMouse>());
  const json before = kernel.counters();
  std::atomic<bool> stop = false, away = false;
  std::thread reader([&] {
    real_time(1);
    while (!stop) {
      if (away) sleep_until(now_ns() + 10 * ns_per_s), away = false;
      kernel.backend->dispatch_events();
      sleep_until(now_ns() + 1'000'000);
    }
  });
  int missed = 0;
  for (int i = 0; i < packets; i++) {
    if (i == packets / 2) away = true;
    const uint64_t written = static_cast<uint64_t>(now_ns());
    mice[static_cast<std::size_t>(i) % mice.size()]->move();
    const uint64_t until =
        *static_cast<const volatile unsigned long long*>(&shared->window_until_ns[GS_INPUT_MOUSE]);
    if (until < written + window_ns) missed++;
  }
  while (away) sleep_until(now_ns() + 10'000'000);
  stop = true;
  reader.join();
  kernel.drain();
  const json after = kernel.counters();
  const auto grown = [&](const char* name) {
    return after.at(name).get<int64_t>() - before.at(name).get<int64_t>();
  };
  return {{"sent", int64_t{packets} * VirtualMouse::events_a_move},
          {"seen", grown("input_events")},
          {"delivered", grown("input_events_delivered")},
          {"dropped", grown("input_events_dropped")},
          {"pending", grown("input_events_pending")},
          {"boost_missed", missed}};
}

// Reads all rings with one of the ways until the events are over. Latencies of records, and its processor
// time.
json read_rings(Way way, bool prefetch, const auto& events) {
  std::vector<std::unique_ptr<RawRing>> rings;
  for (int i = 0; i < GS_INPUT_RINGS; i++)
    rings.push_back(std::make_unique<RawRing>(map_named("input_ring", i), GS_INPUT_RING_BYTES));
  const std::unique_ptr<Waiter> waiter = make_waiter(way, rings);
  if (!waiter) return nullptr;
  std::vector<int64_t> took;
  took.reserve(1 << 18);
  std::atomic<bool> stop = false;
  int64_t cpu_ns = 0, records = 0, wakes = 0;
  std::atomic<bool> ready = false;
  std::thread reader([&] {
    real_time(1);
    const int64_t begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    ready = true;
    const auto drain = [&] {
      std::size_t taken = 0;
      for (const auto& ring : rings)
        taken += ring->drain(prefetch, [&](const void* data) {
          const auto* record = static_cast<const gs_input_record*>(data);
          if (record->kind == GS_INPUT_EVENTS)
            took.push_back(now_ns() - static_cast<int64_t>(record->time_ns));
        });
      records += static_cast<int64_t>(taken);
      std::atomic_thread_fence(std::memory_order_seq_cst);
      return taken;
    };
    while (!stop) {
      waiter->wait();
      wakes++;
      // What tells of changes only must be read until nothing is left: the kernel rings no bell for a record
      // that comes while others wait. Level-triggered the next wait() says so.
      while (drain() > 0 && way != Way::EpollLevel) continue;
    }
    // The last events' records are this way's too, not the next one's.
    while (drain() > 0) continue;
    cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin;
  });
  while (!ready) std::this_thread::yield();
  events();
  stop = true;
  waiter->wake();
  reader.join();
  return {
      {"cpu_ns_a_record", records == 0 ? NAN : static_cast<double>(cpu_ns) / static_cast<double>(records)},
      {"records", records},
      {"wakes", wakes},
      {"p50_ns", percentile(took, 50)},
      {"p99_ns", percentile(took, 99)}};
}

// More devices than a CPU's cache has slots: on one CPU each is new to its slot, and has a record for each event.
class OneRecordAnEvent {
 public:
  OneRecordAnEvent() {
    for (std::size_t i = 0; i < GS_INPUT_SLOTS + 1; i++) mice_.push_back(std::make_unique<VirtualMouse>());
  }
  void send() { mice_[next_++ % mice_.size()]->half(); }

 private:
  std::vector<std::unique_ptr<VirtualMouse>> mice_;
  std::size_t next_ = 0;
};

json compare(Kernel& kernel, int rounds) {
  OneRecordAnEvent mice;
  // Single events; and bursts, as when the reader was held up.
  const auto singles = [&] {
    const PinnedTo pinned(0);
    paced(1000, ns_per_s / 500, [&](int) { mice.send(); });
  };
  const auto bursts = [&] {
    const PinnedTo pinned(0);
    paced(50, ns_per_s / 20, [&](int) {
      for (int i = 0; i < 64; i++) mice.send();
    });
  };
  singles();
  kernel.drain();
  json result;
  const struct {
    const char* name;
    Way way;
    bool prefetch;
  } ways[] = {{"epoll, level-triggered", Way::EpollLevel, false},
              {"epoll, level-triggered, prefetch", Way::EpollLevel, true},
              {"epoll, edge-triggered", Way::EpollEdge, false},
              {"io_uring", Way::IoUring, false},
              {"io_uring, prefetch", Way::IoUring, true}};
  for (int round = 0; round < rounds; round++)
    for (const auto& each : ways) {
      json row = {{"way", each.name}};
      row["singles"] = read_rings(each.way, each.prefetch, singles);
      row["bursts"] = read_rings(each.way, each.prefetch, bursts);
      result.push_back(row);
    }
  return result;
}

json daemon(Kernel& kernel) {
  json result;
  {
    // Exact latencies of single events, read as the service reads them.
    OneRecordAnEvent mice;
    result["latency"] = read_rings(Way::EpollLevel, false, [&] {
      const PinnedTo pinned(0);
      paced(1000, ns_per_s / 100, [&](int) { mice.send(); });
    });
  }
  kernel.drain();  // that these are gone
  VirtualMouse mouse;
  std::atomic<bool> stop = false, ready = false;
  int64_t cpu_ns = 0, idle_turns = 0, turns = 0;
  std::thread service([&] {
    real_time(1);
    Loop loop;
    Io events(loop, kernel.backend->event_fd(), EPOLLIN, Priority::Kernel, [&] {
      turns++;
      kernel.backend->dispatch_events();
    });
    ready = true;
    while (!stop) loop.run_once(100'000);
    cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  });
  while (!ready) std::this_thread::yield();
  const int64_t before = turns;
  sleep_until(now_ns() + ns_per_s);
  idle_turns = turns - before;
  const json counters = kernel.counters();
  const int64_t begin = now_ns();
  paced(16'000, ns_per_s / 8000, [&](int) { mouse.move(); });
  const int64_t wall_ns = now_ns() - begin;
  stop = true;
  service.join();
  result["idle_turns"] = idle_turns;
  result["turns"] = turns;
  result["events"] = kernel.counter("input_events") - counters.at("input_events").get<int64_t>();
  result["cpu_share"] = static_cast<double>(cpu_ns) / static_cast<double>(wall_ns);
  return result;
}

// A kernel with as many counters as the real one, which are not what is measured.
class Counters final : public kernel::Backend {
 public:
  void load() override {}
  kernel::Support support() const override { return {}; }
  std::vector<kernel::DetectorStatus> detectors() const override { return {}; }
  Result<void> attach() override { return {}; }
  void detach() override {}
  bool attached() const override { return false; }
  kernel::SchedState state() const override { return {}; }
  Result<void> add_game(uint32_t, pid_t) override { return {}; }
  void remove_game(uint32_t) override {}
  Result<kernel::ThreadFacts> explain(int) const override { return kernel::ThreadFacts{}; }
  void set_tunables(const kernel::TunableValues&) override {}
  std::vector<kernel::Counter> counters() const override {
    std::vector<kernel::Counter> all;
    for (int i = 0; i < 320; i++) all.push_back({"counter" + std::to_string(i), 1});
    return all;
  }
  int event_fd() const override { return -1; }
  void dispatch_events() override {}
};

template <typename Action>
double mean_ns(int times, const Action& action) {
  action();
  const int64_t begin = now_ns();
  for (int i = 0; i < times; i++) action();
  return static_cast<double>(now_ns() - begin) / times;
}

json snapshot() {
  Loop loop;
  Counters backend;
  metrics::Snapshots snapshots(backend);
  metrics::Publisher publisher(loop, snapshots);
  const UniqueFd fd = publisher.open(":1.1", 0).value();
  const auto& page = *static_cast<const metrics::Page*>(
      ::mmap(nullptr, sizeof(metrics::Page), PROT_READ, MAP_SHARED, fd.get(), 0));
  const auto at = metrics::find_entry(page, "counter300").value();
  uint64_t sum = 0;
  const double from_page = mean_ns(20'000, [&] {
    sum += metrics::read_consistent(page, [&] {
             return page.entries[at].value.load(std::memory_order_relaxed);
           }).value_or(0);
  });
  const double reference = mean_ns(20'000, [&] { sum += snapshots.get(1, UINT64_MAX)->counters[300].value; });
  std::vector<gs_cpu_counters> cpus(256), copy(256);
  const double copied = mean_ns(50, [&] {
    std::memcpy(copy.data(), cpus.data(), cpus.size() * sizeof(gs_cpu_counters));
    asm volatile("" : : "r"(copy.data()) : "memory");
    sum += copy[255].value[0];
  });
  return {{"page_ns", from_page}, {"reference_ns", reference}, {"copy_ns", copied}, {"sum", sum}};
}

int run(const std::vector<std::string>& wanted) {
  const std::map<std::string, std::function<json(Kernel&)>> parts = {
      {"cost", cost},
      {"flood", flood},
      {"daemon", daemon},
      {"compare", [](Kernel& kernel) { return compare(kernel, 2); }},
      {"compare-once", [](Kernel& kernel) { return compare(kernel, 1); }}};
  for (const std::string& what : wanted)
    if (what != "snapshot" && !parts.contains(what)) {
      std::cerr << "input-bench: nothing is called '" << what << "'; see the head of its source\n";
      return 2;
    }
  real_time(10);  // the writer's pacing is no artefact of what is measured
  std::unique_ptr<Kernel> kernel;
  json results = json::object();
  for (const std::string& what : wanted) {
    if (what == "snapshot") {
      results[what] = snapshot();
      continue;
    }
    if (!kernel) kernel = std::make_unique<Kernel>();
    kernel->begin_game();
    results[what] = parts.at(what)(*kernel);
    kernel->end_game();
    kernel->drain();
  }
  std::cout << results.dump() << std::endl;
  return 0;
}

}  // namespace
}  // namespace gamesched::lab

int main(int argc, char** argv) {
  try {
    return gamesched::lab::run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << "input-bench: " << error.what() << '\n';
    return 1;
  }
}
