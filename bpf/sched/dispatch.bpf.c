// SPDX-License-Identifier: GPL-2.0-only
/*
 * A CPU wants work: frame threads first (within their share), then whoever comes first of those bound to it
 * and of its LLC's queue, then other LLCs'.
 */
#include "bpf/sched/ctx.bpf.h"
#include "bpf/policy/audio.h"
#include "bpf/policy/deadline.h"
#include "bpf/policy/inherit.h"
#include "bpf/policy/preempt.h"
#include "bpf/policy/share.h"

#define NEAR_LOOKS_AT 8
#define QUEUED_KEEP_NS GS_MSEC
/* First of the queue that are all bound to other CPUs: rare, and not worth more time. */
#define KEEP_LOOKS_AT 8

static __always_inline bool serve(u64 dsq) {
  return scx_bpf_dsq_move_to_local(dsq);
}

static __always_inline bool serve_frame(u32 llc) {
  return frame_waits(llc) && serve(DSQ_FRAME_BIT | llc);
}

static __always_inline bool wants_to_go_on(const struct task_struct* prev) {
  return prev && prev->scx.flags & 1 /* SCX_TASK_QUEUED */;
}

/* The thread that ran and wants to go on, if others wait. */
struct rival {
  u64 key;      /* where it would be in the queue, by the LLC's time */
  bool runs_on; /* it wants to go on */
  bool wins;    /* it comes before the first who may run here */
  u64 ran_ns;   /* since it was last charged */
};

/*
 * Serves who comes first in an LLC's queue, unless the rival comes before; of threads in no hurry, one that
 * last ran on this CPU may come near_ns too early. To move a thread takes the locks of two run queues, and it
 * leaves its cache behind.
 */
