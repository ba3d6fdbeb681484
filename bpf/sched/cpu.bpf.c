// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUs and caches: state, queues, hotplug.
 *
 * The daemon writes `topology` before it attaches. A CPU that comes or goes changes nothing
 * here but its lane: its LLC's queue stays where it is and others of the LLC serve it, or steal from it.
 */
#include "bpf/sched/ctx.bpf.h"

struct cpu_ctx cpus[GS_MAX_CPUS];
struct gs_cpu_counters counters[GS_MAX_CPUS];
struct llc_ctx llcs[GS_MAX_LLCS];
struct game_ctx games[NR_GAME_CTXS];
struct gs_waiter waiters[NR_WAITERS];
struct gs_topology topology;

struct gs_tunables tunables = {
#define TUNABLE(name, value, minimum, maximum, doc) .name = value,
#include "bpf/shared/tunables.def"
#undef TUNABLE
};

__hidden s32 cpus_init(void) {
  u64 now = bpf_ktime_get_ns();
  u32 i, nr = topology.nr_llcs;
  s32 error;

  if (!nr || nr > GS_MAX_LLCS || topology.nr_cpus > GS_MAX_CPUS) return -22 /* EINVAL */;
  bpf_for(i, 0, topology.nr_cpus) {
    struct cpu_ctx* cc = cpu_ctx_of(i);

    cc->lane = GS_LANE_NONE;
    cc->llc = topology.llc_of[i % GS_MAX_CPUS];
    cc->run_start_ns = now;
    cc->others_served_ns = now;
    cc->others_ran_ns = 0;
    cc->rescuing = 0;
  }
  bpf_for(i, 0, nr) {
    error = scx_bpf_create_dsq(i, -1);
    if (!error) error = scx_bpf_create_dsq(DSQ_FRAME_BIT | i, -1);
    if (error) return error;
  }
  return 0;
}

__hidden void cpu_goes_online(s32 cpu) {
  struct cpu_ctx* cc = cpu_ctx_of(cpu);

  cc->lane = GS_LANE_NONE;
  cc->others_served_ns = bpf_ktime_get_ns();
}

__hidden void cpu_goes_offline(s32 cpu) {
  cpu_ctx_of(cpu)->lane = GS_LANE_NONE;
}
