// SPDX-License-Identifier: GPL-2.0-only
/*
 * A CPU wants work: frame threads first (within their share), then its LLC's queue, then other LLCs'.
 */
#include "bpf/sched/ctx.bpf.h"
#include "bpf/policy/share.h"

static __always_inline bool serve(u64 dsq) {
  return scx_bpf_dsq_move_to_local(dsq);
}

static __always_inline bool steal(u32 own) {
  u32 i, nr = topology.nr_llcs;

  bpf_for(i, 1, nr) {
    u32 llc = (own + i) % nr;

    if ((llc_ctx_of(llc)->frame_queued && serve(DSQ_FRAME_BIT | llc)) || serve(llc)) return true;
  }
  return false;
}

/* The running frame thread goes on while nobody of its lane waits and its burst fits into a frame. */
static __always_inline bool keep_frame_thread(struct task_struct* prev, struct cpu_ctx* cc, u64 now) {
  struct task_ctx* tc;
  struct game_ctx* game;

  if (!prev || cc->lane != GS_LANE_FRAME || !(prev->scx.flags & 1 /* SCX_TASK_QUEUED */)) return false;
  tc = task_ctx_of(prev);
  if (!tc || tc->lane != GS_LANE_FRAME) return false;
  game = game_ctx_of(tc->game);
  if (!gs_burst_too_long(tc->burst_ns + (now - cc->run_start_ns), game->period_ns, tunables.burst_floor_ns)) {
    compat_set_slice(prev, tunables.slice_frame_ns);
    return true;
  }
  count(burst_demotions);
  tc->lane = GS_LANE_NORMAL;
  tc->frame_until_ns = 0;
  tc->pattern.confidence = 0;
  return false;
}

__hidden void dispatch(s32 cpu, struct task_struct* prev) {
  struct cpu_ctx* cc = cpu_ctx_of(cpu);
  u32 llc = cc->llc % GS_MAX_LLCS;
  u64 now = bpf_ktime_get_ns();

  if (gs_others_are_due(now, cc->others_served_ns, tunables.frame_hog_ns)) {
    if (serve(llc)) {
      cc->rescuing = 1;
      count(others_rescued);
      return;
    }
    cc->others_served_ns = now;
  }
  if (llc_ctx_of(llc)->frame_queued && serve(DSQ_FRAME_BIT | llc)) return;
  if (keep_frame_thread(prev, cc, now)) return;
  if (serve(llc)) return;
  if (topology.nr_llcs > 1 && steal(llc)) count(steals);
}
