// SPDX-License-Identifier: GPL-2.0-or-later
//
// The one event loop, and its sources as owned objects (RAII over sd_event).
//
// - A source lives as long as its object; destroying it from its own callback is allowed.
// - An exception out of a callback ends the loop and comes out of Loop::run().
// - Sources of a smaller Priority run first when several are ready.
#pragma once

#include <systemd/sd-event.h>

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>

namespace gamesched {

// The order in which things that are ready at once are seen. Ends of processes come before the kernel's
// events and both before the bus, so that a call never sees a game that is gone.
enum class Priority : int64_t { ProcessEnd = -40, Kernel = -30, Deferred = -20, Signal = -10, Bus = 0 };

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Until exit(); returns its code. Throws what a callback threw. Never has a processor for itself, see Pace.
  int run();
  // One turn of at most timeout_usec; false when nothing happened. For tests.
  bool run_once(uint64_t timeout_usec);
  void exit(int code);

  uint64_t now_usec() const;  // CLOCK_MONOTONIC
  sd_event* raw() const { return event_; }

  // Where the unit has a watchdog: watched, the loop feeds it; not watched, systemd is told not to expect
  // that and the loop has no timer for it.
  void set_watched(bool watched);

 private:
  friend class Source;
  void rethrow();

  sd_event* event_ = nullptr;
  std::optional<bool> watched_;
  std::exception_ptr thrown_;
};

class Source {
 public:
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

 protected:
  using Callback = std::function<void()>;
  Source(Loop& loop, Callback callback)
      : loop_(loop), callback_(std::make_shared<Callback>(std::move(callback))) {}
  ~Source();

  void adopt(int result, const char* what, Priority priority);
  void dispatch();

  Loop& loop_;
  sd_event_source* source_ = nullptr;

 private:
  std::shared_ptr<Callback> callback_;  // shared: it may destroy its own source
};

// One shot; re-armed at will. Unarmed it costs nothing.
class Timer : Source {
 public:
  Timer(Loop& loop, std::function<void()> callback);
  void arm_at(uint64_t monotonic_usec);
  void disarm();
  bool armed() const;
};

// Runs once, some time after it was scheduled first: for what may wait, so that many changes are told as one, and
// whoever waits for an answer does not wait for that.
class Later {
 public:
  Later(Loop& loop, uint64_t delay_usec, std::function<void()> callback);
  void schedule();

 private:
  const uint64_t delay_usec_;
  Timer timer_;
};

// A descriptor owned by somebody else.
class Io : Source {
 public:
  Io(Loop& loop, int fd, uint32_t epoll_events, Priority priority, std::function<void()> callback);
};

// A signal, blocked in this thread and read from the loop.
class Signal : Source {
 public:
  Signal(Loop& loop, int number, std::function<void()> callback);
};

// The end of a process, ours or not, seen through its pidfd (owned by somebody else). Once.
class ProcessEnd : Source {
 public:
  ProcessEnd(Loop& loop, int pidfd, std::function<void()> callback);
};

// Runs once in the next turn of the loop, however often it was scheduled before.
class Defer : Source {
 public:
  Defer(Loop& loop, std::function<void()> callback);
  void schedule();
};

}  // namespace gamesched
