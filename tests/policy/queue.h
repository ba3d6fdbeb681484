// SPDX-License-Identifier: GPL-2.0-or-later
//
// A small simulation of one LLC's queue: what enqueue(), dispatch(), running() and stopping() do with threads
// outside of the frame lane, with the policy's own functions. No pre-emption, no cost of a switch.
#pragma once

#include <algorithm>
#include <vector>

#include "bpf/policy/deadline.h"
#include "bpf/policy/slice.h"
#include "tests/policy/defaults.h"

namespace gamesched::tests {

class Queue {
 public:
  struct Thread {
    u32 weight = 100;
    u64 burst_ns = 0;  // runs for this long, then sleeps, or forks and ends; 0: computes for ever
    u64 sleep_ns = 0;  // 0 with a burst: it ends, and a child forked at its end goes on
    u64 fork_ns = 0;  // instead its parent does, which has waited for it: for so long, then it forks the next
    bool forks_first = false;  // it forks the next when it begins, and ends after its burst
    u64 runnable_at_ns = 0;
    // what happened
    u64 vtime = 0, since_sleep_ns = 0, key = 0, waits_since_ns = 0;
    bool parent_runs = false;
    u64 parent_vtime = 0;  // as of when it forked
    u64 ahead_v = 0;       // what it had paid then
    s64 own_v = 0;         // what the child ran since, less what its parent has paid for it
    u64 ran_ns = 0, longest_wait_ns = 0, times_run = 0;
  };

  explicit Queue(unsigned cpus, const gs_tunables& tunables = defaults, u64 origin = 0)
      : tunables_(tunables), now_v_(origin), cpus_(cpus) {}

  size_t add(Thread thread) {
    thread.vtime = now_v_;
    threads_.push_back(thread);
    sleeping_.push_back(threads_.size() - 1);
    return threads_.size() - 1;
  }

  void run_until(u64 end_ns) {
    while (true) {
      const auto cpu = std::ranges::min_element(cpus_, {}, &Cpu::free_at_ns);
      const size_t next_sleeper = first_to_wake();
      const u64 wakes = next_sleeper < threads_.size() ? threads_[next_sleeper].runnable_at_ns : UINT64_MAX;
      now_ = std::max(now_, std::min(cpu->free_at_ns, wakes));
      if (now_ >= end_ns) break;
      if (wakes <= now_) {
        std::erase(sleeping_, next_sleeper);
        enqueue(next_sleeper);
      } else if (cpu->thread != none) {
        stops(*cpu);
      } else if (!queued_.empty()) {
        runs_first(*cpu);
      } else {
        cpu->free_at_ns = wakes;  // idle until then
      }
    }
    // Who still waits has waited too.
    for (const size_t thread : queued_) note_wait(threads_[thread], end_ns);
  }

  const Thread& operator[](size_t thread) const { return threads_[thread]; }
  void set_weight(size_t thread, u32 weight) { threads_[thread].weight = weight; }
  const std::vector<Thread>& threads() const { return threads_; }
  u64 now_v() const { return now_v_; }

 private:
  static constexpr size_t none = SIZE_MAX;
  struct Cpu {
    u64 free_at_ns = 0, started_ns = 0;
    size_t thread = none;
  };

  static void note_wait(Thread& thread, u64 now) {
    thread.longest_wait_ns = std::max(thread.longest_wait_ns, now - thread.waits_since_ns);
  }

  size_t first_to_wake() const {
    const auto first =
        std::ranges::min_element(sleeping_, {}, [&](size_t i) { return threads_[i].runnable_at_ns; });
    return first == sleeping_.end() ? none : *first;
  }

  static u64 burst_of(const Thread& thread) { return thread.parent_runs ? thread.fork_ns : thread.burst_ns; }

  u64 slice_of(u32 weight) const {
    return gs_slice(static_cast<u32>(queued_.size()), static_cast<u32>(cpus_.size()), weight,
                    tunables_.slice_max_ns, tunables_.slice_min_ns, tunables_.slice_round_ns);
  }

  u64 slice_v(const Thread& thread) const { return gs_virtual(slice_of(thread.weight), thread.weight); }

