// SPDX-License-Identifier: GPL-2.0-only
/*
 * Choosing a CPU for a thread that wakes.
 *
 * An idle CPU first, by the kernel's own choice (previous CPU, then a whole idle core, then any,
 * nearest first: it knows SMT, LLC and NUMA). With none idle, an urgent thread takes a CPU from a lower lane;
 * everybody else goes to the queue of the LLC where it last ran.
 */
#include "bpf/sched/ctx.bpf.h"
#include "bpf/policy/preempt.h"

/*
 * A timer or device that wakes an urgent thread does so on the CPU where it last ran: it takes that one
 * without looking further, as a real-time thread would. Should another CPU be idle, the thread that had to go
 * finds it.
 */
static __always_inline bool takes_this_cpu(struct cpu_ctx* here, s32 prev_cpu, u32 lane) {
  return prev_cpu == bpf_get_smp_processor_id() && gs_victim_score(lane, here->lane, 0);
}

/*
 * The CPU that a thread of an urgent lane shall take; -1 when all run threads as urgent, real-time tasks or
 * are not allowed. The choice is claimed, so that of several that wake together each takes another CPU.
 */
__hidden s32 place_urgent_thread(struct task_struct* p, s32 prev_cpu, u32 lane) {
  u64 now = bpf_ktime_get_ns(), best_score = 0;
  struct cpu_ctx* cc = cpu_ctx_of(prev_cpu);
  u32 llc = cc->llc % GS_MAX_LLCS, nr, i;
  s32 best = -1;

  if (gs_victim_score(lane, cc->lane, 0) && bpf_cpumask_test_cpu(prev_cpu, p->cpus_ptr)) {
    cc->lane = lane;
    return prev_cpu;
  }
  nr = topology.llcs[llc].nr_cpus;
  bpf_for(i, 0, nr) {
    u32 cpu, at = i;
    u64 score;

    if (at >= GS_LLC_CPUS) break;
    cpu = topology.llcs[llc].cpus[at];
    cc = cpu_ctx_of(cpu);
    score = gs_victim_score(lane, cc->lane, now - cc->run_start_ns);
    if (score > best_score && bpf_cpumask_test_cpu(cpu, p->cpus_ptr)) {
      best_score = score;
      best = cpu;
    }
  }
  if (best >= 0) cpu_ctx_of(best)->lane = lane;
  return best;
}

__hidden s32 select_cpu(struct task_struct* p, s32 prev_cpu, u64 wake_flags) {
  struct cpu_ctx* here = this_cpu_ctx();
  struct task_ctx* tc = task_ctx_of(p);
  bool idle = false;
  s32 cpu, victim;
  u32 lane;

  count(wakeups);
  if (!tc) return prev_cpu;
  lane = task_wakes(p, tc, bpf_ktime_get_ns(), true);
  if (gs_lane_urgent(lane) && takes_this_cpu(here, prev_cpu, lane) &&
      bpf_cpumask_test_cpu(prev_cpu, p->cpus_ptr)) {
    here->lane = lane;
    count(frame_preemptions);
    scx_bpf_dsq_insert(p, SCX_DSQ_LOCAL, tunables.slice_frame_ns, SCX_ENQ_PREEMPT);
    return prev_cpu;
  }
  cpu = scx_bpf_select_cpu_dfl(p, prev_cpu, wake_flags, &idle);
  if (idle) {
    count(idle_dispatches);
    scx_bpf_dsq_insert(p, SCX_DSQ_LOCAL,
                       gs_lane_urgent(lane) ? tunables.slice_frame_ns : tunables.slice_max_ns, 0);
    return cpu;
  }
  if (!gs_lane_urgent(lane)) return cpu;
  victim = place_urgent_thread(p, prev_cpu, lane);
  if (victim < 0) return cpu;
  count(frame_preemptions);
  scx_bpf_dsq_insert(p, SCX_DSQ_LOCAL, tunables.slice_frame_ns, SCX_ENQ_PREEMPT);
  return victim;
}
