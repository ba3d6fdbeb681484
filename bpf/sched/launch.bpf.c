// SPDX-License-Identifier: GPL-2.0-only
/*
 * The start of a game.
 *
 * Problem: with every CPU busy, gamesched-run and the bus need dozens of turns before the game is registered,
 * and until then nothing helps it.
 *
 * How: for half a second from its exec (detect/process.bpf.c) the thread that starts a game is urgent, after
 * those of games that run already. So is, for a tenth of a second from then, whom it wakes and who wakes it:
 * the bus that carries its call, and whoever answers. This goes one step and no further, and a burst too long
 * ends it (share.h): starting games all day buys nobody a CPU.
 */
#include "bpf/sched/ctx.bpf.h"

#define HELP_NS (GS_SEC / 10)

/* It has just become the starter, or the scheduler has just come: until it wakes nobody has decided. */
__hidden void launch_begins(struct task_ctx* tc, u64 now) {
  if (tc->evidence & GS_EVIDENCE_LAUNCH || !launches(tc, now)) return;
  tc->evidence |= GS_EVIDENCE_LAUNCH;
  if (!gs_lane_urgent(tc->lane)) tc->lane = GS_LANE_GAME_NETWORK;
}

/* The thread of tc is woken by the current one while a game starts. */
__hidden void launch_wakes(struct task_ctx* tc, u64 now) {
  struct task_struct* current = bpf_get_current_task_btf();
  struct task_ctx* waker = current->pid ? task_ctx_of(current) : NULL;

  if (!waker) return;
  if (launches(waker, now)) tc->help_until_ns = now + HELP_NS;
  if (!launches(tc, now)) return;
  waker->help_until_ns = now + HELP_NS;
  if (gs_lane_urgent(waker->lane)) return;
  /* It runs: nobody of its lane takes this CPU from it. */
  waker->evidence |= GS_EVIDENCE_LAUNCH;
  waker->lane = this_cpu_ctx()->lane = GS_LANE_GAME_NETWORK;
}
