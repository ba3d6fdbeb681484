// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accounting: a thread starts, a thread stops.
 *
 * Somebody waits for an urgent thread: what has to be noted of its start is noted when it stops.
 *
 * Both may come from another CPU than the thread's: from who changes its nice value, its CPUs or its control group while it
 * runs.
 */
#include "bpf/sched/ctx.bpf.h"
#include "bpf/shared/input_times.bpf.h"
#include "bpf/policy/audio.h"
#include "bpf/policy/deadline.h"
#include "bpf/policy/histogram.h"
#include "bpf/policy/inherit.h"
#include "bpf/policy/preempt.h"

#define TASK_INTERRUPTIBLE 1
#define TASK_UNINTERRUPTIBLE 2
#define TASK_NOLOAD 0x400

static __always_inline void count_wait(u32 lane, u64 wait_ns) {
  struct gs_cpu_counters* cpu = counters_here();

  if (lane >= GS_WAIT_LANES) return;
  cpu->waits[lane][gs_histogram_bucket(wait_ns, GS_WAIT_BUCKETS) % GS_WAIT_BUCKETS]++;
  if (wait_ns > cpu->longest_wait_ns[lane]) cpu->longest_wait_ns[lane] = wait_ns;
}

/* Where it runs, whether it has moved, and whether it has the core for itself. */
static __always_inline void note_cpu(struct task_ctx* tc, u32 cpu, bool urgent, u64 now) {
  if (!urgent) {
    tc->moves.cpu = cpu;
    return;
  }
  if (gs_runs_on(&tc->moves, cpu, now, tunables.move_interval_ns)) count(moves);
  if (sibling_lane(cpu) == GS_LANE_NONE && cpu_suits(tc, cpu)) tc->moves.home = cpu;
}

/* Notes that tc started on a CPU at cc->run_start_ns, and has run for ran_ns since. */
static __always_inline void note_start(struct task_ctx* tc, struct cpu_ctx* cc, s32 cpu, u64 ran_ns) {
  u32 lane = cc->started_as, queue = queue_here(tc, cpu, cc->llc);

  cc->start_unnoted = 0;
  if (cc->waited) {
    tc->wait_avg_ns = gs_ewma4(tc->wait_avg_ns, tc->wait_ns);
    count_wait(lane, tc->wait_ns);
  }
  note_cpu(tc, cpu, gs_lane_urgent(lane), cc->run_start_ns);
  if (gs_lane_urgent(lane)) {
    /* It does not wait for its turn, and nobody's turn comes by what it runs: it begins at the queue's time at the latest, and
     * not long before, should it have to wait for its turn later. */
    u64 lag = tunables.lag_max_ns + ran_ns, now_v;

    if (tc->queue != queue) task_join_clock(tc, queue);
    now_v = time_of(queue);
    if (gs_before(now_v, tc->vtime)) {
      tc->vtime = now_v;
      tc->ahead_v = 0;
    } else if (!tc->burst_ns && gs_before(tc->vtime, now_v - lag)) {
      tc->vtime = now_v - lag;
      tc->ahead_v = 0;
    }
    if (tc->children_v) pay_for_children(tc, now_v);
    tc->in_time = false;
    return;
  }
  /* A thread that woke and went straight to an idle CPU never got a key: bring its virtual time here now. */
  if (!tc->in_time || tc->queue != queue) task_join_clock(tc, queue);
  tc->in_time = false;
  advance_clock(llc_ctx_of(cc->llc), tc, 0);
}

SEC("struct_ops/gamesched_running")
void BPF_PROG(gamesched_running, struct task_struct* p) {
  s32 cpu = scx_bpf_task_cpu(p);
  struct task_ctx* tc = task_ctx_of(p);
  struct cpu_ctx* cc = cpu_ctx_of(cpu);
  struct llc_ctx* llc = llc_ctx_of(cc->llc);
  u64 now = arrive_time(cc);

  cc->run_start_ns = now;
  cc->slice_end_ns = now + p->scx.slice;
  cc->tid = p->pid;
  cc->claim_stale = 0;
  if (!tc) {
    cc->lane = GS_LANE_NORMAL;
    cc->input_ns = 0;
    return;
  }
  tc->tid = p->pid; /* exec() in another thread than the first changes it */
  leaves_frame_queue(tc);
  cc->waited = tc->runnable_ns != 0;
  if (cc->waited) tc->wait_ns = gs_before(now, tc->runnable_ns) ? 0 : now - tc->runnable_ns;
  tc->runnable_ns = 0;
  if (cc->follows) {
    if (cc->follower == tc->tid) gs_has_followed(&cc->taker, tc->wait_ns, now);
    cc->follows = 0;
  }
  cc->lent = tc->loan == GS_LOAN_KERNEL;
  cc->started_as = tc->loan ? tc->own_lane : tc->lane; /* its time is its own */
  cc->start_unnoted = gs_lane_urgent(cc->started_as);
  if (!cc->start_unnoted) {
    task_weigh(p, tc, now);
    note_start(tc, cc, cpu, 0);
  }
  cc->input_ns = tc->game ? 0 : tc->input_ns; /* where it arrives it ends */
  if (tc->input_ns) {
    cc->input_step = tc->input_step;
    cc->input_lane = tc->input_lane;
    if (tc->game) input_reader_runs(tc->game, tc->input_lane, tc->input_step > 1, tc->input_ns, now);
    tc->input_ns = 0;
  }
  cc->lane = tc->lane;
  if (cc->rescuing) {
    /* Served against the frame lane: nobody takes the CPU from it for this slice. */
    cc->rescuing = 0;
    cc->lane = GS_LANE_NONE;
  } else if (cc->borrower && !gs_lane_urgent(tc->lane)) {
    /* It finishes its slice here without dispatch() having been asked: somebody is waited for. */
    scx_bpf_kick_cpu(cpu, SCX_KICK_PREEMPT);
  } else if (!gs_lane_urgent(tc->lane) && cc->frame_arrivals_seen != llc->frame_arrivals) {
    /* A frame thread that looked for a CPU while this one was between two threads saw no victim here, and
     * queued: look at the queue again, once. */
    cc->frame_arrivals_seen = llc->frame_arrivals;
    if (scx_bpf_dsq_nr_queued(DSQ_FRAME_BIT | cc->llc) > 0) scx_bpf_kick_cpu(cpu, SCX_KICK_PREEMPT);
  } else if (cc->worker_waits && gs_may_preempt(GS_LANE_INTERACTIVE, tc->lane, 0, 0)) {
    /* It woke while a real-time thread had the CPU, or between two threads: nobody was told to go. */
    scx_bpf_kick_cpu(cpu, SCX_KICK_PREEMPT);
  }
}

