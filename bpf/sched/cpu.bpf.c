// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUs and caches: state, queues, hotplug.
 *
 * The daemon writes `topology` before it attaches. A CPU that comes or goes changes nothing
 * here but its lane: its LLC's queue stays where it is and others of the LLC serve it, or steal from it. One
 * that comes for the first time was not in sysfs when the daemon read it: where CPUs differ, the scheduler
 * asks to be attached anew.
 */
#include "bpf/sched/ctx.bpf.h"
#include "bpf/policy/preempt.h"

/* enum scx_exit_code, which the kernel has no BTF for: it was because of a hotplug, attach again. */
#define EXIT_HOTPLUG_RESTART ((1LL << 48) | (1LL << 32))

struct cpu_ctx cpus[GS_MAX_CPUS];
struct gs_cpu_counters counters[GS_MAX_CPUS];
struct llc_ctx llcs[GS_MAX_LLCS];
struct game_ctx games[NR_GAME_CTXS];
struct gs_waiter waiters[NR_WAITERS];
struct gs_topology topology;
/* The CPUs that are best for games; NULL where all are alike. */
struct bpf_cpumask __kptr* cpus_for_games SEC(".data.cpus_for_games") __hidden __attribute__((aligned(8)));
u32 some_let_go;
unsigned int names_that_count; /* enum gs_named: for want of a detector; written by the daemon */

struct gs_tunables tunables = {
#define TUNABLE(name, value, minimum, maximum, doc) .name = value,
#include "bpf/shared/tunables.def"
#undef TUNABLE
};

static __always_inline s32 mark_cpus_for_games(void) {
  struct bpf_cpumask* mask = NULL;
  u32 cpu;

  if (topology.nr_for_games) {
    mask = bpf_cpumask_create();
    if (!mask) return -12 /* ENOMEM */;
    bpf_for(cpu, 0, topology.nr_cpus) {
      if (topology.flags[cpu % GS_MAX_CPUS] & GS_CPU_FOR_GAMES) bpf_cpumask_set_cpu(cpu, mask);
    }
  }
  mask = bpf_kptr_xchg(&cpus_for_games, mask);
  if (mask) bpf_cpumask_release(mask);
  return 0;
}

__hidden s32 idle_cpu_for_games(struct task_struct* p, s32 prev_cpu, u64 wake_flags) {
  struct bpf_cpumask* mask = cpus_for_games;

  return mask ? compat_select_cpu_and(p, prev_cpu, wake_flags, (const struct cpumask*)mask) : -1;
}

__hidden s32 cpus_init(void) {
  u64 now = bpf_ktime_get_ns();
  u32 i, nr = topology.nr_llcs;
  s32 error;

  if (!nr || nr > GS_MAX_LLCS || topology.nr_cpus > GS_MAX_CPUS) return -22 /* EINVAL */;
  error = mark_cpus_for_games();
  if (error) return error;
  bpf_for(i, 0, topology.nr_cpus) {
    struct cpu_ctx* cc = cpu_ctx_of(i);

    cc->lane = GS_LANE_NONE;
    cc->llc = topology.llc_of[i % GS_MAX_CPUS];
    cc->run_start_ns = now;
    cc->others_served_ns = now;
    cc->others_ran_ns = 0;
    __builtin_memset(&cc->taker, 0, sizeof(cc->taker));
    cc->follower = 0;
    cc->follows = 0;
    cc->rescuing = 0;
    cc->tid = 0;
    cc->leave_tid = 0;
    cc->input_ns = 0;
    cc->errand_ns = 0;
    cc->start_unnoted = 0;
    cc->claim_stale = 0;
    cc->lent = 0;
    cc->borrower = 0;
    cc->bound_wait = 0;
    cc->worker_waits = 0;
    cc->kept_tid = 0;
    cc->lets_go = 0;
    cc->away = 0;
    error = scx_bpf_create_dsq(DSQ_CPU_BIT | i, -1);
    if (error) return error;
  }
  bpf_for(i, 0, nr) {
    llc_ctx_of(i)->frame_waiting = 0;
    llc_ctx_of(i)->queued = 0;
    gs_pace_begin(&llc_ctx_of(i)->pace, llc_ctx_of(i)->now_v, now);
    error = scx_bpf_create_dsq(i, -1);
    if (!error) error = scx_bpf_create_dsq(DSQ_FRAME_BIT | i, -1);
    if (error) return error;
  }
  return 0;
}

