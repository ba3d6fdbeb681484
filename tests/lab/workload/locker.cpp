// SPDX-License-Identifier: GPL-2.0-or-later
//
// locker: a game whose frame thread needs something of a thread that never sleeps (it streams): the lock which
// that one holds for a part of its time, a lock of the kernel's that it holds in system calls (the memory map's, or
// that of a file's position), or its answer through a pipe. Reports how long the frame thread waited for that; the
// streaming thread has to run meanwhile.
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <iostream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <system_error>
#include <thread>

#include "tests/lab/workload/options.h"
#include "tests/lab/workload/process.h"
#include "tests/lab/workload/slots.h"
#include "tests/lab/workload/spin.h"
#include "tests/lab/workload/summary.h"

namespace gamesched::workload {
namespace {

struct Options {
  Control control;
  bool pipe = false;
  bool map = false;
  bool file = false;
  unsigned hz = 60;
  uint64_t held_iterations = 50'000;
  uint64_t own_iterations = 200'000;
};

class Locker {
 public:
  explicit Locker(const Options& options) : options_(options), waits_(100'000) {
    if (::pipe(pipe_) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    if (options.map) region_ = map(region_size());
    if (options.file) {
      region_ = map(region_size());
      file_ = ::open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
      if (file_ < 0 || ::write(file_, region_, region_size()) != static_cast<ssize_t>(region_size()))
        throw std::system_error(errno, std::generic_category(), "file");
    }
  }

  void stream() {
    hide_name();
    while (!interval_.over(now_ns())) {
      // Before, the frame thread has to be known by its beat.
      if ((options_.map || options_.file) && !interval_.contains(now_ns())) {
        spin(options_.own_iterations);
      } else if (options_.map) {
        ::mprotect(region_, region_size(), PROT_READ);
        ::mprotect(region_, region_size(), PROT_READ | PROT_WRITE);
      } else if (options_.file) {
        ::lseek(file_, 0, SEEK_SET);
        if (::read(file_, region_, region_size()) < 0)
          throw std::system_error(errno, std::generic_category(), "read");
        spin(options_.own_iterations);
      } else if (options_.pipe) {
        spin(options_.own_iterations / 16);
        if (!asked_.exchange(false)) continue;
        spin(options_.held_iterations);
        answer();
      } else {
        {
          const std::scoped_lock lock(mutex_);
          spin(options_.held_iterations);
        }
        spin(options_.own_iterations);
      }
    }
    answer();
  }

  void draw() {
    hide_name();
    const Slots slots{.first_ns = now_ns(), .period_ns = static_cast<int64_t>(ns_per_s / options_.hz)};
    for (int64_t slot = 1; !interval_.over(slots.start_ns(slot)); slot = slots.next_after(slot, now_ns())) {
      sleep_until_ns(slots.start_ns(slot));
      const int64_t begin_ns = now_ns();
      fetch();
      if (interval_.contains(begin_ns)) waits_.add(now_ns() - begin_ns);
    }
  }

  int run() {
    prepare_process();
    std::jthread streamer([this] { stream(); }), drawer([this] { draw(); });
    const bool in_time = options_.control.announce_and_arm(interval_);
    drawer.join();
    streamer.join();
    options_.control.write(nlohmann::json({{"in_time", in_time}, {"wait", waits_.summary(false)}}).dump());
    return 0;
  }

 private:
  // To copy it takes long, and to change what may be done with its pages less so.
  size_t region_size() const { return options_.file ? 1 << 17 : 16 << 20; }

  // In small pages, all there.
  static void* map(size_t size) {
    void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | (size > 1 ? MAP_POPULATE : 0), -1, 0);
    if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    return memory;
  }

  void answer() {
    const char byte = 0;
    if (::write(pipe_[1], &byte, 1) != 1) throw std::system_error(errno, std::generic_category(), "write");
  }

  void fetch() {
    if (options_.map) {
      ::munmap(map(1), 1);
      return;
    }
    if (options_.file) {
      char byte;
      if (::read(file_, &byte, 1) < 0) throw std::system_error(errno, std::generic_category(), "read");
      return;
    }
    if (!options_.pipe) {
      const std::scoped_lock lock(mutex_);
      return;
    }
    asked_ = true;
    char byte;
    while (::read(pipe_[0], &byte, 1) < 0 && errno == EINTR) {
    }
  }

  const Options& options_;
  Interval interval_;
  Samples waits_;
  std::mutex mutex_;
  std::atomic<bool> asked_ = false;
  int pipe_[2];
  void* region_ = nullptr;
  int file_ = -1;
};

}  // namespace
}  // namespace gamesched::workload

int main(int argc, char** argv) {
  gamesched::workload::Options options;
  CLI::App app{"A game that waits for a thread of its own which never sleeps"};
  gamesched::workload::add_control_options(app, options.control);
  app.add_flag("--pipe", options.pipe, "For its answer through a pipe, not for its lock");
  app.add_flag("--map", options.map, "For the lock of the memory map");
  app.add_flag("--file", options.file, "For the lock of a file's position");
  app.add_option("--hz", options.hz, "Frames a second")->check(CLI::Range(1U, 1000U));
  app.add_option("--held-iterations", options.held_iterations,
                 "Work with the lock held, or before the answer");
  app.add_option("--own-iterations", options.own_iterations, "Work between");
  CLI11_PARSE(app, argc, argv);
  try {
    return gamesched::workload::Locker(options).run();
  } catch (const std::exception& error) {
    std::cerr << "locker: " << error.what() << '\n';
    return 1;
  }
}
