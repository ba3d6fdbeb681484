/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Placement: on which CPU an urgent thread runs.
 *
 * Problem: CPUs are not alike. The sibling of a busy CPU has half a core, an efficient core two thirds of a
 * fast one, and half of the CPUs of some machines lie beside a cache three times as large. And a thread that
 * moves leaves its own cache behind.
 *
 * How: the daemon marks the CPUs that are best for games (none where all are alike). Threads of a game and the
 * compositor go there while there is room, that is, while urgent threads need not push each other out; all others go
 * anywhere. Among CPUs that it could take from others, an urgent thread prefers, in this order: one that no other urgent
 * thread has, which would have to move instead; one that no other has just claimed, which could only wait; one that is
 * best for games; one that no real-time thread has taken a moment ago; one whose sibling runs nothing urgent; where it
 * last ran; the least urgent lane; who has run for longest. It looks no further once nothing speaks against one.
 *
 * Real-time threads run above this scheduler and come back at a rate to the CPU where they last ran: an urgent
 * thread that waits for its turn there is sent away, and has lost the time of a second wake-up. But where one brings
 * an input event, its reader runs right after it on the same CPU, if both are gone before that one comes again: on another
 * it would have to take the CPU from a second thread, and to interrupt it. Only where events come in hundreds a second:
 * the reader waits for the end of that turn, which is not worth a switch that is saved now and then.
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
 *   stays, but its CPU runs another urgent one,
 *   or was taken by real time a moment ago       moves all the same: waiting is worse
 *
 *   a mouse's interrupt, each millisecond for 20 us, and a reader of 300 us    runs after it
 *   a reader of 800 us                                                        would be there when it comes again
 *   a mouse's interrupt each 8 milliseconds                                   its reader takes another CPU
 *   a sound server comes to that CPU, too                                     nobody follows for 12 ms
 *   it computed for longer twice, and the reader had to wait                  nobody follows for a second
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

#define GS_FOLLOWED_PERIOD_NS (3 * GS_MSEC) /* whose events come less often is not followed */
/* For longer a reader does not wait until its CPU is handed on. */
#define GS_FOLLOW_NS (GS_BRIEF_NS / 2)
#define GS_LATE_FOLLOWERS 2
#define GS_TAKERS_CHANGE 3 /* to another, back, and to another again */
#define GS_NO_FOLLOWER_NS GS_SEC

/* The real-time thread that last took a CPU from ours. */
struct gs_taker {
  u64 taken_ns;             /* when; 0: never */
  u64 had_ns;               /* of any CPU by then */
  u64 turn_ns;              /* what it has run for lately */
  u64 period_ns;            /* after how long it came again; 0: another one was there between */
  u64 changed_ns;           /* when it was last another than before */
  u64 no_follower_until_ns; /* others come there, too, or followers had to wait for too long */
  u32 tid;
  u32 changes; /* so many times each soon after the one before */
  u32 late;    /* followers in a row that had to wait */
};

/*
 * One that has had had_ns, usual_turn_ns at a time (gs_usual_turn()), takes a CPU. Another than the last time now and
 * then does not matter.
 */
GS_POLICY void gs_takes(struct gs_taker* taker, u32 tid, u64 had_ns, u64 usual_turn_ns, u64 now_ns) {
  bool same = tid == taker->tid;

  taker->period_ns = same && taker->taken_ns ? now_ns - taker->taken_ns : 0;
  if (!same) {
    taker->changes = gs_taken_lately(now_ns, taker->changed_ns) ? taker->changes + 1 : 1;
    taker->changed_ns = now_ns;
    if (taker->changes >= GS_TAKERS_CHANGE) taker->no_follower_until_ns = now_ns + GS_TAKEN_LATELY_NS;
  }
  taker->turn_ns = same ? gs_ewma4(taker->turn_ns, had_ns - taker->had_ns) : usual_turn_ns;
  taker->tid = tid;
  taker->had_ns = had_ns;
  taker->taken_ns = now_ns;
}

/*
 * Whether a reader that usually runs for burst_ns runs right after it: when it does not have to wait for long, nor who was
 * pre-empted there for both, and both are gone before it comes again.
 */
GS_POLICY bool gs_follows_taker(const struct gs_taker* taker, u64 burst_ns, u64 now_ns) {
  if (taker->turn_ns > GS_BRIEF_NS || burst_ns > GS_BRIEF_NS || taker->period_ns > GS_FOLLOWED_PERIOD_NS ||
      gs_before(now_ns, taker->no_follower_until_ns))
    return false;
  return (taker->turn_ns + burst_ns) * 4 <= taker->period_ns * 3;
}

/* A follower runs, after wait_ns. */
GS_POLICY void gs_has_followed(struct gs_taker* taker, u64 wait_ns, u64 now_ns) {
  if (wait_ns <= GS_FOLLOW_NS) {
    taker->late = 0;
  } else if (++taker->late >= GS_LATE_FOLLOWERS) {
    taker->late = 0;
    taker->no_follower_until_ns = now_ns + GS_NO_FOLLOWER_NS;
  }
}

/* Bits of a score, of which each counts for more than all below. */
#define GS_PLACE_RAN_HERE (1ULL << 40)
#define GS_PLACE_OWN_CORE (1ULL << 41) /* no sibling that runs an urgent thread */
#define GS_PLACE_UNTAKEN (1ULL << 42)  /* by no real-time task lately */
#define GS_PLACE_SUITS (1ULL << 43)
#define GS_PLACE_UNCLAIMED (1ULL << 44)
#define GS_PLACE_FREE (1ULL << 45) /* nobody urgent has the CPU */

/* How good a CPU is to take for a thread of the urgent lane `waking`; 0: not at all. `running`: the lane of who runs there,
 * or has claimed it. */
GS_POLICY u64 gs_place_score(u32 waking, u32 running, bool claimed, u32 sibling_running, bool best_for_it,
                             bool taken_lately, bool ran_here, u64 has_run_ns) {
  u64 score = gs_victim_score(waking, running, has_run_ns);

  if (!score) return 0;
  return score + (ran_here ? GS_PLACE_RAN_HERE : 0) +
         (gs_lane_urgent(sibling_running) ? 0 : GS_PLACE_OWN_CORE) + (taken_lately ? 0 : GS_PLACE_UNTAKEN) +
         (best_for_it ? GS_PLACE_SUITS : 0) + (claimed ? 0 : GS_PLACE_UNCLAIMED) +
         (gs_lane_urgent(running) ? 0 : GS_PLACE_FREE);
}

/*
 * Whether it pays to look at no other CPU: it ran here and nothing speaks against that, or who runs here computes. Whom it
 * takes the CPU from then has not had the most of all; but to look at each costs the more, the more CPUs share a cache, and
 * somebody is waited for meanwhile.
 */
GS_POLICY bool gs_place_is_good(u64 score) {
  return score >= GS_PLACE_FREE + GS_PLACE_UNCLAIMED + GS_PLACE_SUITS + GS_PLACE_UNTAKEN + GS_PLACE_OWN_CORE +
                      ((u64)GS_LANE_NORMAL << 32);
}

/* Whether it is worth the way to another LLC. */
GS_POLICY bool gs_place_is_fair(u64 score) {
  return score & GS_PLACE_FREE && score & GS_PLACE_SUITS;
}

#endif
