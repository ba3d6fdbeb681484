// SPDX-License-Identifier: GPL-2.0-only
/*
 * A CPU wants work: frame threads first (within their share), then whoever comes first of those bound to it
 * and of its LLC's queue, then other LLCs'.
 */
#include "bpf/sched/ctx.bpf.h"
#include "bpf/policy/audio.h"
#include "bpf/policy/inherit.h"
#include "bpf/policy/preempt.h"
#include "bpf/policy/share.h"
#include "bpf/policy/slice.h"

#define NEAR_LOOKS_AT 8
/* First of the queue that are all bound to other CPUs: rare, and not worth more time. */
#define KEEP_LOOKS_AT 8

static __always_inline bool serve(u64 dsq) {
  return scx_bpf_dsq_move_to_local(dsq);
}

/*
 * Who comes first in an LLC's queue; of threads in no hurry, one that last ran on this CPU may come near_ns
 * too early. To move a thread takes the locks of two run queues, and it leaves its cache behind.
 */
static __always_inline bool serve_near(u64 dsq, s32 cpu) {
  s32 queued = scx_bpf_dsq_nr_queued(dsq);
  struct task_struct* next;
  bool moved = false;
  u32 looked_at = 0;
  u64 first = 0;

  if (queued <= 1) return queued > 0 && serve(dsq);
  bpf_for_each(scx_dsq, next, dsq, 0) {
    u64 key = next->scx.dsq_vtime;
    struct task_ctx* tc;

    if (!looked_at) first = key;
    if (key - first > tunables.near_ns) break;
    if (scx_bpf_task_cpu(next) == cpu) {
      if (looked_at) moved = scx_bpf_dsq_move(COMPAT_ITERATOR, next, SCX_DSQ_LOCAL, 0);
      break;
    }
    tc = task_ctx_of(next);
    if (!tc || !gs_may_be_passed(tc->lane, tc->burst_ns) || ++looked_at >= NEAR_LOOKS_AT) break;
  }
  if (moved) count(near);
  return moved || serve(dsq);
}

/* From another LLC, nearest first. */
static __always_inline bool steal(u32 own) {
  u32 i, nr = topology.nr_llcs;

  bpf_for(i, 1, GS_MAX_LLCS) {
    u32 llc = llc_near(own, i);

    if (i >= 2 * nr) break;
    if (llc >= nr) continue;
    if ((scx_bpf_dsq_nr_queued(DSQ_FRAME_BIT | llc) > 0 && serve(DSQ_FRAME_BIT | llc)) || serve(llc))
      return true;
  }
  return false;
}

/* Once an interval: takes one from an LLC whose threads get less than those of this one. */
static __always_inline bool balance(u32 own, u64 now) {
  struct llc_ctx* lc = llc_ctx_of(own);
  u32 i, nr = topology.nr_llcs;

  if (!gs_pace_due(&lc->pace, now)) return false;
  gs_pace_measure(&lc->pace, lc->now_v, now);
  bpf_for(i, 1, GS_MAX_LLCS) {
    u32 llc = llc_near(own, i);

    if (i >= 2 * nr) break;
    if (llc < nr && gs_pace_takes_from(&lc->pace, &llc_ctx_of(llc)->pace, now) &&
        scx_bpf_dsq_nr_queued(llc) > 0 && serve(llc))
      return true;
  }
  return false;
}

/* Another slice for the thread that runs. */
static __always_inline void goes_on(struct task_struct* prev, struct cpu_ctx* cc, u64 slice_ns, u64 now) {
  compat_set_slice(prev, slice_ns);
  cc->slice_end_ns = now + slice_ns;
}

/* An urgent thread that has run for longer than fits into its frame is urgent no more. ran_ns: what it has not
 * been charged for yet. */
__hidden bool ends_urgency(struct task_ctx* tc, u64 ran_ns, u64 now) {
  u64 frame_ns = tc->evidence & GS_EVIDENCE_LAUNCH ? GS_LAUNCH_BURST_NS : game_ctx_of(tc->game)->period_ns;

  if (!gs_ends_urgency(tc->lane, tc->burst_ns + ran_ns,
                       gs_audio_owes_too_much(gs_audio_paid(tc->audio_paid_ns, now, ran_ns), now,
                                              tc->signals.audio_period_ns),
                       frame_ns, tunables.burst_floor_ns))
    return false;
  count(burst_demotions);
  tc->lane = GS_LANE_NORMAL;
  tc->loan = GS_LOAN_NONE;
  tc->frame_until_ns = 0;
  tc->recalls = 0;
  tc->pattern.confidence = 0;
  return true;
}

