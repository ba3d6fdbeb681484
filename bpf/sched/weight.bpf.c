// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread's weight, from its nice value and its control groups (bpf/policy/weight.h).
 *
 * The groups are read where the kernel's own scheduler keeps them. The callbacks for changes of groups
 * (ops.cgroup_*) come with the kernel's configuration, and would have to be kept in step with each thread.
 */
#include "bpf/sched/ctx.bpf.h"
#include "bpf/policy/weight.h"

static __always_inline u32 weight_of(struct task_struct* p) {
  struct task_group* group = p->sched_task_group;
  u64 weight = p->scx.weight * GS_WEIGHT_UNIT;
  int depth;

  bpf_for(depth, 0, GS_GROUP_DEPTH) {
    struct task_group* parent;

    if (!group) break;
    parent = BPF_CORE_READ(group, parent);
    if (!parent) break; /* the root, which has neither weight nor limit */
    weight = gs_weight_in_group(weight, BPF_CORE_READ(group, shares));
    if (bpf_core_field_exists(group->cfs_bandwidth.quota))
      weight = gs_weight_in_limit(weight, BPF_CORE_READ(group, cfs_bandwidth.quota),
                                  BPF_CORE_READ(group, cfs_bandwidth.period), topology.nr_cpus);
    group = parent;
  }
  return gs_weight_final(weight, p->flags & PF_KTHREAD);
}

__hidden void task_weigh_anew(struct task_struct* p, struct task_ctx* tc, u64 now) {
  tc->own_weight = p->scx.weight;
  tc->weighed_ns = now;
  tc->weight = weight_of(p);
}
