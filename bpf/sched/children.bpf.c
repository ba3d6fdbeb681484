// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that create others pay for them (bpf/policy/deadline.h).
 *
 * A child ends at any time beside its parent's own callbacks: it adds to an account of its own, which the parent settles
 * when it next gets a key. What that gives back is bounded by what the parent's virtual time holds: a payment that a clamp
 * has forgiven (it slept) is not given back.
 */
#include "bpf/sched/ctx.bpf.h"
#include "bpf/policy/deadline.h"

/* What the running thread has not been charged for yet. It may be pre-empted here. */
static __always_inline u64 uncharged_v(const struct task_ctx* tc) {
  const struct cpu_ctx* cc = this_cpu_ctx();

  return cc->tid == tc->tid ? gs_virtual(uncharged_ns(cc, bpf_ktime_get_ns()), tc->weight) : 0;
}

/* A slice of tc's where it last waited, in virtual time. */
static __always_inline u64 slice_v(const struct task_ctx* tc) {
  u32 nr_cpus;
  s32 queued = waiting_in(tc->queue, &nr_cpus);

  return gs_virtual(slice_of(tc, queued, nr_cpus), tc->weight);
}

/* The current thread creates p. */
__hidden void task_created(struct task_struct* p) {
  struct task_ctx* parent = task_ctx_of(bpf_get_current_task_btf());
  u64 now_v, ran_v, vtime, ahead_v, slice, start, after;
  u32 queue = this_cpu_ctx()->llc;
  s64 owed_v, worthless_v = 0;

  if (!parent) {
    task_ctx_create(p, time_of(queue), queue, 0, 0);
    return;
  }
  queue = parent->queue;
  now_v = time_of(queue);
  slice = slice_v(parent);
  ran_v = uncharged_v(parent);
  /* A real-time thread's is as old as its last turn under this scheduler. */
  vtime = gs_vtime_at_wake(parent->vtime + ran_v, now_v, tunables.lag_max_ns);
  if (parent->own_v + (s64)ran_v < 0) {
    task_ctx_create(p, gs_vtime_unpaid(vtime, now_v, slice), queue, 0, -(s64)slice);
    return;
  }
  ahead_v = parent->ahead_v;
  owed_v = parent->children_v;
  if (owed_v + (s64)ahead_v < 0)
    worthless_v = -(owed_v + (s64)ahead_v); /* it gets no more back than ahead_v */
  owed_v += worthless_v;
  start = gs_vtime_paid(vtime, now_v, owed_v, ahead_v, slice);
  after = gs_vtime_paid(vtime, now_v, owed_v + (s64)slice, ahead_v, slice);
  __sync_fetch_and_add(&parent->children_v, after - start + worthless_v);
  task_ctx_create(p, start, queue, parent->tid, -(s64)(after - start));
}

/* The current thread, p, ends. What the kernel takes down after that is nobody's. */
__hidden void task_exits(struct task_struct* p) {
  struct task_ctx *tc = task_ctx_of(p), *parent;
  struct task_struct* creator;
  s64 owed_v;

  if (!tc || !tc->parent_tid) return;
  owed_v = tc->own_v + (s64)uncharged_v(tc);
  creator = bpf_task_from_pid(tc->parent_tid);
  if (!creator) return;
  parent = task_ctx_of(creator);
  /* Whoever has that thread id later is younger. */
  if (parent && creator->start_time <= p->start_time) __sync_fetch_and_add(&parent->children_v, owed_v);
  bpf_task_release(creator);
}

__noinline int pay_for_children(struct task_ctx* tc, u64 now_v) {
  u64 before;

  if (!tc) return 0;
  before = tc->vtime;
  tc->vtime =
      gs_vtime_paid(before, now_v, __sync_lock_test_and_set(&tc->children_v, 0), tc->ahead_v, slice_v(tc));
  tc->ahead_v += tc->vtime - before;
  return 0;
}
