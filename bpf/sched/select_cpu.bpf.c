// SPDX-License-Identifier: GPL-2.0-only
/*
 * Choosing a CPU for a thread that wakes.
 *
 * An idle CPU first, by the kernel's own choice (previous CPU, then a whole idle core, then any,
 * nearest first: it knows SMT, LLC and NUMA), among those that are best for games before all others where a
 * game wakes and CPUs differ. With none idle, an urgent thread takes a CPU from a lower lane; everybody else
 * goes to the queue of the LLC where it last ran. An urgent thread goes back to its own core when that is
 * idle, and does not move again right after it has (place.h).
 */
#include "bpf/sched/ctx.bpf.h"
#include "bpf/policy/place.h"

/* Looked at by an urgent thread that finds no CPU to take in its own: bounds the search. */
#define FAR_LLCS 8

/*
 * A timer or device that wakes an urgent thread does so on the CPU where it last ran: it takes that one
 * without looking further, as a real-time thread would. Should another CPU be idle, the thread that had to go
 * finds it. Not from another urgent one that has it, or that woke here just before: in the CPU's local queue that one
 * could only wait.
 */
static __always_inline bool takes_this_cpu(struct cpu_ctx* here, const struct task_ctx* tc, s32 prev_cpu) {
  return prev_cpu == bpf_get_smp_processor_id() && cpu_suits(tc, prev_cpu) && claim(here, tc, true);
}

/*
 * Who reads an input event runs right after the real-time thread that brings it, on the CPU that this one has taken from
 * somebody for a moment (place.h): the thread of an interrupt, or of a program that plays a device. In an interrupt the
 * current thread is a bystander, but for the kernel's own: there a driver's part may run as an interrupt within its thread.
 */
static __always_inline bool runs_after_taker(struct cpu_ctx* here, const struct task_struct* p,
                                             const struct task_ctx* tc, s32 prev_cpu, u64 now) {
  const struct task_struct* taker = bpf_get_current_task_btf();
  s32 cpu = bpf_get_smp_processor_id();

  if (!tc->input_ns || !(tc->game || tc->evidence & (GS_EVIDENCE_BRINGS | GS_EVIDENCE_FLIP))) return false;
  if (here->taker.tid != taker->pid || here->lane != GS_LANE_NONE) return false;
  /* A deadline task's is below 0: real-time ones that wait for it are not counted. */
  if ((u32)taker->prio >= MAX_RT_PRIO || (compat_in_interrupt() && !(taker->flags & PF_KTHREAD)))
    return false;
  if (!gs_follows_taker(&here->taker, tc->burst_avg_ns, now) || compat_real_time_waits_here()) return false;
  if (here->llc != cpu_ctx_of(prev_cpu)->llc || gs_lane_urgent(sibling_lane(cpu)) || !cpu_suits(tc, cpu))
    return false;
  if (cpu != prev_cpu && here->follower != tc->tid &&
      !gs_may_move(&tc->moves, now, tunables.stay_ns, tunables.move_interval_ns))
    return false;
  if (!bpf_cpumask_test_cpu(cpu, p->cpus_ptr) || any_idle()) return false;
  /* A real-time thread has it still: nobody may take it for a victim meanwhile. */
  if (__sync_val_compare_and_swap(&here->lane, GS_LANE_NONE, GS_LANE_GAME_AUDIO) != GS_LANE_NONE)
    return false;
  here->claim_burst_ns = tc->burst_avg_ns;
  here->follower = tc->tid;
  here->follows = 1;
  return true;
}

/* Verified by itself: 6.18's verifier gives up when it has to follow it through the loop of look_for_victim(). */
__noinline u64 score_of(struct task_ctx* tc, s32 cpu, u32 ran_here, u64 now) {
  struct cpu_ctx* cc = cpu_ctx_of(cpu);

  if (!tc) return 0;
  return gs_place_score(tc->lane, cc->lane, is_claimed(cc), sibling_lane(cpu), cpu_suits(tc, cpu),
                        gs_taken_lately(now, cc->taker.taken_ns), ran_here, uncharged_ns(cc, now));
}

struct victim {
  u64 score;
  s32 cpu; /* -1: none yet */
};

/* Looks for a better one than the best so far among the CPUs of an LLC, until one is good. Each thread begins with another,
 * and with the same each time: of those that wake at once each finds its own. */
__noinline int look_for_victim(struct task_struct* p __arg_trusted, struct task_ctx* tc, u32 llc, u64 now,
                               struct victim* best) {
  u32 nr = topology.llcs[llc % GS_MAX_LLCS].nr_cpus, i, first;
  s32 known;

  if (!tc || !best || !nr) return 0;
  known = best->cpu;
  first = tc->tid % nr;
  bpf_for(i, 0, nr) {
    u32 cpu, at = first + i < nr ? first + i : first + i - nr;
    u64 score;

    if (at >= GS_LLC_CPUS) break;
    cpu = topology.llcs[llc % GS_MAX_LLCS].cpus[at];
    /* No victim, as most are not: not worth a score. */
    if ((s32)cpu == known || !gs_victim_score(tc->lane, cpu_ctx_of(cpu)->lane, 0)) continue;
    score = score_of(tc, cpu, false, now);
    if (score > best->score && bpf_cpumask_test_cpu(cpu, p->cpus_ptr)) {
      best->score = score;
      best->cpu = cpu;
      if (gs_place_is_good(score)) break;
    }
  }
  return 0;
}

