/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Balance: the same share in every LLC.
 *
 * Problem: each LLC has a queue of its own. One with nothing queued takes from others at once, but between
 * two that both have work nothing evens out: eight hogs on one half of the machine get half of what four on
 * the other half get.
 *
 * How: a queue's virtual time tells what a thread there gets: it goes by what a thread of weight 100 has had.
 * Once an interval each LLC measures the pace of its own. Where it is faster than another's by more than an
 * eighth, threads get more here, so it takes the first of the other's queue. Weights, threads bound to single
 * CPUs and time lost to urgent threads are all in the pace; lengths of queues would show none of them.
 *
 *   two CPUs each, hogs    pace here, there     takes one
 *   4, 8                   512, 256             yes
 *   6, 6                   341, 341             no
 *   4, 5                   512, 410             yes, and the other takes one back: they take turns
 *   16, 17                 128, 120             no: within an eighth
 *
 * Limits: one thread an interval and LLC, so a large difference takes some intervals to even out; differences
 * below an eighth stay.
 */
#ifndef GS_POLICY_BALANCE_H
#define GS_POLICY_BALANCE_H

#include "bpf/policy/base.h"

/* Some slices long: shorter ones measure who happened to run. */
#define GS_BALANCE_NS (48 * GS_MSEC)

struct gs_pace {
  u64 since_ns;
  u64 since_v;
  u64 pace; /* 1024: as fast as time; 0: not known */
};

GS_POLICY void gs_pace_begin(struct gs_pace* pace, u64 now_v, u64 now_ns) {
  pace->since_ns = now_ns;
  pace->since_v = now_v;
  pace->pace = 0;
}

GS_POLICY bool gs_pace_due(const struct gs_pace* pace, u64 now_ns) {
  return now_ns - pace->since_ns >= GS_BALANCE_NS;
}

GS_POLICY void gs_pace_measure(struct gs_pace* pace, u64 now_v, u64 now_ns) {
  u64 elapsed_us = (now_ns - pace->since_ns) / GS_USEC;

  pace->pace = elapsed_us ? (now_v - pace->since_v) / GS_USEC * 1024 / elapsed_us : 0;
  pace->since_ns = now_ns;
  pace->since_v = now_v;
}

/* Whether an LLC shall take a thread from another whose threads get less. An old measure says nothing: nobody
 * has left a CPU there for two intervals. */
GS_POLICY bool gs_pace_takes_from(const struct gs_pace* own, const struct gs_pace* other, u64 now_ns) {
  return other->pace && now_ns - other->since_ns < 2 * GS_BALANCE_NS && own->pace * 8 > other->pace * 9;
}

#endif
