/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pre-emption: who may take a CPU from whom when none is idle.
 *
 *   waking        running                      verdict
 *   urgent        any lower lane               now
 *   urgent        its own lane or a higher,    no: it queues
 *                 real-time, unknown
 *   game .. inter. normal, has run a granule   now
 *   the same, a thread of the kernel's that    now
 *   may run on this CPU alone
 *   any           background                   now
 *   else                                       no: it waits for its turn
 *
 * Among the CPUs it may use, an urgent thread takes where it last ran (warm cache, and its timer fires
 * there), else the CPU that runs the least urgent lane; of those the one whose thread has had the most.
 *
 * Who takes a CPU for less than a millisecond at a time will be gone before it pays to move. So whom an
 * urgent thread of that kind pre-empts goes on with its slice afterwards, on the same CPU; and when a
 * real-time task of that kind takes a CPU from us (an interrupt's thread, a sound server), whoever is not
 * urgent waits for it. Others may keep the CPU: all leave.
 */
#ifndef GS_POLICY_PREEMPT_H
#define GS_POLICY_PREEMPT_H

#include "bpf/policy/lane.h"

#define GS_BRIEF_NS GS_MSEC
#define GS_SLICE_REST_NS (GS_MSEC / 4) /* of a slice, less is not worth keeping */
#define GS_TAKERS_KNOWN_BY 16          /* switches after which an average says something of a task */

GS_POLICY bool gs_may_preempt(u32 waking, u32 running, u64 has_run_ns, u64 granule_ns) {
  if (running >= GS_NR_LANES || waking >= running) return false;
  if (gs_lane_urgent(waking) || running == GS_LANE_BACKGROUND) return true;
  return running == GS_LANE_NORMAL && has_run_ns >= granule_ns;
}

/*
 * What the running thread has had at the least by then. The kernel's own of a CPU finish what that has begun, an input or
 * output mostly, and find no other whose slice ends sooner: they wait for nothing.
 */
GS_POLICY u64 gs_preempt_granule(bool of_kernel, bool bound, u64 granule_ns) {
  return of_kernel && bound ? 0 : granule_ns;
}

/* How good a victim is for a thread of the urgent lane `waking`; 0: none at all. */
GS_POLICY u64 gs_victim_score(u32 waking, u32 running, u64 has_run_ns) {
  if (running >= GS_NR_LANES || running <= waking) return 0;
  return ((u64)running << 32) + gs_min(has_run_ns, 0xffffffffULL) + 1;
}

/* What a thread keeps of its slice when one of lane `by` that usually runs for by_burst_ns takes its CPU. */
GS_POLICY u64 gs_slice_kept(u32 lane, u32 by, u64 by_burst_ns, u64 slice_end_ns, u64 now_ns) {
  if (gs_lane_urgent(lane) || !gs_lane_urgent(by) || by_burst_ns > GS_BRIEF_NS) return 0;
  return gs_before(now_ns + GS_SLICE_REST_NS, slice_end_ns) ? slice_end_ns - now_ns : 0;
}

/* Whether a thread that waits in a queue is in no hurry: it computes, or has not just woken. */
GS_POLICY bool gs_may_be_passed(u32 lane, u64 burst_ns) {
  return lane >= GS_LANE_NORMAL || burst_ns;
}

/* For how long a task usually runs that had so much time of a CPU in so many turns. */
GS_POLICY u64 gs_usual_turn(u64 had_ns, u64 turns) {
  return turns >= GS_TAKERS_KNOWN_BY ? had_ns / turns : GS_SEC;
}

/* Whether a real-time task gives a CPU back soon. */
GS_POLICY bool gs_takes_briefly(u64 turn_ns) {
  return turn_ns <= GS_BRIEF_NS;
}

#endif
