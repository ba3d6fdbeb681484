// SPDX-License-Identifier: GPL-2.0-or-later
//
// POSIX's semaphore: a futex, and nothing spins (std::counting_semaphore does for a while).
#pragma once

#include <semaphore.h>

#include <cerrno>

namespace gamesched::workload {

class Semaphore {
 public:
  Semaphore() { sem_init(&semaphore_, 0, 0); }
  ~Semaphore() { sem_destroy(&semaphore_); }
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  void post() { sem_post(&semaphore_); }
  void wait() {
    while (sem_wait(&semaphore_) < 0 && errno == EINTR) {
    }
  }

 private:
  sem_t semaphore_;
};

}  // namespace gamesched::workload
