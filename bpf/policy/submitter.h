/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Submits that begin no frame, known from what this CPU saw last.
 *
 * Problem: a frame is up to hundreds of submits, and its first alone is worth a look at thread and game.
 *
 * How: a thread that waits for its next frame sleeps in between. So a submit goes on with a frame when the one
 * before it on this CPU was by the same thread, which has not slept since. That ends with the next tick, so
 * that no answer is old, and it is not believed of a thread whose last frame began without a sleep: that has more
 * work than its frames have time, and only the distances of its submits tell (frame.h).
 *
 *   thread              submits (ms)            looked at
 *   sleeps each frame   0 .1 .2 .3, 17 17.1     0, 17
 *   never sleeps        0 .1 .2 .3, 17 17.1     the first of the first two ticks; all, once a frame has begun so
 *
 * Limits: another thread that gives work on the same CPU in between makes the next one looked at. A thread that
 * stops sleeping is noticed with the second tick.
 */
#ifndef GS_POLICY_SUBMITTER_H
#define GS_POLICY_SUBMITTER_H

#include "bpf/policy/base.h"

/* The one it was seen in and the next: one alone often ends among the submits of a frame. */
#define GS_SUBMITTER_TICKS 2

/* Of one CPU: the last submit that was looked at. */
struct gs_submitter {
  u64 tick; /* 0: the thread is not known to sleep before it begins a frame */
  u64 file; /* address of what the device was opened as: to compare with a recent one, no more */
  u32 command;
  u32 tid;
  u32 sleeps; /* how often the thread had slept by then, the low bits */
  u32 busy;   /* its last frame began without a sleep */
} __attribute__((aligned(64)));

/* Whether a submit goes on with the frame of the last one. */
GS_POLICY bool gs_submitter_goes_on(const struct gs_submitter* last, u64 tick, u64 file, u32 command, u32 tid,
                                    u32 sleeps) {
  return last->command == command && last->file == file && tick - last->tick < GS_SUBMITTER_TICKS &&
         last->tid == tid && last->sleeps == sleeps;
}

/* One was looked at. */
GS_POLICY void gs_submitter_seen(struct gs_submitter* last, u64 tick, u64 file, u32 command, u32 tid,
                                 u32 sleeps, bool begins_frame) {
  bool same = last->tid == tid;

  if (!same || begins_frame) last->busy = same && last->sleeps == sleeps;
  last->tick = last->busy ? 0 : tick;
  last->file = file;
  last->command = command;
  last->tid = tid;
  last->sleeps = sleeps;
}

#endif
