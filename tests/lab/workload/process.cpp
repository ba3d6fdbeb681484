// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lab/workload/process.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <random>
#include <system_error>

namespace gamesched::workload {

void prepare_process() {
  // The threads here use a few kilobytes; the default of 8 MiB each would be locked in full.
  constexpr size_t thread_stack_bytes = 256 * 1024;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, thread_stack_bytes);
  pthread_setattr_default_np(&attributes);
  pthread_attr_destroy(&attributes);
  if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0) {
    throw std::system_error(errno, std::generic_category(), "mlockall (page faults would be measured)");
  }
  hide_name();
}

void hide_name() {
  std::random_device random;
  char name[16];
  std::snprintf(name, sizeof name, "%08x", random());
  prctl(PR_SET_NAME, name);
}

void set_realtime(int policy, int priority) {
  const sched_param parameters{.sched_priority = priority};
  const int error = pthread_setschedparam(pthread_self(), policy, &parameters);
  if (error != 0) throw std::system_error(error, std::generic_category(), "real-time scheduling");
}

namespace {

cpu_set_t allowed_cpus() {
  cpu_set_t cpus;
  if (sched_getaffinity(getpid(), sizeof cpus, &cpus) < 0) {
    throw std::system_error(errno, std::generic_category(), "sched_getaffinity");
  }
  return cpus;
}

}  // namespace

void bind_to_cpu(pid_t tid, unsigned number) {
  const cpu_set_t all = allowed_cpus();
  auto left = number % static_cast<unsigned>(CPU_COUNT(&all));
  unsigned cpu = 0;
  while (!CPU_ISSET(cpu, &all) || left-- > 0) cpu++;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  sched_setaffinity(tid, sizeof one, &one);
}

void unbind(pid_t tid) {
  const cpu_set_t all = allowed_cpus();
  sched_setaffinity(tid, sizeof all, &all);
}

void die_with_parent() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
}

}  // namespace gamesched::workload
