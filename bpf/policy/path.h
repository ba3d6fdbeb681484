/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The frame's critical path, from who wakes whom.
 *
 * Problem: a frame thread hands work to others and waits. Those others are as urgent as it
 * is, while threads of the same game that stream or compile are not, and names tell
 * neither.
 *
 * How: start from the threads known by pattern.h and window.h (hop 0). Every frame thread F counts its waits,
 * and notes of each whether it was ended by a thread of its own game. Then
 *
 *   waker   T woke F out of a wait: F had waited for T.
 *   peer    F woke T, and T went to sleep again before F's next wait ended, and that wait
 *           was ended by a thread of the game: T did a part of what F waited for.
 *           (Ended by a timer instead, F was only waiting for its next frame.)
 *
 * Either makes T a frame thread, one hop further out, for keep_ns from then (8 frames): the path
 * may differ from frame to frame. More than 4 hops out nothing is inherited.
 *
 * A thread that is not taken for one comes too late to do its part, behind everybody, and so would not be found again,
 * while the frame goes on with fewer hands. So who was on the path is taken for it again when a frame thread wakes
 * it: 32 times without a new proof. Each time that it is not done when F goes on halves that.
 *
 *   F wakes A and B, waits; A sleeps; B sleeps and its last act woke F      B waker, A peer
 *   F wakes S (streaming); S still computes when F's wait ends              S stays ordinary
 *   F wakes L (logger), then sleeps until its next frame's timer            L stays ordinary
 *   A had no job for 20 frames, then F wakes it                             A is taken for a peer at once
 *
 * A wait is named by F's slot in the table below and its count; the table keeps how
 * the last 64 waits of each frame thread ended.
 *
 * Limits: threads that spin instead of sleeping wake nobody; a peer is known one frame late.
 */
#ifndef GS_POLICY_PATH_H
#define GS_POLICY_PATH_H

#include "bpf/policy/base.h"

#define GS_PATH_HOPS_MAX 4
#define GS_PATH_KEEP_FRAMES 8
/* How often who was on it may be taken for it again before that has to prove true once more: half a second of
 * frames in which a job system had no work for a thread, or nobody had to wait for it. */
#define GS_PATH_RECALLS 32
#define GS_PATH_RECALL_FRAMES 1
/* Who starts one by its pattern alone says so again at each wake-up, unless it was chance: a missed beat is bridged. */
#define GS_PATH_PATTERN_FRAMES 2

struct gs_waiter {
  u32 tid;           /* whose entry this is */
  u32 waits;         /* how many waits it has begun */
  u64 ended_by_game; /* bit (wait % 64): that wait was ended by a thread of the game */
  u32 waiting;       /* 1: in wait number `waits` now */
  u32 hop;
  u32 waker; /* the thread of the game that last ended a wait of it, if it was not urgent itself; else 0 */
};

/* The wait number that T's work belongs to when F, running, wakes it: F's next one. */
GS_POLICY u32 gs_path_next_wait(const struct gs_waiter* waiter) {
  return waiter->waits + 1;
}

GS_POLICY void gs_path_wait_begins(struct gs_waiter* waiter) {
  waiter->waits++;
  waiter->waiting = 1;
  waiter->ended_by_game &= ~(1ULL << (waiter->waits % 64));
}

GS_POLICY void gs_path_wait_ends(struct gs_waiter* waiter, bool by_game) {
  waiter->waiting = 0;
  if (by_game) waiter->ended_by_game |= 1ULL << (waiter->waits % 64);
}

/* T, woken for wait number `wait`, goes to sleep now: is that wait still to end? */
GS_POLICY bool gs_path_done_in_time(const struct gs_waiter* waiter, u32 tid, u32 wait) {
  if (waiter->tid != tid) return false;
  return waiter->waits + 1 == wait || (waiter->waits == wait && waiter->waiting);
}

/* T, which is on the path no more, is woken by a frame thread: is it taken for what it was? */
GS_POLICY bool gs_path_recalled(u8* recalls) {
  if (!*recalls) return false;
  --*recalls;
  return true;
}

/* It was not done in time. */
GS_POLICY void gs_path_was_late(u8* recalls) {
  *recalls /= 2;
}

/* Later: did that wait turn out to be one for the game's own threads? */
GS_POLICY bool gs_path_was_waited_for(const struct gs_waiter* waiter, u32 tid, u32 wait) {
  u32 age = waiter->waits - wait;

  if (waiter->tid != tid || age >= 64 || (!age && waiter->waiting)) return false;
  return waiter->ended_by_game >> (wait % 64) & 1;
}

#endif
