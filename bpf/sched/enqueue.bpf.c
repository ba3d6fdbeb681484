// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queueing a thread that found no idle CPU when it woke, was never asked (its affinity leaves one CPU), or
 * has used its slice.
 */
#include "bpf/sched/ctx.bpf.h"
#include "bpf/policy/audio.h"
#include "bpf/policy/deadline.h"
#include "bpf/policy/preempt.h"
#include "bpf/policy/urgent.h"

/* An idle CPU that may run p is told to look at the queues. */
static __always_inline void kick_idle(struct task_struct* p, s32 cpu, bool bound) {
  if (bound) {
    if (scx_bpf_test_and_clear_cpu_idle(cpu)) scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
    return;
  }
  if (!any_idle()) return;
  cpu = scx_bpf_pick_idle_cpu(p->cpus_ptr, 0);
  if (cpu >= 0) scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
}

static __always_inline u64 urgent_key(struct task_ctx* tc, u64 now) {
  struct game_ctx* game = game_ctx_of(tc->game);
  u64 begin = game->begin_ns, period = game->period_ns;

  if (tc->evidence & GS_EVIDENCE_ERRAND) return now; /* short, and somebody's frame is past all else */
  if (tc->lane == GS_LANE_COMPOSITOR) {
    begin = tc->signals.frames.begin_ns;
    period = gs_frame_period(&tc->signals.frames);
  }
  return gs_urgent_key(now, tc->lane, tc->hop, begin, period ? period : tunables.frame_period_ns,
                       tc->signals.audio_period_ns, tc->window);
}

/*
 * On another CPU a victim comes to the frame queue of its LLC. To send a thread there, to pre-empt, is no way: up to
 * 6.18 the kernel loses that flag when it moves one on its own, and who was sent would wait for a hog's slice to end in
 * a local queue that nobody else looks at.
 */
static __always_inline void enqueue_urgent_thread(struct task_struct* p, struct task_ctx* tc, s32 cpu,
                                                  u64 enq_flags, u64 now) {
  bool bound = compat_bound_to_cpu(p, enq_flags), moves = !bound && compat_runs_nowhere(p, enq_flags);
  s32 victim = -1;
  u32 llc;

  /* Asked for a CPU a moment ago, select_cpu() found none; all others (pinned, pre-empted, slice used) look
   * for one now. */
  if (!compat_cpu_selected(p, enq_flags)) victim = place_urgent_thread(p, tc, cpu, moves, now);
  if (victim == cpu) {
    count(frame_preemptions);
    scx_bpf_dsq_insert(p, SCX_DSQ_LOCAL, tunables.slice_frame_ns, SCX_ENQ_PREEMPT);
    return;
  }
  count(frame_queued);
  llc = cpu_ctx_of(victim >= 0 ? victim : cpu)->llc % GS_MAX_LLCS;
  if (!bound) __sync_fetch_and_add(&llc_ctx_of(llc)->frame_arrivals, 1);
  joins_frame_queue(tc, llc);
  scx_bpf_dsq_insert_vtime(p, DSQ_FRAME_BIT | llc, tunables.slice_frame_ns, urgent_key(tc, now), enq_flags);
  if (victim >= 0)
    scx_bpf_kick_cpu(victim, SCX_KICK_PREEMPT);
  else /* A CPU may have gone idle since it was looked for. */
    kick_idle(p, cpu, bound);
}

/* Into the queue of its LLC, or, where it can run on this CPU alone, of the CPU: so that nobody has to look
 * past it. Both are ordered by the LLC's virtual time, and dispatch() takes who comes first in either. */
static __always_inline void enqueue_other(struct task_struct* p, struct task_ctx* tc, struct cpu_ctx* cc,
                                          s32 cpu, bool bound, u64 enq_flags) {
  u32 dsq = bound ? DSQ_CPU_BIT | (u32)cpu : cc->llc % GS_MAX_LLCS, nr_cpus;
  s32 queued = waiting_in(dsq, &nr_cpus);
  u64 slice, key;

  if (bound) cc->bound_wait = 1;
  if (bound && p->flags & PF_KTHREAD && gs_may_preempt(tc->lane, GS_LANE_NORMAL, 0, 0)) cc->worker_waits = 1;
  slice = slice_of(tc, queued, nr_cpus);
  key = task_key(p, tc, dsq, queued, nr_cpus);
  tc->in_time = true;
  scx_bpf_dsq_insert_vtime(p, dsq, slice, gs_key_marked(key, gs_may_be_passed(tc->lane, tc->burst_ns)),
                           enq_flags);
}

