/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pre-emption: who may take a CPU from whom when none is idle.
 *
 *   waking        running                      verdict
 *   urgent        any lower lane               now
 *   urgent        its own lane or a higher,    no: it queues
 *                 real-time, unknown
 *   game .. inter. normal, has run a granule   now
 *   any           background                   now
 *   else                                       no: it waits for its turn
 *
 * Among the CPUs it may use, an urgent thread takes where it last ran (warm cache, and its timer fires
 * there), else the CPU that runs the least urgent lane; of those the one whose thread has had the most.
 */
#ifndef GS_POLICY_PREEMPT_H
#define GS_POLICY_PREEMPT_H

#include "bpf/policy/lane.h"

GS_POLICY bool gs_may_preempt(u32 waking, u32 running, u64 has_run_ns, u64 granule_ns) {
  if (running >= GS_NR_LANES || waking >= running) return false;
  if (gs_lane_urgent(waking) || running == GS_LANE_BACKGROUND) return true;
  return running == GS_LANE_NORMAL && has_run_ns >= granule_ns;
}

/* How good a victim is for a thread of the urgent lane `waking`; 0: none at all. */
GS_POLICY u64 gs_victim_score(u32 waking, u32 running, u64 has_run_ns) {
  if (running >= GS_NR_LANES || running <= waking) return 0;
  return ((u64)running << 32) + gs_min(has_run_ns, 0xffffffffULL) + 1;
}

#endif