/* The running urgent thread goes on while nobody of its lane waits and its burst fits into a frame. */
static __always_inline bool keep_urgent_thread(struct task_struct* prev, struct cpu_ctx* cc, u64 now) {
  struct task_ctx* tc;

  if (!prev || !gs_lane_urgent(cc->lane) || !(prev->scx.flags & 1 /* SCX_TASK_QUEUED */)) return false;
  tc = task_ctx_of(prev);
  if (!tc || !gs_lane_urgent(tc->lane) || ends_urgency(tc, now - cc->run_start_ns, now)) return false;
  goes_on(prev, cc, tunables.slice_frame_ns, now);
  return true;
}

/* The key of the first in a queue who may run here. */
static __always_inline bool first_key(u64 dsq, s32 cpu, u64* key) {
  struct task_struct* next;
  u32 looked_at = 0;
  bool found = false;

  bpf_for_each(scx_dsq, next, dsq, 0) {
    if (bpf_cpumask_test_cpu(cpu, next->cpus_ptr)) {
      *key = next->scx.dsq_vtime;
      found = true;
      break;
    }
    if (++looked_at >= KEEP_LOOKS_AT) break;
  }
  return found;
}

/* Whether anybody waits in this CPU's own queue. */
static __always_inline bool bound_wait(struct cpu_ctx* cc, s32 cpu) {
  if (!cc->bound_wait) return false;
  if (scx_bpf_dsq_nr_queued(DSQ_CPU_BIT | cpu) > 0) return true;
  cc->bound_wait = 0;
  return false;
}

/* Serves whoever comes first in the CPU's own queue or its LLC's. */
static __always_inline bool serve_others(struct cpu_ctx* cc, s32 cpu, u32 llc) {
  u64 bound_key, key;

  if (!bound_wait(cc, cpu)) return serve_near(llc, cpu);
  if (scx_bpf_dsq_nr_queued(llc) <= 0) return serve(DSQ_CPU_BIT | cpu);
  if (first_key(DSQ_CPU_BIT | cpu, cpu, &bound_key) && first_key(llc, cpu, &key) &&
      gs_before(key, bound_key) && serve(llc))
    return true;
  return serve(DSQ_CPU_BIT | cpu) || serve(llc);
}

/*
 * The thread that ran is not in the queue yet. It goes on while its key comes before that of the first who
 * may run here: else two threads of one CPU would take turns, whatever their weights.
 */
static __always_inline bool keep_other(struct task_struct* prev, struct cpu_ctx* cc, s32 cpu, u32 llc,
                                       u64 now) {
  u32 nr_cpus = topology.llcs[llc].nr_cpus;
  struct task_ctx* tc;
  bool bound, any;
  s32 queued;
  u64 key, next, bound_next;

  if (!prev || !(prev->scx.flags & 1 /* SCX_TASK_QUEUED */)) return false;
  queued = scx_bpf_dsq_nr_queued(llc);
  bound = bound_wait(cc, cpu);
  tc = task_ctx_of(prev);
  if ((queued <= 0 && !bound) || !tc) return false;
  any = queued > 0 && first_key(llc, cpu, &next);
  if (bound && first_key(DSQ_CPU_BIT | cpu, cpu, &bound_next) && (!any || gs_before(bound_next, next))) {
    next = bound_next;
    any = true;
  }
  task_weigh(prev, tc, now);
  charge(tc, cc, now);
  key = task_key(prev, tc, llc, queued, nr_cpus);
  if (!any || !gs_before(key, next)) return false;
  advance_clock(llc_ctx_of(llc), tc);
  goes_on(prev, cc,
          gs_slice(queued, nr_cpus, tc->weight, tunables.slice_max_ns, tunables.slice_min_ns,
                   tunables.slice_round_ns),
          now);
  return true;
}

__hidden void dispatch(s32 cpu, struct task_struct* prev) {
  struct cpu_ctx* cc = cpu_ctx_of(cpu);
  u32 llc = cc->llc % GS_MAX_LLCS;
  u64 now = bpf_ktime_get_ns();

  if (gs_others_are_due(now, cc->others_served_ns, tunables.frame_hog_ns)) {
    if (serve_others(cc, cpu, llc)) {
      cc->rescuing = 1;
      count(others_rescued);
      return;
    }
    cc->others_served_ns = now;
  }
  if (cc->borrower) inherit_serve(now);
  if (scx_bpf_dsq_nr_queued(DSQ_FRAME_BIT | llc) > 0 && serve(DSQ_FRAME_BIT | llc)) return;
  if (keep_urgent_thread(prev, cc, now)) return;
  if (topology.nr_llcs > 1 && balance(llc, now)) {
    count(balanced);
    return;
  }
  if (keep_other(prev, cc, cpu, llc, now)) return;
  if (serve_others(cc, cpu, llc)) return;
  if (topology.nr_llcs > 1 && steal(llc)) {
    count(steals);
    return;
  }
  /* Nobody waits: it goes on, for a slice of ours instead of the kernel's much longer one. */
  if (prev && prev->scx.flags & 1 /* SCX_TASK_QUEUED */) goes_on(prev, cc, tunables.slice_max_ns, now);
}
