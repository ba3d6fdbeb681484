// SPDX-License-Identifier: GPL-2.0-or-later
//
// frameloop: a process that behaves like a game. Every thread has a random name: what a thread is can be
// told by what it does alone.
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "tests/lab/workload/frame.h"
#include "tests/lab/workload/game_threads.h"
#include "tests/lab/workload/gpu.h"
#include "tests/lab/workload/job_system.h"
#include "tests/lab/workload/options.h"
#include "tests/lab/workload/process.h"
#include "tests/lab/workload/streaming.h"
#include "tests/lab/workload/work_counter.h"

namespace gamesched::workload {
namespace {

struct Options {
  Control control;
  double hz = 60;
  double iterations_per_us = 0;
  double work_us = 1000;
  unsigned jobs = 0;
  std::string job_system = job_systems.front();
  unsigned workers = 4;
  double job_us = 150;
  unsigned streamers = 0;
  bool disk = false;
  uint64_t unit_iterations = 10'000;
  bool audio = false;
  double audio_us = 50;
  uint16_t net_port = 0;
  std::string gpu;
  std::string input_device;
  double input_us = 0;
  std::string live_path;
  std::string threads_path;
  bool realtime = false;
  std::optional<unsigned> first_cpu;
  bool raw = false;
  unsigned frames = 0;

  uint64_t iterations(double us) const { return static_cast<uint64_t>(us * iterations_per_us); }
};

// In a file where a path is given, so that others can watch; else private.
LiveTotals& map_live_totals(const std::string& path) {
  int flags = MAP_SHARED | MAP_ANONYMOUS;
  int file = -1;
  if (!path.empty()) {
    flags = MAP_SHARED;
    file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0 || ftruncate(file, sizeof(LiveTotals)) < 0) {
      throw std::system_error(errno, std::generic_category(), path);
    }
  }
  void* memory = mmap(nullptr, sizeof(LiveTotals), PROT_READ | PROT_WRITE, flags, file, 0);
  if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
  if (file >= 0) close(file);
  return *new (memory) LiveTotals;
}

// Everything the process consists of, made in the order it depends on each other.
class Game {
 public:
  explicit Game(const Options& options) : options_(options), live_(map_live_totals(options.live_path)) {
    if (!options.input_device.empty())
      input_ = std::make_unique<Input>(options.input_device, options.iterations(options.input_us));
    if (!options.gpu.empty()) gpu_ = std::make_unique<Gpu>(options.gpu);
    if (options.net_port != 0) net_ = std::make_unique<Net>(options.net_port);
    if (options.audio) audio_ = std::make_unique<Audio>(options.iterations(options.audio_us));
    if (options.jobs > 0) {
      job_system_ = make_job_system(options.job_system, options.workers, options.iterations(options.job_us),
                                    [this] { begin_frame_thread(); });
    }
    if (options.disk) streaming_ = std::make_unique<Streaming>(options.iterations(1000));
    const FrameWork work{.iterations = options.iterations(options.work_us),
                         .jobs = options.jobs,
                         .job_system = job_system_.get(),
                         .streaming = streaming_.get(),
                         .input = input_.get(),
                         .gpu = gpu_.get()};
    constexpr size_t most_seconds = 60;
    const auto most_frames =
        options.frames > 0 ? options.frames : static_cast<size_t>(most_seconds * options.hz);
    loop_ = std::make_unique<FrameLoop>(options.hz, work, most_frames);
    streamed_.resize(options.streamers);
  }

  // Returns whether the interval was known in time.
  bool play() {
    std::vector<std::jthread> threads;
    const auto start = [&](auto body) {
      threads.emplace_back([this, body] {
        begin_frame_thread();
        body();
      });
    };
    for (auto& counter : streamed_) {
      threads.emplace_back([&] {
        begin_other_thread("streamer");
        counter.run(interval_, options_.unit_iterations);
      });
    }
    if (audio_) start([this] { audio_->run(interval_); });
    if (net_) start([this] { net_->run(interval_); });
    if (streaming_) {
      for (const auto& [role, body] :
           {std::pair("reader", &Streaming::read), std::pair("unpacker", &Streaming::unpack),
            std::pair("loader", &Streaming::load)}) {
        std::thread([this, role, body] {
          begin_other_thread(role);
          (streaming_.get()->*body)();
        }).detach();
      }
    }
    // Not joined: it may wait for an event that never comes. The process ends without it.
    if (input_) {
      std::thread([this] {
        begin_frame_thread();
        input_->run(interval_);
      }).detach();
    }
    start([this] { loop_->run(interval_, live_); });
    if (!options_.threads_path.empty()) tell_threads();
    const bool in_time = options_.control.announce_and_arm(interval_);
    if (options_.first_cpu) spread_over_cpus();
    threads.back().join();  // with --frames the loop may end before the interval
    if (!interval_.over(now_ns())) interval_.set(interval_.start_ns(), now_ns());
    threads.clear();
    return in_time;
  }

  nlohmann::json report() const {
    nlohmann::json result = {{"pid", getpid()}, {"hz", options_.hz}, {"frame", loop_->report(options_.raw)}};
    result["interval_ns"] = interval_.stop_ns() - interval_.start_ns();
    result["frame"]["work_us"] = options_.work_us + options_.jobs * options_.job_us;
    if (audio_) result["audio"] = audio_->report(options_.raw);
    if (net_) result["net"] = net_->report(options_.raw);
    if (input_) result["input"] = input_->report(options_.raw);
    uint64_t units = 0;
    int64_t cpu_ns = 0;
    int64_t wait_ns = 0;
    for (const auto& counter : streamed_) {
      units += counter.units;
      cpu_ns += counter.cpu_ns;
      wait_ns = std::max(wait_ns, counter.longest_wait_ns(interval_));
    }
    result["streamers"] = {
        {"units", units}, {"cpu_ns", cpu_ns}, {"longest_wait_ms", static_cast<double>(wait_ns) / ns_per_ms}};
    return result;
  }

