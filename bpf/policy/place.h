/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Placement: on which CPU an urgent thread runs.
 *
 * Problem: CPUs are not alike. The sibling of a busy CPU has half a core, an efficient core two thirds of a
 * fast one, and half of the CPUs of some machines lie beside a cache three times as large. And a thread that
 * moves leaves its own cache behind.
 *
 * How: the daemon marks the CPUs that are best for games (none where all are alike). Threads of a game and
 * the compositor go there while there is room; all others go anywhere. Among CPUs that it could take from
 * others, an urgent thread prefers, in this order: one that is best for games; one that no real-time thread
 * has taken a moment ago; one whose sibling runs nothing urgent; where it last ran; the least urgent lane; who
 * has run for longest.
 *
 * Real-time threads run above this scheduler and come back at a rate to the CPU where they last ran: an urgent
 * thread that waits for its turn there is sent away, and has lost the time of a second wake-up.
 *
 * When one is idle: where it last had a core for itself (its home), if that core is idle now; else what the
 * kernel finds, whole idle cores first. But after it has moved it stays for stay_ns, even on half a core or
 * on a CPU that it has to take from somebody; and it moves by its own choice no oftener than tokens allow, of
 * which one comes each interval. A token is spent when it runs somewhere else, not when that was considered.
 *
 *   stay 32 ms, a token each 100 ms, 4 at the most
 *   moved 10 ms ago                              stays
 *   moved 40 ms ago, four times in that second   stays: no token
 *   moved 40 ms ago, once before                 may move
 *   stays, but its CPU runs an equal,
 *   or was taken by real time a moment ago       moves all the same: waiting is worse
 *
 * Limits: a sibling's lane is read without a lock; one that goes idle a moment later was simply not seen.
 */
#ifndef GS_POLICY_PLACE_H
#define GS_POLICY_PLACE_H

#include "bpf/policy/budget.h"
#include "bpf/policy/preempt.h"

#define GS_NO_CPU 0xffff
#define GS_MOVES_AT_ONCE 4

/* A thread's moves between CPUs. */
struct gs_moves {
  u64 moved_ns;      /* when it last ran on another CPU than before; 0: never */
  u64 tokens_due_ns; /* budget.h: when all tokens are there again */
  u16 cpu;           /* where it last ran, or GS_NO_CPU */
  u16 home;          /* where it last had a core for itself, or GS_NO_CPU */
  u32 unused;
};

/* Whether a thread belongs on the CPUs that are best for games. */
GS_POLICY bool gs_wants_game_cpu(u32 lane, bool of_game) {
  return of_game ? lane != GS_LANE_BACKGROUND : lane == GS_LANE_COMPOSITOR;
}

/* Whether it may leave the CPU where it last ran for a better one. */
GS_POLICY bool gs_may_move(const struct gs_moves* moves, u64 now_ns, u64 stay_ns, u64 interval_ns) {
  u64 due = moves->tokens_due_ns;

  if (moves->moved_ns && now_ns - moves->moved_ns < stay_ns) return false;
  return gs_budget_take(&due, now_ns, interval_ns, GS_MOVES_AT_ONCE);
}

/* It runs on `cpu`. Returns whether it has moved. */
GS_POLICY bool gs_runs_on(struct gs_moves* moves, u32 cpu, u64 now_ns, u64 interval_ns) {
  bool moved = moves->cpu != cpu && moves->cpu != GS_NO_CPU;

  moves->cpu = (u16)cpu;
  if (!moved) return false;
  moves->moved_ns = now_ns;
  gs_budget_take(&moves->tokens_due_ns, now_ns, interval_ns, GS_MOVES_AT_ONCE);
  return true;
}

/* The slowest mouse's and the longest usual audio period, and some more: who comes less often is rarely in the
 * way. */
#define GS_TAKEN_LATELY_NS (12 * GS_MSEC)

/* taken_ns: when a real-time thread last took the CPU from ours; 0: never. */
GS_POLICY bool gs_taken_lately(u64 now_ns, u64 taken_ns) {
  return taken_ns && now_ns - taken_ns < GS_TAKEN_LATELY_NS;
}

/* How good a CPU is to take for a thread of the urgent lane `waking`; 0: not at all. */
GS_POLICY u64 gs_place_score(u32 waking, u32 running, u32 sibling_running, bool best_for_it,
                             bool taken_lately, bool ran_here, u64 has_run_ns) {
  u64 score = gs_victim_score(waking, running, has_run_ns);

  if (!score) return 0;
  return score + ((u64)ran_here << 40) + ((u64)!gs_lane_urgent(sibling_running) << 41) +
         ((u64)!taken_lately << 42) + ((u64)best_for_it << 43);
}

#endif
