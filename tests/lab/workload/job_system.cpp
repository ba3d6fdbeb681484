// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lab/workload/job_system.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <stdexcept>
#include <thread>

#include "tests/lab/workload/fibers.h"
#include "tests/lab/workload/posix_semaphore.h"
#include "tests/lab/workload/spin.h"

namespace gamesched::workload {
namespace {

void start(unsigned workers, const std::function<void()>& on_start,
           const std::function<void(unsigned)>& body) {
  for (unsigned i = 0; i < workers; ++i) {
    std::thread([on_start, body, i] {
      on_start();
      for (;;) body(i);
    }).detach();
  }
}

class SemaphorePool : public JobSystem {
 public:
  SemaphorePool(unsigned workers, uint64_t job_iterations, const std::function<void()>& on_start) {
    start(workers, on_start, [this, job_iterations](unsigned) {
      posted_.wait();
      spin(job_iterations);
      if (remaining_.fetch_sub(1) == 1) finished_.post();
    });
  }

  void run_and_wait(unsigned jobs) override {
    remaining_ = jobs;
    for (unsigned i = 0; i < jobs; ++i) posted_.post();
    finished_.wait();
  }

 private:
  std::atomic<unsigned> remaining_ = 0;
  Semaphore posted_, finished_;
};

class FutexQueue : public JobSystem {
 public:
  FutexQueue(unsigned workers, uint64_t job_iterations, const std::function<void()>& on_start)
      : job_iterations_(job_iterations) {
    start(workers, on_start, [this](unsigned) {
      const uint32_t generation = generation_;
      while (take()) work();
      wait_while(generation_, generation);
    });
  }

  void run_and_wait(unsigned jobs) override {
    unfinished_ = jobs;
    left_ = jobs;
    ++generation_;
    wake(generation_, INT_MAX);
    while (take()) work();
    while (const uint32_t unfinished = unfinished_) wait_while(unfinished_, unfinished);
  }

 private:
  using Word = std::atomic<uint32_t>;

  static void wait_while(Word& word, uint32_t value) {
    ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
  }
  static void wake(Word& word, int threads) {
    ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, threads, nullptr, nullptr, 0);
  }

  bool take() {
    uint32_t left = left_;
    while (left > 0 && !left_.compare_exchange_weak(left, left - 1)) {
    }
    return left > 0;
  }
  void work() {
    spin(job_iterations_);
    if (unfinished_.fetch_sub(1) == 1) wake(unfinished_, 1);
  }

  uint64_t job_iterations_;
  Word generation_ = 0, left_ = 0, unfinished_ = 0;
};

class Handover : public JobSystem {
 public:
  Handover(unsigned workers, uint64_t job_iterations, const std::function<void()>& on_start)
      : turns_(workers) {
    start(workers, on_start, [this, job_iterations](unsigned i) {
      turns_[i].wait();
      for (unsigned job = 0; job < jobs_each_; ++job) spin(job_iterations);
      if (--to_come_ == 0)
        finished_.post();
      else
        turns_[(i + 1) % turns_.size()].post();
    });
  }

  void run_and_wait(unsigned jobs) override {
    to_come_ = turns_.size();
    jobs_each_ = jobs / to_come_;
    turns_[first_++ % turns_.size()].post();
    finished_.wait();
  }

 private:
  std::vector<Semaphore> turns_;
  Semaphore finished_;
  std::size_t first_ = 0, to_come_ = 0, jobs_each_ = 0;
};

class FiberPool : public JobSystem {
 public:
  FiberPool(unsigned workers, uint64_t job_iterations, const std::function<void()>& on_start)
      : fibers_(job_iterations) {
    start(workers, on_start, [this](unsigned) { fibers_.run_next(); });
  }

  void run_and_wait(unsigned jobs) override { fibers_.run_and_wait(jobs); }

 private:
  Fibers fibers_;
};

}  // namespace

std::unique_ptr<JobSystem> make_job_system(const std::string& kind, unsigned workers, uint64_t job_iterations,
                                           const std::function<void()>& on_start) {
  if (kind == "semaphore") return std::make_unique<SemaphorePool>(workers, job_iterations, on_start);
  if (kind == "queue") return std::make_unique<FutexQueue>(workers, job_iterations, on_start);
  if (kind == "fibers") return std::make_unique<FiberPool>(workers, job_iterations, on_start);
  if (kind == "handover") return std::make_unique<Handover>(workers, job_iterations, on_start);
  throw std::invalid_argument("no job system is called " + kind);
}

}  // namespace gamesched::workload