/*
 * The CPU that an urgent thread shall take; -1 when all run threads as urgent, real-time tasks or are not
 * allowed. Its own LLC's first; with `anywhere` others', nearest first, for one that suits it and that nobody
 * urgent has, or for one at all. The choice is claimed, so that of several that wake together each takes another CPU.
 */
__noinline s32 place_urgent_thread(struct task_struct* p __arg_trusted, struct task_ctx* tc, s32 prev_cpu,
                                   bool anywhere, u64 now) {
  u32 llc = cpu_ctx_of(prev_cpu)->llc % GS_MAX_LLCS, nr = topology.nr_llcs, i;
  struct victim best = {.score = 0, .cpu = -1};

  if (!tc) return -1;
  if (bpf_cpumask_test_cpu(prev_cpu, p->cpus_ptr)) {
    best.score = score_of(tc, prev_cpu, true, now);
    if (best.score) best.cpu = prev_cpu;
  }
  if (!gs_place_is_good(best.score)) look_for_victim(p, tc, llc, now, &best);
  if (anywhere && nr > 1 && !gs_place_is_fair(best.score)) bpf_for(i, 1, FAR_LLCS) {
      u32 other = llc_near(llc, i);

      if (i >= 2 * nr) break;
      if (other < nr) look_for_victim(p, tc, other, now, &best);
      if (gs_place_is_fair(best.score)) break;
    }
  if (best.cpu < 0 || claim(cpu_ctx_of(best.cpu), tc, best.score & GS_PLACE_FREE)) return best.cpu;
  /* Another was faster: the next best, in its own LLC. */
  best.score = 0;
  best.cpu = -1;
  look_for_victim(p, tc, llc, now, &best);
  return best.cpu >= 0 && claim(cpu_ctx_of(best.cpu), tc, false) ? best.cpu : -1;
}

/* An idle CPU for an urgent thread without a search: where it stays, or its core when nobody is there. */
static __always_inline s32 known_cpu(struct task_struct* p, struct task_ctx* tc, s32 prev_cpu, bool stays) {
  s32 cpu = stays ? prev_cpu : tc->moves.home;

  if (cpu == GS_NO_CPU || cpu_ctx_of(cpu)->lane != GS_LANE_NONE) return -1;
  if (!stays && sibling_lane(cpu) != GS_LANE_NONE) return -1;
  if (!bpf_cpumask_test_cpu(cpu, p->cpus_ptr) || !scx_bpf_test_and_clear_cpu_idle(cpu)) return -1;
  if (stays)
    count(stays);
  else
    count(home_cores);
  return cpu;
}

/* On a CPU that is idle, or that it has claimed. */
static __always_inline s32 run_urgent_thread(struct task_struct* p, s32 cpu, bool idle) {
  if (idle)
    count(idle_dispatches);
  else
    count(frame_preemptions);
  scx_bpf_dsq_insert(p, SCX_DSQ_LOCAL, tunables.slice_frame_ns, idle ? 0 : SCX_ENQ_PREEMPT);
  return cpu;
}

SEC("struct_ops/gamesched_select_cpu")
s32 BPF_PROG(gamesched_select_cpu, struct task_struct* p, s32 prev_cpu, u64 wake_flags) {
  struct cpu_ctx* here = this_cpu_ctx();
  struct task_ctx* tc = task_ctx_of(p);
  u64 now = bpf_ktime_get_ns();
  bool idle = false, any, urgent, stays;
  s32 cpu;

  count(wakeups);
  if (!tc) return prev_cpu;
  urgent = gs_lane_urgent(task_wakes(p, tc, now, true));
  if (urgent) {
    bool allowed = bpf_cpumask_test_cpu(prev_cpu, p->cpus_ptr);

    if (allowed && takes_this_cpu(here, tc, prev_cpu)) return run_urgent_thread(p, prev_cpu, false);
    stays = cpu_suits(tc, prev_cpu) && !gs_taken_lately(now, cpu_ctx_of(prev_cpu)->taker.taken_ns) &&
            !gs_may_move(&tc->moves, now, tunables.stay_ns, tunables.move_interval_ns);
    cpu = known_cpu(p, tc, prev_cpu, stays);
    if (cpu >= 0) return run_urgent_thread(p, cpu, true);
    if (runs_after_taker(here, p, tc, prev_cpu, now)) {
      count(after_takers);
      return run_urgent_thread(p, bpf_get_smp_processor_id(), false);
    }
    if (stays && allowed && claim(cpu_ctx_of(prev_cpu), tc, true)) {
      count(stays);
      return run_urgent_thread(p, prev_cpu, false);
    }
  }
  any = any_idle();
  if (!urgent && !any) return prev_cpu;
  cpu = -1;
  if (any && topology.nr_for_games && gs_wants_game_cpu(tc->lane, tc->game))
    cpu = idle_cpu_for_games(p, prev_cpu, wake_flags);
  if (cpu >= 0)
    idle = true;
  else
    cpu = any ? scx_bpf_select_cpu_dfl(p, prev_cpu, wake_flags, &idle) : prev_cpu;
  if (idle) {
    count(idle_dispatches);
    scx_bpf_dsq_insert(p, SCX_DSQ_LOCAL, urgent ? tunables.slice_frame_ns : tunables.slice_max_ns, 0);
    return cpu;
  }
  if (!urgent) return cpu;
  prev_cpu = place_urgent_thread(p, tc, prev_cpu, true, now);
  return prev_cpu < 0 ? cpu : run_urgent_thread(p, prev_cpu, false);
}
