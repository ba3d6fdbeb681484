// SPDX-License-Identifier: GPL-2.0-only
/*
 * A CPU wants work: frame threads first (within their share), then its LLC's queue, then other LLCs'.
 */
#include "bpf/sched/ctx.bpf.h"
#include "bpf/policy/share.h"
#include "bpf/policy/slice.h"

#define KEEP_LOOKS_AT \
  8 /* first of the queue that are all bound to other CPUs: rare, and not worth more time */

static __always_inline bool serve(u64 dsq) {
  return scx_bpf_dsq_move_to_local(dsq);
}

static __always_inline bool steal(u32 own) {
  u32 i, nr = topology.nr_llcs;

  bpf_for(i, 1, nr) {
    u32 llc = (own + i) % nr;

    if ((scx_bpf_dsq_nr_queued(DSQ_FRAME_BIT | llc) > 0 && serve(DSQ_FRAME_BIT | llc)) || serve(llc))
      return true;
  }
  return false;
}

/* The running urgent thread goes on while nobody of its lane waits and its burst fits into a frame. */
static __always_inline bool keep_urgent_thread(struct task_struct* prev, struct cpu_ctx* cc, u64 now) {
  struct task_ctx* tc;
  struct game_ctx* game;

  if (!prev || !gs_lane_urgent(cc->lane) || !(prev->scx.flags & 1 /* SCX_TASK_QUEUED */)) return false;
  tc = task_ctx_of(prev);
  if (!tc || !gs_lane_urgent(tc->lane)) return false;
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

/*
 * The thread that ran is not in the queue yet. It goes on while its key comes before that of the first who
 * may run here: else two threads of one CPU would take turns, whatever their weights.
 */
static __always_inline bool keep_other(struct task_struct* prev, struct cpu_ctx* cc, s32 cpu, u32 llc,
                                       u64 now) {
  u32 nr_cpus = topology.llcs[llc].nr_cpus, looked_at = 0;
  struct task_struct* next;
  struct task_ctx* tc;
  bool keep = false;
  s32 queued;
  u64 key;

  if (!prev || !(prev->scx.flags & 1 /* SCX_TASK_QUEUED */)) return false;
  queued = scx_bpf_dsq_nr_queued(llc);
  tc = task_ctx_of(prev);
  if (queued <= 0 || !tc) return false;
  charge(prev, tc, cc, now);
  key = task_key(prev, tc, llc, queued, nr_cpus);
  bpf_for_each(scx_dsq, next, llc, 0) {
    if (bpf_cpumask_test_cpu(cpu, next->cpus_ptr)) {
      keep = gs_before(key, next->scx.dsq_vtime);
      break;
    }
    if (++looked_at >= KEEP_LOOKS_AT) break;
  }
  if (!keep) return false;
  advance_clock(llc_ctx_of(llc), tc);
  compat_set_slice(prev, gs_slice(queued, nr_cpus, prev->scx.weight, tunables.slice_max_ns,
                                  tunables.slice_min_ns, tunables.slice_round_ns));
  return true;
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
  if (scx_bpf_dsq_nr_queued(DSQ_FRAME_BIT | llc) > 0 && serve(DSQ_FRAME_BIT | llc)) return;
  if (keep_urgent_thread(prev, cc, now)) return;
  if (keep_other(prev, cc, cpu, llc, now)) return;
  if (serve(llc)) return;
  if (topology.nr_llcs > 1 && steal(llc)) {
    count(steals);
    return;
  }
  /* Nobody waits: it goes on, for a slice of ours instead of the kernel's much longer one. */
  if (prev && prev->scx.flags & 1 /* SCX_TASK_QUEUED */) compat_set_slice(prev, tunables.slice_max_ns);
}
