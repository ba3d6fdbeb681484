// SPDX-License-Identifier: GPL-2.0-only
/*
 * The frame's critical path: applies bpf/policy/path.h to wake-ups and sleeps.
 */
#include "bpf/sched/ctx.bpf.h"
#include "bpf/policy/inherit.h"
#include "bpf/shared/maps.bpf.h"

static __always_inline u64 keep_ns(u32 game, u32 frames) {
  u64 period = game_ctx_of(game)->period_ns;

  return frames * (period ? period : tunables.frame_period_ns);
}

static __always_inline bool on_frame_path(const struct task_ctx* tc, u64 now) {
  return gs_lane_leads(tc->loan == GS_LOAN_KERNEL ? tc->own_lane : tc->lane) ||
         gs_before(now, tc->frame_until_ns);
}

static __always_inline void join(struct task_ctx* tc, u32 hop, u32 frames, u64 now) {
  u64 until = now + keep_ns(tc->game, frames);

  if (!gs_before(now, tc->frame_until_ns))
    tc->hop = hop;
  else if (hop < tc->hop)
    tc->hop = hop;
  if (gs_before(tc->frame_until_ns, until)) tc->frame_until_ns = until;
}

/* On the frame's path from now on, `hop` steps from its start. */
__hidden void path_join(struct task_ctx* tc, u32 hop, u64 now) {
  join(tc, hop, GS_PATH_KEEP_FRAMES, now);
}

/* A frame thread had waited for it. */
static __always_inline void prove(struct task_ctx* tc, u32 hop, u32 evidence, u64 now) {
  path_join(tc, hop, now);
  tc->evidence |= evidence;
  tc->recalls = GS_PATH_RECALLS;
}

/* A path starts with tc, by that evidence. */
__hidden void path_starts(struct task_ctx* tc, u32 evidence, u64 now) {
  bool by_pattern = (evidence & GS_EVIDENCE_STARTS) == GS_EVIDENCE_PERIODIC;

  join(tc, 0, by_pattern ? GS_PATH_PATTERN_FRAMES : GS_PATH_KEEP_FRAMES, now);
}

/*
 * p wakes. Three things follow: its own open verdict of last time is given; if a thread of its game woke it
 * out of a wait, that thread is p's waker; if that thread is a frame thread, p's work belongs to that one's
 * next wait. released: p waited for a lock of the kernel's, which says nothing of the frame.
 */
__hidden void path_thread_wakes(struct task_struct* p, struct task_ctx* tc, bool by_interrupt, bool released,
                                u64 now) {
  struct task_struct* current;
  struct task_ctx* waker;
  struct gs_waiter* entry;
  bool by_game = false;

  if (tc->done_tid) {
    entry = waiter_of(tc->done_tid);
    if (gs_path_was_waited_for(entry, tc->done_tid, tc->done_wait)) {
      prove(tc, entry->hop + 1, GS_EVIDENCE_PEER, now);
      count(path_peers);
    }
    tc->done_tid = 0;
  }
  tc->peer_tid = 0;
  if (!by_interrupt) {
    current = bpf_get_current_task_btf();
    waker = current->pid ? task_ctx_of(current) : NULL;
    if (waker && !waker->game) {
      if (!released) chain_serves(waker, tc, now);
    } else if (waker && waker->game == tc->game && waker->tid != tc->tid) {
      by_game = !released;
      /* p's own lane is still that of its last wake-up: was it a frame thread when it went to sleep? */
      if (gs_lane_leads(tc->lane) && waker->loan == GS_LOAN_LOCK) {
        inherit_returns(waker, now); /* it was waited for as the lock's holder, this once */
      } else if (!released && gs_lane_leads(tc->lane) && tc->hop < GS_PATH_HOPS_MAX) {
        if (waker->loan && waker->loan != GS_LOAN_KERNEL) inherit_returns(waker, now);
        entry = waiter_of(tc->tid);
        if (entry->tid == tc->tid)
          entry->waker = gs_lane_urgent(waker->loan ? waker->own_lane : waker->lane) ? 0 : waker->tid;
        if (!gs_before(now, waker->frame_until_ns)) count(path_wakers);
        prove(waker, tc->hop + 1, GS_EVIDENCE_WAKER, now);
        if (waker->peer_tid == tc->tid) waker->peer_tid = 0; /* that is its verdict */
      }
      if (on_frame_path(waker, now) && waker->hop < GS_PATH_HOPS_MAX) {
        entry = waiter_of(waker->tid);
        if (entry->tid == waker->tid) {
          tc->peer_tid = waker->tid;
          tc->peer_wait = gs_path_next_wait(entry);
          if (!gs_before(now, tc->frame_until_ns) && gs_path_recalled(&tc->recalls)) {
            join(tc, waker->hop + 1, GS_PATH_RECALL_FRAMES, now);
            tc->evidence |= GS_EVIDENCE_PEER;
          }
        }
      }
    }
  }
  entry = waiter_of(tc->tid);
  if (entry->tid == tc->tid && entry->waiting) gs_path_wait_ends(entry, by_game);
}

/* A game's thread goes to sleep. */
__hidden void path_thread_sleeps(struct task_ctx* tc) {
  struct gs_waiter* entry;

  if (tc->peer_tid) {
    if (gs_path_done_in_time(waiter_of(tc->peer_tid), tc->peer_tid, tc->peer_wait)) {
      tc->done_tid = tc->peer_tid;
      tc->done_wait = tc->peer_wait;
    } else {
      gs_path_was_late(&tc->recalls);
    }
    tc->peer_tid = 0;
  }
  if (!gs_lane_leads(tc->lane)) return;
  entry = waiter_of(tc->tid);
  if (entry->tid != tc->tid) {
    entry->tid = tc->tid;
    entry->waits = 0;
    entry->ended_by_game = 0;
    entry->waker = 0;
  }
  entry->hop = tc->hop;
  gs_path_wait_begins(entry);
}
