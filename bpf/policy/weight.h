/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Weights: what nice values and control groups make of a thread's share.
 *
 * Problem: the kernel hands a sched_ext scheduler each thread's own weight (nice) and nothing of its groups,
 * so what somebody has put into a group of low weight, to keep it out of the way, would run at full weight
 * while a game is played.
 *
 * How: a group's weight, in relation to the usual one, is a factor for each thread in it, and so are those of
 * the groups around it. A group that is limited to a part of the machine (cpu.max) counts no more than that
 * part. No factor raises a weight: in the kernel's own scheduler a group's weight counts among its siblings
 * only, here it would count against everybody, and users may set those of their own groups.
 *
 *   nice   groups, from the outermost              weight
 *   0      100                                     100
 *   0      100, 20                                 20
 *   0      50, 50                                  25
 *   10     20                                      2
 *   0      10000                                   100
 *   0      100, a quarter of one CPU out of four   6
 *   0      idle                                    1
 *
 * A thread of the kernel has no less than a quarter of the usual weight: khugepaged (nice 19) holds a process's map
 * while it works, and whoever faults there, a game too, would wait for the turn of a thread of weight 1, which
 * comes once a second on a busy machine.
 *
 * Limits: it counts by thread. Two groups of equal weight share by their number of threads, and a limited
 * group may use what is idle. No other weight falls below 1.
 */
#ifndef GS_POLICY_WEIGHT_H
#define GS_POLICY_WEIGHT_H

#include "bpf/policy/base.h"

#define GS_WEIGHT_UNIT 1024ULL /* the weights below have this many parts of one */
#define GS_GROUP_DEPTH 8       /* deeper ones are systemd's for single units at the most */
#define GS_WEIGHT_KERNEL_MIN 25
/* How long a change of a group may take to count: the groups are not looked at with each wake-up. */
#define GS_WEIGHT_KEEP_NS (250 * GS_MSEC)

/* The kernel's weight of a group of usual weight. */
#define GS_GROUP_SHARES_USUAL (1024ULL << 10)

/* One group further in; weight in GS_WEIGHT_UNITs. */
GS_POLICY u64 gs_weight_in_group(u64 weight, u64 shares) {
  return shares < GS_GROUP_SHARES_USUAL ? weight * shares / GS_GROUP_SHARES_USUAL : weight;
}

/* And in one that may use quota in each period, of nr_cpus CPUs; quota ~0: without a limit. */
GS_POLICY u64 gs_weight_in_limit(u64 weight, u64 quota_ns, u64 period_ns, u32 nr_cpus) {
  u64 all_us = period_ns / GS_USEC * nr_cpus;

  if (!all_us || quota_ns / GS_USEC >= all_us) return weight;
  return weight * (quota_ns / GS_USEC) / all_us;
}

GS_POLICY u32 gs_weight_final(u64 weight, bool kernel_thread) {
  return (u32)gs_max(kernel_thread ? GS_WEIGHT_KERNEL_MIN : 1, weight / GS_WEIGHT_UNIT);
}

#endif
