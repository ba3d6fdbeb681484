// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/loop/loop.h"

#include <sys/epoll.h>
#include <systemd/sd-daemon.h>

#include <cstdlib>
#include <ctime>
#include <system_error>
#include <utility>

#include "service/loop/pace.h"
#include "service/util/time.h"

namespace gamesched {
namespace {

void check(int result, const char* what) {
  if (result < 0) throw std::system_error(-result, std::generic_category(), what);
}

}  // namespace

Loop::Loop() {
  check(sd_event_new(&event_), "cannot create the event loop");
}

Loop::~Loop() {
  sd_event_unref(event_);
}

void Loop::rethrow() {
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
}

int Loop::run() {
  constexpr uint64_t forever = UINT64_MAX;
  const auto cpu_usec = [] { return clock_usec(CLOCK_THREAD_CPUTIME_ID); };
  Pace pace(monotonic_usec(), cpu_usec());
  while (sd_event_get_state(event_) != SD_EVENT_FINISHED) {
    run_once(forever);
    if (const uint64_t rest_usec = pace.rest_usec(monotonic_usec(), cpu_usec()); rest_usec > 0) {
      const timespec rest{.tv_sec = 0, .tv_nsec = static_cast<long>(rest_usec * 1'000)};
      clock_nanosleep(CLOCK_MONOTONIC, 0, &rest, nullptr);  // an early end costs nothing: the next turn rests
      pace.rested(monotonic_usec(), cpu_usec());
    }
  }
  int code = 0;
  check(sd_event_get_exit_code(event_, &code), "the event loop failed");
  return code;
}

bool Loop::run_once(uint64_t timeout_usec) {
  const int result = sd_event_run(event_, timeout_usec);
  rethrow();
  check(result, "the event loop failed");
  return result > 0;
}

void Loop::exit(int code) {
  check(sd_event_exit(event_, code), "cannot end the event loop");
}

uint64_t Loop::now_usec() const {
  uint64_t now = 0;
  check(sd_event_now(event_, CLOCK_MONOTONIC, &now), "cannot read the clock");
  return now;
}

void Loop::set_watched(bool watched) {
  if (watched_ == watched) return;
  watched_ = watched;
  uint64_t usec = 0;
  if (sd_watchdog_enabled(0, &usec) <= 0) return;
  if (watched) sd_notifyf(0, "WATCHDOG_USEC=%llu", static_cast<unsigned long long>(usec));
  check(sd_event_set_watchdog(event_, watched ? 1 : 0), "cannot feed the watchdog");
  if (!watched) sd_notify(0, "WATCHDOG_USEC=0");
}

Source::~Source() {
  sd_event_source_disable_unref(source_);
}

void Source::adopt(int result, const char* what, Priority priority) {
  check(result, what);
  check(sd_event_source_set_priority(source_, static_cast<int64_t>(priority)), what);
}

void Source::dispatch() {
  // The callback may destroy *this: nothing of it is used afterwards.
  const std::shared_ptr<Callback> callback = callback_;
  Loop& loop = loop_;
  try {
    (*callback)();
  } catch (...) {
    loop.thrown_ = std::current_exception();
    sd_event_exit(loop.event_, EXIT_FAILURE);
  }
}

Timer::Timer(Loop& loop, std::function<void()> callback) : Source(loop, std::move(callback)) {
  const auto trampoline = [](sd_event_source*, uint64_t, void* self) {
    static_cast<Timer*>(self)->dispatch();
    return 0;
  };
  // Exact to the millisecond: a linger or back-off needs no more, and the kernel may join wake-ups.
  constexpr uint64_t accuracy_usec = 1'000;
  adopt(sd_event_add_time(loop.raw(), &source_, CLOCK_MONOTONIC, 0, accuracy_usec, trampoline, this),
        "cannot add a timer", Priority::Deferred);
  disarm();
}

void Timer::arm_at(uint64_t monotonic_usec) {
  check(sd_event_source_set_time(source_, monotonic_usec), "cannot set a timer");
  check(sd_event_source_set_enabled(source_, SD_EVENT_ONESHOT), "cannot arm a timer");
}

void Timer::disarm() {
  check(sd_event_source_set_enabled(source_, SD_EVENT_OFF), "cannot disarm a timer");
}

bool Timer::armed() const {
  int enabled = SD_EVENT_OFF;
  check(sd_event_source_get_enabled(source_, &enabled), "cannot look at a timer");
  return enabled != SD_EVENT_OFF;
}

Later::Later(Loop& loop, uint64_t delay_usec, std::function<void()> callback)
    : delay_usec_(delay_usec), timer_(loop, std::move(callback)) {}

void Later::schedule() {
  if (!timer_.armed()) timer_.arm_at(monotonic_usec() + delay_usec_);
}

Io::Io(Loop& loop, int fd, uint32_t epoll_events, Priority priority, std::function<void()> callback)
    : Source(loop, std::move(callback)) {
  const auto trampoline = [](sd_event_source*, int, uint32_t, void* self) {
    static_cast<Io*>(self)->dispatch();
    return 0;
  };
  adopt(sd_event_add_io(loop.raw(), &source_, fd, epoll_events, trampoline, this),
        "cannot watch a descriptor", priority);
}

Signal::Signal(Loop& loop, int number, std::function<void()> callback) : Source(loop, std::move(callback)) {
  const auto trampoline = [](sd_event_source*, const signalfd_siginfo*, void* self) {
    static_cast<Signal*>(self)->dispatch();
    return 0;
  };
  adopt(sd_event_add_signal(loop.raw(), &source_, number | SD_EVENT_SIGNAL_PROCMASK, trampoline, this),
        "cannot watch a signal", Priority::Signal);
}

ProcessEnd::ProcessEnd(Loop& loop, int pidfd, std::function<void()> callback)
    : Source(loop, std::move(callback)) {
  const auto trampoline = [](sd_event_source*, int, uint32_t, void* self) {
    static_cast<ProcessEnd*>(self)->dispatch();
    return 0;
  };
  adopt(sd_event_add_io(loop.raw(), &source_, pidfd, EPOLLIN, trampoline, this), "cannot watch a process",
        Priority::ProcessEnd);
  // A pidfd stays readable for ever once its process has ended.
  check(sd_event_source_set_enabled(source_, SD_EVENT_ONESHOT), "cannot watch a process");
}

Defer::Defer(Loop& loop, std::function<void()> callback) : Source(loop, std::move(callback)) {
  const auto trampoline = [](sd_event_source*, void* self) {
    static_cast<Defer*>(self)->dispatch();
    return 0;
  };
  adopt(sd_event_add_defer(loop.raw(), &source_, trampoline, this), "cannot add a deferred call",
        Priority::Deferred);
  check(sd_event_source_set_enabled(source_, SD_EVENT_OFF), "cannot add a deferred call");
}

void Defer::schedule() {
  check(sd_event_source_set_enabled(source_, SD_EVENT_ONESHOT), "cannot defer a call");
}

}  // namespace gamesched