 private:
  // Just before the interval, when a scheduler that learns has learned: until then threads may have moved.
  void spread_over_cpus() const {
    constexpr int64_t bound_ns = 100'000'000, settled_ns = 50'000'000;
    sleep_until_ns(interval_.start_ns() - settled_ns - bound_ns);
    const std::scoped_lock lock(tids_lock_);
    for (unsigned i = 0; i < frame_tids_.size(); i++) bind_to_cpu(frame_tids_[i], *options_.first_cpu + i);
    sleep_until_ns(interval_.start_ns() - settled_ns);
    for (const pid_t tid : frame_tids_) unbind(tid);
  }

  // A thread that the frame, the ear or the hand waits for: exactly those are SCHED_RR with --rr.
  void begin_frame_thread() const {
    hide_name();
    if (options_.realtime) set_realtime(SCHED_RR, 1);
    const std::scoped_lock lock(tids_lock_);
    frame_tids_.push_back(gettid());
  }
  // Any other; its role is for who reads --threads.
  void begin_other_thread(const char* role) const {
    hide_name();
    const std::scoped_lock lock(tids_lock_);
    other_tids_.emplace_back(role, gettid());
  }
  // When all have begun.
  void tell_threads() const {
    const size_t others = options_.streamers + (options_.disk ? 3 : 0);
    const size_t frame_threads = 1 + (options_.jobs > 0 ? options_.workers : 0) + options_.audio +
                                 (net_ != nullptr) + (input_ != nullptr);
    for (;; sleep_until_ns(now_ns() + ns_per_ms)) {
      const std::scoped_lock lock(tids_lock_);
      if (frame_tids_.size() < frame_threads || other_tids_.size() < others) continue;
      nlohmann::json threads = {{"frame", frame_tids_}};
      for (const auto& [role, tid] : other_tids_) threads[role].push_back(tid);
      std::ofstream(options_.threads_path) << threads << std::endl;
      return;
    }
  }

  const Options& options_;
  Interval interval_;
  LiveTotals& live_;
  std::unique_ptr<Gpu> gpu_;
  std::unique_ptr<Input> input_;
  std::unique_ptr<Net> net_;
  std::unique_ptr<Audio> audio_;
  std::unique_ptr<JobSystem> job_system_;
  std::unique_ptr<Streaming> streaming_;
  std::unique_ptr<FrameLoop> loop_;
  std::vector<WorkCounter> streamed_;
  mutable std::mutex tids_lock_;
  mutable std::vector<pid_t> frame_tids_;
  mutable std::vector<std::pair<std::string, pid_t>> other_tids_;
};

void add_options(CLI::App& app, Options& options) {
  add_control_options(app, options.control);
  app.add_option("--iterations-per-us", options.iterations_per_us, "As printed by calibrate")->required();
  app.add_option("--hz", options.hz, "Refreshes a second")->check(CLI::Range(1.0, 1000.0));
  app.add_option("--frames", options.frames, "End after so many frames");
  app.add_option("--work-us", options.work_us, "Work of the frame's own thread, on an idle machine");
  app.add_option("--jobs", options.jobs, "Jobs a frame");
  app.add_option("--job-system", options.job_system, "Who wakes whom (see job_system.h)")
      ->check(CLI::IsMember(job_systems));
  app.add_option("--workers", options.workers, "Threads that do them")->check(CLI::Range(1, 64));
  app.add_option("--job-us", options.job_us, "Work of one job");
  app.add_option("--streamers", options.streamers, "Threads that load assets without end")
      ->check(CLI::Range(0, 64));
  app.add_flag("--disk", options.disk, "Threads that load assets from a disk and unpack them");
  app.add_option(
      "--threads", options.threads_path,
      "Write here, before the interval, the threads by role: frame, streamer, reader, unpacker, loader");
  app.add_option("--unit-iterations", options.unit_iterations, "Work of one unit of a streamer");
  app.add_flag("--audio", options.audio, "A call-back each 256 frames at 44.1 kHz");
  app.add_option("--audio-us", options.audio_us, "Work of one call-back");
  app.add_option("--net", options.net_port, "UDP at 60 Hz to an echo at this port of the loopback device");
  app.add_option("--gpu", options.gpu, "Give each frame to this card, which is vgem's (/dev/dri/cardN)");
  app.add_option("--input", options.input_device, "Read this evdev device");
  app.add_option("--input-us", options.input_us, "Work of the thread that reads it, after each read");
  app.add_option("--live", options.live_path, "Keep running totals in this file (see frame.h)");
  app.add_flag("--rr", options.realtime, "SCHED_RR for every thread but the streamers");
  app.add_option("--first-cpu", options.first_cpu,
                 "The threads that a frame waits for enter the interval on this CPU, the next, and so on; "
                 "they may leave");
  app.add_flag("--raw", options.raw, "Report every sample");
}

}  // namespace
}  // namespace gamesched::workload

int main(int argc, char** argv) {
  using namespace gamesched::workload;
  static Options options;
  CLI::App app{"A game-like frame loop that measures itself"};
  add_options(app, options);
  CLI11_PARSE(app, argc, argv);
  try {
    prepare_process();
    // Outlives main: the input thread may still be in read() when the process ends.
    static Game& game = *new Game(options);
    const bool in_time = game.play();
    auto result = game.report();
    result["in_time"] = in_time;
    options.control.write(result.dump());
  } catch (const std::exception& error) {
    std::cerr << "frameloop: " << error.what() << '\n';
    std::_Exit(1);
  }
  std::_Exit(0);
}
