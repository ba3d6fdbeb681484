/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual time and deadlines: everybody's fair share.
 *
 * Problem: threads of one LLC share a queue; the order in it must give each its
 * weighted share, let sleepers in quickly, and let nobody wait without bound.
 *
 * How: a thread's virtual time grows by the CPU time it uses, divided by its
 * weight (100 = nice 0). The queue's own virtual time, now_v, follows the thread
 * that runs. The queue is ordered by
 *
 *   key = vtime + min(burst, burst_max) * 100 / weight
 *
 * where burst is what it ran since it last slept: of two with equal shares, the
 * one that just woke goes first.
 *
 * A new thread starts where its parent is, and the parent pays for that: it goes on a slice later, as if the child's
 * first slice were its own, but no later than a slice behind the queue. When the child ends, the two are settled: the
 * parent gets back what the child did not run, or pays for what it ran beyond. So children one after the other, of a shell
 * or a build, have one thread's share together, and a parent of many at once sends each a slice behind the queue.
 *
 *   queue at 1000 ms, slice 4 ms      parent   1st child   2nd child   3rd child
 *   at 1000 ms, forks three           1004     1000        1004        1004
 *   the first ends after 1 ms         1001
 *
 * Who has not had a slice itself yet lives on what was paid for it, and has nothing to pay with: its children start a
 * slice behind the queue, and nobody settles for them. Else each would begin where the one before began, and end before it pays.
 *
 * Two clamps: a sleeper's vtime is lifted to now_v - lag_max, so sleep cannot be saved up; a key
 * is lowered to now_v + wait_max, so a thread of tiny weight waits long, but not
 * without bound.
 *
 * now_v follows who came by it: an urgent thread runs without waiting for its turn, and would take everybody's
 * floor with it; so each of its bursts begins at now_v at the latest. And threads that may run on one CPU alone may all
 * get less than others of their LLC: the same floor for each of them would make them equal, whatever their weights. So
 * the time of their queue is that of the LLC, less what they are behind together, and goes back when one that has not
 * slept would be lifted.
 *
 *   two bound to a CPU, weights 100 and 300, beside one alone on another: the LLC's time goes by a second each second,
 *   theirs by a quarter of that
 *
 * Limit: threads of some of an LLC's CPUs, but more than one, wait in its queue. Where they get less than the rest for
 * long, they become equal.
 *
 *   lag_max = 4 ms, burst_max = 4 ms, wait_max = 40 ms, now_v = 1000 ms
 *   vtime     burst   weight   key
 *   1000 ms   0       100      1000 ms     just its turn
 *    200 ms   0       100       996 ms     slept for long
 *   1000 ms   9 ms    100      1004 ms     a hog
 *   1000 ms   4 ms     15      1026.7 ms   a low weight has to wait longer
 *   1200 ms   0        15      1040 ms     but not for ever
 */
#ifndef GS_POLICY_DEADLINE_H
#define GS_POLICY_DEADLINE_H

#include "bpf/policy/base.h"

/* CPU time as virtual time; weight in 1 .. 10000, 100 for nice 0. */
GS_POLICY u64 gs_virtual(u64 cpu_ns, u32 weight) {
  return weight == 100 ? cpu_ns : cpu_ns * 100 / (weight ? weight : 1);
}

/*
 * How far ahead of the queue's time a key may lie: each of those in the queue may run for that long first, so
 * the more they are the less it is; the whole wait stays near a second.
 *
 *   wait_max 40 ms: 16 queued on 4 CPUs 40 ms; 140 on one CPU 7.1 ms
 */
GS_POLICY u64 gs_wait_max(u64 wait_max_ns, u32 queued, u32 nr_cpus) {
  u32 share = nr_cpus ? nr_cpus : 1;

  return gs_min(wait_max_ns, GS_SEC * share / (queued + share));
}

/*
 * How far behind the queue a thread's virtual time may lie: lag_max, and what its burst sets its key back,
 * for else a thread that never sleeps would lose in the clamp what it waits for that.
 */
GS_POLICY u64 gs_lag_allowed(u64 lag_max_ns, u64 burst_ns, u32 weight, u64 burst_max_ns) {
  return lag_max_ns + gs_virtual(gs_min(burst_ns, burst_max_ns), weight);
}

/* A thread's virtual time when it becomes runnable. */
GS_POLICY u64 gs_vtime_at_wake(u64 vtime, u64 queue_now, u64 lag_max_ns) {
  u64 floor = queue_now - lag_max_ns;

  return gs_before(vtime, floor) ? floor : vtime;
}

/*
 * And no further ahead than it could have to wait anyway: what it ran at another weight, or alone, while
 * nobody wanted the CPU, is not held against it for longer.
 */
GS_POLICY u64 gs_vtime_owed(u64 vtime, u64 queue_now, u64 wait_max_ns) {
  u64 ceiling = queue_now + wait_max_ns;

  return gs_before(ceiling, vtime) ? ceiling : vtime;
}

/*
 * A queue's time follows a thread that runs, by `most` at once: a slice, so that a thread of tiny weight, far ahead, does not
 * take everybody's lag with it; or what it has just run, which is more where a slice ends with the kernel's next tick. Else who
 * runs alone would be further ahead of it with each slice, and pay for that when others come.
 */
GS_POLICY u64 gs_clock_follows(u64 now_v, u64 vtime, u64 most) {
  if (!gs_before(now_v, vtime)) return now_v;
  return gs_before(now_v + most, vtime) ? now_v + most : vtime;
}

/* Where a thread starts that nobody pays for. */
GS_POLICY u64 gs_vtime_unpaid(u64 creator_vtime, u64 queue_now, u64 slice_v) {
  u64 start = queue_now + slice_v;

  return gs_before(start, creator_vtime) ? creator_vtime : start;
}

/*
 * A parent's virtual time when it has paid owed_v for its children, which nobody pays beyond where one is that has just
 * had a slice; below 0: it gets that back, of the ahead_v that it has paid and that no clamp has forgiven it since.
 */
GS_POLICY u64 gs_vtime_paid(u64 vtime, u64 queue_now, s64 owed_v, u64 ahead_v, u64 slice_v) {
  u64 end = queue_now + slice_v;

  if (owed_v <= 0) return vtime - gs_min((u64)-owed_v, ahead_v);
  if (!gs_before(vtime, end)) return vtime;
  return vtime + gs_min((u64)owed_v, end - vtime);
}

GS_POLICY u64 gs_deadline_key(u64 vtime, u64 queue_now, u64 burst_ns, u32 weight, u64 burst_max_ns,
                              u64 wait_max_ns) {
  u64 key = vtime + gs_virtual(gs_min(burst_ns, burst_max_ns), weight);
  u64 ceiling = queue_now + wait_max_ns;

  return gs_before(ceiling, key) ? ceiling : key;
}

/*
 * A key says in its lowest bit, a nanosecond, whether its thread may be passed over for a nearer one
 * (preempt.h): who looks through a queue need not look up each thread.
 */
GS_POLICY u64 gs_key_marked(u64 key, bool may_be_passed) {
  return (key & ~1ULL) | may_be_passed;
}

GS_POLICY bool gs_key_may_be_passed(u64 key) {
  return key & 1;
}

#endif
