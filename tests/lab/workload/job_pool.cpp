// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lab/workload/job_pool.h"

#include <cerrno>

#include "tests/lab/workload/spin.h"

namespace gamesched::workload {

namespace {
void wait_for(sem_t& semaphore) {
  while (sem_wait(&semaphore) < 0 && errno == EINTR) {
  }
}
}  // namespace

JobPool::JobPool(unsigned workers, uint64_t job_iterations, const std::function<void()>& on_start)
    : job_iterations_(job_iterations) {
  sem_init(&posted_, 0, 0);
  sem_init(&finished_, 0, 0);
  for (unsigned i = 0; i < workers; ++i) {
    workers_.emplace_back([this, on_start] {
      on_start();
      work();
    });
  }
}

JobPool::~JobPool() {
  stopping_ = true;
  for (size_t i = 0; i < workers_.size(); ++i) sem_post(&posted_);
  workers_.clear();
  sem_destroy(&posted_);
  sem_destroy(&finished_);
}

void JobPool::run_and_wait(unsigned jobs) {
  if (jobs == 0) return;
  remaining_ = jobs;
  for (unsigned i = 0; i < jobs; ++i) sem_post(&posted_);
  wait_for(finished_);
}

void JobPool::work() {
  for (;;) {
    wait_for(posted_);
    if (stopping_) return;
    spin(job_iterations_);
    if (remaining_.fetch_sub(1) == 1) sem_post(&finished_);
  }
}

}  // namespace gamesched::workload