/* Charges a thread for what it ran on a CPU since it started or was last charged. Returns that. */
__hidden u64 charge(struct task_ctx* tc, struct cpu_ctx* cc, s32 cpu, u64 now) {
  u64 ran = uncharged_ns(cc, now), ran_v = gs_virtual(ran, tc->weight);
  u32 lane = tc->lane;

  if (cc->start_unnoted) note_start(tc, cc, cpu, ran);
  cc->run_start_ns += ran;
  if (!gs_lane_urgent(lane)) {
    cc->others_ran_ns += ran;
    if (cc->others_ran_ns >= tunables.slice_min_ns) {
      cc->others_ran_ns = 0;
      cc->others_served_ns = now;
    }
  }
  tc->vtime += ran_v;
  tc->own_v += ran_v;
  tc->burst_ns += ran;
  if (gs_ends_brevity(lane, tc->burst_ns, tunables.interactive_burst_ns) &&
      *(volatile u8*)&tc->lane == lane /* nobody has lent it urgency meanwhile */) {
    tc->lane = GS_LANE_NORMAL;
    __sync_val_compare_and_swap(&cc->lane, lane, GS_LANE_NORMAL); /* unless it is claimed */
  }
  if (tc->signals.audio_ns | tc->signals.named | tc->audio_server)
    tc->audio_paid_ns = gs_audio_paid(tc->audio_paid_ns, now, ran);
  return ran;
}

SEC("struct_ops/gamesched_stopping")
void BPF_PROG(gamesched_stopping, struct task_struct* p, bool runnable) {
  s32 cpu = scx_bpf_task_cpu(p);
  struct task_ctx* tc = task_ctx_of(p);
  struct cpu_ctx* cc = cpu_ctx_of(cpu);
  u64 now = leave_time(cc, p->pid);
  u32 taken_by = cc->lane;

  cc->lane = GS_LANE_NONE;
  if (!tc) return;
  /* While the scheduler comes, threads stop that never started under it. */
  if (cc->tid == p->pid) {
    u64 ran_ns = charge(tc, cc, cpu, now);

    /* Else it would go ahead of the clock by what it ran beyond a slice, each time. */
    if (!runnable && ran_ns > tunables.slice_max_ns && !gs_lane_urgent(tc->lane) &&
        !gs_lane_urgent(cc->started_as))
      advance_clock(llc_ctx_of(cc->llc), tc, ran_ns);
    if (runnable && cc->input_ns) { /* it is not done with the event yet */
      tc->input_ns = cc->input_ns;
      tc->input_step = cc->input_step;
      tc->input_lane = cc->input_lane;
    }
  }
  cc->tid = 0;
  /* It got the lock without a sleep, if it is not that which it begins here. */
  if (tc->lock_wait && (runnable || !(p->__state & TASK_UNINTERRUPTIBLE))) tc->lock_wait = 0;
  if (runnable) {
    tc->runnable_ns = now;
    tc->in_time = !(tc->queue & DSQ_CPU_BIT); /* a CPU's own queue may have waited for long with it */
    tc->slice_left_ns = gs_slice_kept(tc->lane, taken_by, cc->claim_burst_ns, cc->slice_end_ns, now);
    return;
  }
  tc->open_wait = p->__state & TASK_INTERRUPTIBLE;
  /* So idle workers sleep. */
  if (tc->evidence & GS_EVIDENCE_ERRAND && p->__state & TASK_NOLOAD) tc->evidence = 0;
  if (gs_lane_urgent(tc->lane)) task_weigh(p, tc, now); /* not when it starts: it is waited for */
  tc->burst_avg_ns = gs_ewma4(tc->burst_avg_ns, tc->burst_ns);
  tc->burst_ns = 0;
  if (tc->loan == GS_LOAN_KERNEL) inherit_ends(tc, now);
  tc->loan = GS_LOAN_NONE;
  if (!tc->game) return;
  path_thread_sleeps(tc);
  if (gs_lane_leads(tc->lane)) inherit_wait_begins(p, tc, now);
}
