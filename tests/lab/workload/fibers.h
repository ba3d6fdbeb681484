// SPDX-License-Identifier: GPL-2.0-or-later
//
// Fibers: pieces of work that leave their thread in the middle and go on, later, on any other. See
// job_system.h for what they are here.
#pragma once

#include <ucontext.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "tests/lab/workload/posix_semaphore.h"

namespace gamesched::workload {

class Fibers {
 public:
  explicit Fibers(uint64_t job_iterations) : job_iterations_(job_iterations) {}

  // A worker's: waits for a fiber that can go on, and runs it until it leaves.
  void run_next();
  // The caller's thread sleeps meanwhile.
  void run_and_wait(unsigned jobs);

 private:
  enum class Left { ToGoOn, ForJobs, JobDone, FrameDone };
  struct Fiber {
    ucontext_t context{};
    ucontext_t* thread = nullptr;  // of who runs it; a thread-local would be that of the thread it began on
    Left left = Left::ToGoOn;
    std::vector<char> stack = std::vector<char>(64 * 1024);
  };

  std::unique_ptr<Fiber> make();
  // makecontext() hands on integers alone: the halves of two addresses.
  static void enter(unsigned fibers_high, unsigned fibers_low, unsigned fiber_high, unsigned fiber_low);
  void leave(Fiber& fiber, Left how);
  void job(Fiber& fiber);
  void frame(Fiber& fiber);
  void ready(Fiber* fiber);

  uint64_t job_iterations_;
  std::mutex lock_;
  std::deque<Fiber*> ready_;
  unsigned remaining_ = 0, wanted_ = 0;
  bool frame_waits_ = false;
  Semaphore runnable_, finished_;
  std::unique_ptr<Fiber> frame_;
  std::vector<std::unique_ptr<Fiber>> jobs_;
};

}  // namespace gamesched::workload