  // task_key() of task.bpf.c.
  u64 key_of(Thread& thread) {
    const u64 lag =
        gs_lag_allowed(tunables_.lag_max_ns, thread.since_sleep_ns, thread.weight, tunables_.burst_max_ns);
    thread.vtime = gs_vtime_at_wake(thread.vtime, now_v_, lag);
    thread.vtime = gs_vtime_owed(thread.vtime, now_v_, tunables_.wait_max_ns);
    return gs_deadline_key(
        thread.vtime, now_v_, thread.since_sleep_ns, thread.weight, tunables_.burst_max_ns,
        gs_wait_max(tunables_.wait_max_ns, static_cast<u32>(queued_.size()), static_cast<u32>(cpus_.size())));
  }

  // task_created() of children.bpf.c, of a thread that ends before anything is settled.
  Thread child_of(Thread& thread) const {
    const u64 slice = slice_v(thread);
    Thread child{.weight = thread.weight, .burst_ns = thread.burst_ns, .forks_first = true};
    const bool pays = thread.own_v >= 0;
    child.vtime = pays ? thread.vtime : gs_vtime_unpaid(thread.vtime, now_v_, slice);
    child.own_v = -static_cast<s64>(slice);
    if (pays) thread.vtime = gs_vtime_paid(thread.vtime, now_v_, static_cast<s64>(slice), 0, slice);
    return child;
  }

  // By key; of equals the first stays first.
  void enqueue(size_t number) {
    Thread& thread = threads_[number];
    thread.waits_since_ns = now_;
    thread.key = key_of(thread);
    const auto behind = std::ranges::find_if(
        queued_, [&](size_t other) { return gs_before(thread.key, threads_[other].key); });
    queued_.insert(behind, number);
    // An idle CPU is told.
    const auto idle = std::ranges::find_if(
        cpus_, [&](const Cpu& cpu) { return cpu.thread == none && cpu.free_at_ns > now_; });
    if (idle != cpus_.end()) idle->free_at_ns = now_;
  }

  void runs_first(Cpu& cpu) {
    cpu.thread = queued_.front();
    queued_.erase(queued_.begin());
    Thread& thread = threads_[cpu.thread];
    note_wait(thread, now_);
    thread.times_run++;
    key_of(thread);
    if (gs_before(now_v_, thread.vtime)) now_v_ = thread.vtime;
    const u64 slice = slice_of(thread.weight);
    cpu.started_ns = now_;
    cpu.free_at_ns =
        now_ + (thread.burst_ns == 0 ? slice : std::min(slice, burst_of(thread) - thread.since_sleep_ns));
    if (thread.forks_first && thread.since_sleep_ns == 0) {
      threads_.push_back(child_of(thread));
      enqueue(threads_.size() - 1);
    }
  }

  void stops(Cpu& cpu) {
    const size_t number = cpu.thread;
    Thread& thread = threads_[number];
    const u64 ran = now_ - cpu.started_ns;
    cpu.thread = none;
    thread.vtime += gs_virtual(ran, thread.weight);
    thread.own_v += static_cast<s64>(gs_virtual(ran, thread.weight));
    thread.since_sleep_ns += ran;
    thread.ran_ns += ran;
    if (thread.burst_ns == 0 || thread.since_sleep_ns < burst_of(thread)) {
      enqueue(number);
      return;
    }
    if (thread.forks_first) return;
    thread.since_sleep_ns = 0;
    if (thread.sleep_ns > 0) {
      thread.runnable_at_ns = now_ + thread.sleep_ns;
      sleeping_.push_back(number);
    } else if (thread.fork_ns > 0 && !thread.parent_runs) {
      thread.parent_runs = true;
      thread.vtime =
          gs_vtime_paid(thread.parent_vtime, now_v_, thread.own_v, thread.ahead_v, slice_v(thread));
      enqueue(number);
    } else {
      thread.parent_runs = false;
      const u64 slice = slice_v(thread);
      if (thread.fork_ns > 0) {
        thread.parent_vtime = gs_vtime_paid(thread.vtime, now_v_, static_cast<s64>(slice), 0, slice);
        thread.ahead_v = thread.parent_vtime - thread.vtime;
        thread.own_v = -static_cast<s64>(thread.ahead_v);
      } else {
        if (thread.own_v < 0) thread.vtime = gs_vtime_unpaid(thread.vtime, now_v_, slice);
        thread.own_v = -static_cast<s64>(slice);
      }
      enqueue(number);
    }
  }

  gs_tunables tunables_;
  u64 now_ = 0, now_v_;
  std::vector<Cpu> cpus_;
  std::vector<Thread> threads_;
  std::vector<size_t> queued_, sleeping_;
};

}  // namespace gamesched::tests
