// SPDX-License-Identifier: GPL-2.0-or-later
//
// Job systems of games, each at its plainest: one thread has jobs of equal size done by W workers, and waits
// for all of them. They differ in who wakes whom, and nothing spins:
//
//   semaphore   workers take jobs from a POSIX semaphore, the last to finish posts another
//   queue       workers wait at a futex for a new generation of jobs and all wake at once; the caller takes
//               jobs as well, and often finds all done when it comes to wait
//   fibers      jobs, and the frame that waits for them, are fibers on W threads: the frame goes on wherever
//               its last job ended, and a job half on one thread, half on another
//   handover    each worker in turn does its part and wakes the next; every frame begins with another one
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace gamesched::workload {

class JobSystem {
 public:
  virtual ~JobSystem() = default;
  // One caller at a time.
  virtual void run_and_wait(unsigned jobs) = 0;
};

inline const std::vector<std::string> job_systems = {"semaphore", "queue", "fibers", "handover"};

// on_start runs first in every worker (name, scheduling policy). Workers live as long as the process.
std::unique_ptr<JobSystem> make_job_system(const std::string& kind, unsigned workers, uint64_t job_iterations,
                                           const std::function<void()>& on_start);

}  // namespace gamesched::workload