static __always_inline bool serve_near(u64 dsq, s32 cpu, s32 queued, struct rival* rival) {
  bool moved = false, compares = rival->runs_on, chooses = true;
  struct task_struct* next;
  u32 looked_at = 0;
  u64 first = 0;

  if (queued <= 0) return false;
  if (queued == 1 && !compares) return serve(dsq);
  bpf_for_each(scx_dsq, next, dsq, 0) {
    u64 key = next->scx.dsq_vtime;

    if (compares && bpf_cpumask_test_cpu(cpu, next->cpus_ptr)) {
      rival->wins = gs_before(rival->key, key);
      if (rival->wins) break;
      compares = false;
    }
    if (!looked_at) first = key;
    if (chooses && key - first > tunables.near_ns) chooses = false;
    if (chooses && scx_bpf_task_cpu(next) == cpu) {
      if (looked_at) moved = scx_bpf_dsq_move(COMPAT_ITERATOR, next, SCX_DSQ_LOCAL, 0);
      break;
    }
    if (!gs_key_may_be_passed(key)) chooses = false;
    if ((!chooses && !compares) || ++looked_at >= NEAR_LOOKS_AT) break;
  }
  if (rival->wins) return false;
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
    if (serve_frame(llc) || serve(llc)) return true;
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

/* In this CPU's local queue, or in the frame queue, out of which it is fetched; meanwhile another may have come. */
__noinline int claimant_came(u32 llc) {
  return scx_bpf_dsq_nr_queued(SCX_DSQ_LOCAL) > 0 || serve_frame(llc % GS_MAX_LLCS) ||
         scx_bpf_dsq_nr_queued(SCX_DSQ_LOCAL) > 0;
}

/*
 * Another slice for the thread that runs; unless an urgent one that has claimed this CPU came since dispatch() began,
 * which lets go of the run queue's lock to move threads: its pre-emption, a slice of 0, would be lost. Who is still to come
 * takes the CPU then. Whom nobody has seen by the next time runs elsewhere.
 */
static __always_inline void goes_on(struct task_struct* prev, struct cpu_ctx* cc, u32 lane, u64 slice_ns,
                                    u64 now) {
  u32 claimed = cc->lane;

  if (gs_victim_score(claimed, lane, 0)) {
    if (claimant_came(cc->llc)) return;
    if (cc->claim_stale) __sync_val_compare_and_swap(&cc->lane, claimed, lane);
    cc->claim_stale = !cc->claim_stale;
  }
  compat_set_slice(prev, slice_ns);
  if (cc->lane == GS_LANE_NONE)
    cc->lane = lane; /* it was served against the frame lane for its last slice alone */
  cc->slice_end_ns = now + slice_ns;
  cc->leave_tid = 0;
}

/* An urgent thread that has run for longer than fits into its frame is urgent no more. ran_ns: what it has not
 * been charged for yet. */
__hidden bool ends_urgency(struct task_ctx* tc, u64 ran_ns, u64 now) {
  u64 frame_ns = tc->evidence & GS_EVIDENCE_LAUNCH ? GS_LAUNCH_BURST_NS : game_ctx_of(tc->game)->period_ns;
  u64 burst_ns = tc->burst_ns + ran_ns;

  if (tc->loan) burst_ns = gs_before(tc->loan_burst_ns, burst_ns) ? burst_ns - tc->loan_burst_ns : 0;
  if (tc->loan == GS_LOAN_KERNEL) {
    if (burst_ns < GS_KERNEL_LOAN_NS) return false;
    inherit_ends(tc, now);
    return true;
  }
  if (!gs_ends_urgency(tc->lane, burst_ns,
                       gs_audio_owes_too_much(gs_audio_paid(tc->audio_paid_ns, now, ran_ns), now,
                                              tc->signals.audio_period_ns),
                       frame_ns, tunables.burst_floor_ns))
    return false;
  count(burst_demotions);
  tc->lane = tc->loan ? tc->own_lane : GS_LANE_NORMAL;
  tc->loan = GS_LOAN_NONE;
  tc->frame_until_ns = 0;
  tc->recalls = 0;
  tc->pattern.confidence = 0;
  return true;
}

/* The thread that a CPU keeps waits for its turn like everybody else from now on. A CPU that has gone idle meanwhile could
 * not see it. Whom urgency is lent to is looked for where it is. */
__noinline int let_go(s32 cpu) {
  struct cpu_ctx* cc = cpu_ctx_of(cpu);
  u32 kept = __sync_lock_test_and_set(&cc->kept_tid, 0), own = DSQ_CPU_BIT | (u32)cpu, queue, nr_cpus;
  struct task_struct* next;
  struct task_ctx* tc;
  s32 idle = -1, queued;

  if (!kept) return 0;
  bpf_for_each(scx_dsq, next, own, 0) {
    if (next->pid == kept) {
      tc = task_ctx_of(next);
      if (tc && !tc->loan) {
        queue = compat_bound_to_cpu(next, 0) ? own : cc->llc % GS_MAX_LLCS;
        queued = waiting_in(queue, &nr_cpus);
        scx_bpf_dsq_move_set_vtime(COMPAT_ITERATOR,
                                   gs_key_marked(task_key(next, tc, queue, queued, nr_cpus), true));
        tc->in_time = true;
        if (any_idle()) idle = scx_bpf_pick_idle_cpu(next->cpus_ptr, 0);
        scx_bpf_dsq_move_vtime(COMPAT_ITERATOR, next, queue, 0);
      }
    }
    break;
  }
  if (idle >= 0) scx_bpf_kick_cpu(idle, SCX_KICK_IDLE);
  return 0;
}

__noinline int taken_cpus_let_go(void) {
  u32 cpu;

  __sync_lock_test_and_set(&some_let_go, 0);
  bpf_for(cpu, 0, topology.nr_cpus) {
    if (cpu_ctx_of(cpu)->lets_go && __sync_lock_test_and_set(&cpu_ctx_of(cpu)->lets_go, 0)) let_go(cpu);
  }
  return 0;
}

/* The running urgent thread goes on while nobody of its lane waits and its burst fits into a frame. */
static __always_inline bool keep_urgent_thread(struct task_struct* prev, struct cpu_ctx* cc, s32 cpu,
                                               u64 now) {
  struct task_ctx* tc;
  u32 lane;

  if (!wants_to_go_on(prev) || !gs_lane_urgent(cc->lane)) return false;
  tc = task_ctx_of(prev);
  if (!tc || !gs_lane_urgent(tc->lane)) return false;
  lane = tc->lane;
  if (ends_urgency(tc, uncharged_ns(cc, now), now)) {
    __sync_val_compare_and_swap(&cc->lane, lane, tc->lane); /* it may go on as that */
    charge(tc, cc, cpu, now);                               /* nobody's turn comes by what it ran until now */
    return false;
  }
  goes_on(prev, cc, lane, tunables.slice_frame_ns, now);
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
  if (!(cc->bound_wait | cc->kept_tid)) return false;
  if (scx_bpf_dsq_nr_queued(DSQ_CPU_BIT | cpu) > 0) return true;
  cc->bound_wait = 0;
  cc->kept_tid = 0;
  return false;
}

/* Serves who comes first in an LLC's queue or in the CPU's own, where somebody waits too, unless the rival comes
 * before. */
static __always_inline bool serve_bound(s32 cpu, u32 llc, s32 queued, struct rival* rival) {
  u64 bound_key = 0, key;
  bool bound, any, llc_first;

  if (queued <= 0 && !rival->runs_on) return serve(DSQ_CPU_BIT | cpu);
  bound = first_key(DSQ_CPU_BIT | cpu, cpu, &bound_key);
  any = queued > 0 && first_key(llc, cpu, &key);
  if (!bound && !any) return false;
  bound_key += cpu_ctx_of(cpu)->behind_v;
  llc_first = any && (!bound || gs_before(key, bound_key));
  if (rival->runs_on && gs_before(rival->key, llc_first ? key : bound_key)) {
    rival->wins = true;
    return false;
  }
  return (llc_first && serve(llc)) || serve(DSQ_CPU_BIT | cpu) || serve(llc);
}

static __always_inline bool serve_others(struct cpu_ctx* cc, s32 cpu, u32 llc, s32 queued,
                                         struct rival* rival) {
  return bound_wait(cc, cpu) ? serve_bound(cpu, llc, queued, rival) : serve_near(llc, cpu, queued, rival);
}

/*
 * The thread that ran, as a rival of those who wait; NULL when it does not want to go on, or nobody waits. It is not in
 * the queue yet, and goes on while its key comes before that of the first who
 * may run here: else two threads of one CPU would take turns, whatever their weights.
 */
static __always_inline struct task_ctx* rival_of(struct task_struct* prev, struct cpu_ctx* cc, s32 cpu,
                                                 u32 llc, s32 queued, u64 now, struct rival* rival) {
  struct task_ctx* tc;

  if (!wants_to_go_on(prev) || (queued <= 0 && !cc->bound_wait)) return NULL;
  tc = task_ctx_of(prev);
  if (!tc) return NULL;
  task_weigh(prev, tc, now);
  rival->ran_ns = charge(tc, cc, cpu, now);
  rival->key = task_key(prev, tc, queue_here(tc, cpu, llc), queued, topology.llcs[llc].nr_cpus);
  rival->key += behind_llc(tc->queue);
  rival->runs_on = true;
  return tc;
}

static __always_inline s32 count_anew(u32 llc, u64 now) {
  struct llc_ctx* lc = llc_ctx_of(llc);
  s32 queued = scx_bpf_dsq_nr_queued(llc);

  lc->queued = queued;
  lc->queued_ns = now;
  return queued;
}

/*
 * How many wait in an LLC's queue: 0 and 1 are exact, more as of a moment ago. To ask the kernel means to look the queue
 * up by its number, and nobody's slice needs to know it better.
 */
static __always_inline s32 count_waiting(u32 llc, u64 now) {
  const struct llc_ctx* lc = llc_ctx_of(llc);
  s32 queued = *(volatile const s32*)&lc->queued; /* once: another CPU may set it to 0 before one comes */

  return queued <= 1 || !gs_before(now, lc->queued_ns + QUEUED_KEEP_NS) ? count_anew(llc, now) : queued;
}

SEC("struct_ops/gamesched_dispatch")
void BPF_PROG(gamesched_dispatch, s32 cpu, struct task_struct* prev) {
  struct cpu_ctx* cc = cpu_ctx_of(cpu);
  u32 llc = cc->llc % GS_MAX_LLCS;
  u64 now = leave_time(cc, prev ? prev->pid : 0);
  struct rival rival = {};
  struct task_ctx* tc;
  s32 queued;

  if (gs_others_are_due(now, cc->others_served_ns, tunables.frame_hog_ns)) {
    if (serve_others(cc, cpu, llc, scx_bpf_dsq_nr_queued(llc), &rival)) {
      cc->rescuing = 1;
      cc->kept_tid = 0; /* if there was one, it was the first */
      count(others_rescued);
      return;
    }
    cc->others_served_ns = now;
  }
  if (cc->borrower) inherit_serve(now);
  if (some_let_go) taken_cpus_let_go();
  if (serve_frame(llc)) return;
  if (keep_urgent_thread(prev, cc, cpu, now)) {
    if (cc->kept_tid) let_go(cpu);
    return;
  }
  if (cc->kept_tid && cc->worker_waits) let_go(cpu); /* it would wait for what is left of that slice */
  cc->worker_waits = 0;
  if (cc->kept_tid) {
    cc->kept_tid = 0;
    if (serve(DSQ_CPU_BIT | cpu)) return;
  }
  if (topology.nr_llcs > 1 && balance(llc, now)) {
    count(balanced);
    return;
  }
  queued = count_waiting(llc, now);
  tc = rival_of(prev, cc, cpu, llc, queued, now, &rival);
  if (serve_others(cc, cpu, llc, queued, &rival)) return;
  if (rival.wins && tc) {
    advance_clock(llc_ctx_of(llc), tc, rival.ran_ns);
    goes_on(prev, cc, tc->lane, slice_of(tc, queued, topology.llcs[llc].nr_cpus), now);
    return;
  }
  if (queued > 1) count_anew(llc, now); /* they are gone: nobody may look again for long */
  if (topology.nr_llcs > 1 && steal(llc)) {
    count(steals);
    return;
  }
  if (!wants_to_go_on(prev)) {
    cc->lane = GS_LANE_NONE; /* it may be claimed for somebody who does not come any more */
    cc->follows = 0;
    cc->leave_tid = 0;
    return;
  }
  /* Nobody waits: it goes on, for a slice of ours instead of the kernel's much longer one; and the queue's time
   * with it, or who ran alone would pay for that when others come. */
  if (!rival.runs_on) {
    tc = task_ctx_of(prev);
    if (tc) rival.ran_ns = charge(tc, cc, cpu, now);
  }
  if (tc) advance_clock(llc_ctx_of(llc), tc, rival.ran_ns);
  goes_on(prev, cc, tc ? tc->lane : GS_LANE_NORMAL, tunables.slice_max_ns, now);
}