static char new_cpu[] = "a CPU came whose place is not known";

__hidden void cpu_goes_online(s32 cpu) {
  struct cpu_ctx* cc = cpu_ctx_of(cpu);
  unsigned long long no_arguments = 0;

  cc->lane = GS_LANE_NONE;
  cc->away = 0;
  cc->others_served_ns = bpf_ktime_get_ns();
  if ((topology.nr_llcs > 1 || topology.nr_for_games) &&
      !(topology.flags[(u32)cpu % GS_MAX_CPUS] & GS_CPU_KNOWN))
    scx_bpf_exit_bstr(EXIT_HOTPLUG_RESTART, new_cpu, &no_arguments, sizeof(no_arguments));
}

/* The kernel moves whom this CPU picks, and until then waits for those that it does not: whoever is bound to
 * it has to be in its local queue, now and from now on. */
__hidden void cpu_goes_offline(s32 cpu) {
  struct task_struct* p;

  cpu_ctx_of(cpu)->lane = GS_LANE_NONE;
  cpu_ctx_of(cpu)->away = 1;
  cpu_ctx_of(cpu)->follows = 0;
  bpf_for_each(scx_dsq, p, DSQ_CPU_BIT | cpu, 0)
      scx_bpf_dsq_move(COMPAT_ITERATOR, p, SCX_DSQ_LOCAL_ON | cpu, 0);
}

/* Whom this CPU keeps: the next that looks for work makes it wait with the others, since here nobody can be moved. */
static __always_inline void ask_to_let_go(struct cpu_ctx* cc) {
  const struct cpumask* all;
  s32 idle;

  cc->lets_go = 1;
  some_let_go = 1;
  all = scx_bpf_get_possible_cpumask();
  idle = scx_bpf_pick_idle_cpu(all, 0);
  scx_bpf_put_cpumask(all);
  if (idle >= 0) scx_bpf_kick_cpu(idle, SCX_KICK_IDLE);
}

/* A real-time, deadline or stop task takes this CPU. Whom it pre-empted and whoever was already sent here
 * look for another, unless it gives this one back soon and nobody urgent has to wait for that. */
__hidden void cpu_is_taken(s32 cpu, const struct task_struct* taker) {
  struct task_struct* pre_empted = bpf_get_current_task_btf();
  struct task_ctx* tc = task_ctx_of(pre_empted);
  struct cpu_ctx* cc = cpu_ctx_of(cpu);
  u64 had_ns = taker ? taker->se.sum_exec_runtime : 0;
  u64 turn_ns = taker ? gs_usual_turn(had_ns, taker->nvcsw + taker->nivcsw) : GS_SEC;
  bool brief = gs_takes_briefly(turn_ns);

  cc->lane = GS_LANE_NONE;
  gs_takes(&cc->taker, taker ? taker->pid : 0, had_ns, turn_ns, leave_time(cc, pre_empted->pid));
  cc->leave_tid = 0;
  /* But for the one that it pre-empted, unless that waits elsewhere now: any other was sent here and is urgent. */
  if (brief && tc && !gs_lane_urgent(tc->lane) &&
      scx_bpf_dsq_nr_queued(SCX_DSQ_LOCAL) <= compat_in_local_queue(pre_empted))
    return;
  if (cc->kept_tid && !brief) ask_to_let_go(cc);
  compat_reenqueue_local();
}
