// SPDX-License-Identifier: GPL-2.0-or-later
//
// A game's job system at its plainest: one thread posts jobs of equal size and waits for all of them;
// W workers take them from a POSIX semaphore (a futex, nothing spins).
#pragma once

#include <semaphore.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace gamesched::workload {

class JobPool {
 public:
  // on_start runs first in every worker (name, scheduling policy).
  JobPool(unsigned workers, uint64_t job_iterations, const std::function<void()>& on_start);
  ~JobPool();
  JobPool(const JobPool&) = delete;
  JobPool& operator=(const JobPool&) = delete;

  // One caller at a time.
  void run_and_wait(unsigned jobs);

 private:
  void work();

  uint64_t job_iterations_;
  std::atomic<unsigned> remaining_ = 0;
  std::atomic<bool> stopping_ = false;
  sem_t posted_;
  sem_t finished_;
  std::vector<std::jthread> workers_;
};

}  // namespace gamesched::workload