/*
 * Whom a brief urgent thread has pre-empted finishes its slice on this CPU right after that one. It does not
 * wait for it while others are idle. First in the CPU's own queue, not in the local one: from that it would be
 * picked without a question, and frame threads that wait by then go first. Not when a real-time task has the CPU and
 * has it handed back.
 */
static __always_inline bool goes_on_here(struct task_struct* p, struct task_ctx* tc, struct cpu_ctx* cc,
                                         s32 cpu, u64 enq_flags) {
  u64 left = tc->slice_left_ns;

  tc->slice_left_ns = 0;
  if (!left || compat_enq_wakeup(enq_flags) || compat_handed_back(enq_flags) || cc->kept_tid || cc->away ||
      any_idle())
    return false;
  cc->kept_tid = p->pid;
  cc->bound_wait = 1; /* it waits there, even if kept_tid is forgotten */
  scx_bpf_dsq_insert_vtime(p, DSQ_CPU_BIT | cpu, left, time_of(DSQ_CPU_BIT | (u32)cpu) - GS_SEC, 0);
  count(slices_kept);
  return true;
}

static __always_inline bool is_audio_again(const struct task_ctx* tc, u64 now) {
  const struct gs_signals* signals = &tc->signals;

  if (!(signals->audio_ns | tc->audio_server)) return false;
  return gs_is_audio_again(tc->lane, tc->audio_server, gs_age(now, signals->audio_ns),
                           gs_audio_owes_too_much(tc->audio_paid_ns, now, signals->audio_period_ns));
}

SEC("struct_ops/gamesched_enqueue")
void BPF_PROG(gamesched_enqueue, struct task_struct* p, u64 enq_flags) {
  s32 cpu = scx_bpf_task_cpu(p);
  struct task_ctx* tc = task_ctx_of(p);
  struct cpu_ctx* cc = cpu_ctx_of(cpu);
  bool wakes = compat_enq_wakeup(enq_flags), asked = compat_cpu_selected(p, enq_flags), bound;
  u64 now;

  if (!tc) {
    scx_bpf_dsq_insert(p, SCX_DSQ_GLOBAL, tunables.slice_min_ns, enq_flags);
    return;
  }
  /* select_cpu() was asked a moment ago; who leaves was in stopping(). */
  if (!wakes)
    now = leave_time(cc, p->pid);
  else
    now = asked && tc->runnable_ns ? tc->runnable_ns : bpf_ktime_get_ns();
  if (cc->away && compat_bound_to_cpu(p, enq_flags)) {
    scx_bpf_dsq_insert(p, SCX_DSQ_LOCAL_ON | cpu, tunables.slice_min_ns, 0);
    return;
  }
  if (wakes && !asked) {
    count(wakeups);
    task_wakes(p, tc, now, p->nr_cpus_allowed == 1);
    if (scx_bpf_test_and_clear_cpu_idle(cpu)) {
      count(idle_dispatches);
      scx_bpf_dsq_insert(p, SCX_DSQ_LOCAL_ON | cpu, tunables.slice_max_ns, 0);
      return;
    }
  }
  if (tc->signals.launch_ns && !wakes) launch_begins(tc, now);
  if (!wakes && is_audio_again(tc, now)) tc->lane = GS_LANE_AUDIO;
  if (gs_lane_urgent(tc->lane) && (wakes || !ends_urgency(tc, 0, now))) {
    enqueue_urgent_thread(p, tc, cpu, enq_flags, now);
  } else if (!goes_on_here(p, tc, cc, cpu, enq_flags)) {
    bound = compat_bound_to_cpu(p, enq_flags);
    enqueue_other(p, tc, cc, cpu, bound, enq_flags);
    if (wakes &&
        gs_may_preempt(tc->lane, cc->lane, now - cc->run_start_ns,
                       gs_preempt_granule(p->flags & PF_KTHREAD, bound, tunables.preempt_granule_ns))) {
      count(interactive_preemptions);
      scx_bpf_kick_cpu(cpu, SCX_KICK_PREEMPT);
      return;
    }
    /* Also for who was asked a moment ago: a CPU may have become idle since. */
    kick_idle(p, cpu, bound);
  }
}
