/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shares: what keeps the frame lane from becoming strict priority.
 *
 * Problem: the frame lane goes first. A game that lies, or just has more urgent work than
 * there are CPUs, would starve everybody else.
 *
 * How: two bounds. A thread leaves the lane in mid-burst when it has run for longer than one
 * frame without sleeping: no frame can be waiting for that (audio threads: audio.h). And each CPU
 * gives the other lanes slice_min_ns in every frame_hog_ns when one is queued, in a slice that nobody takes
 * from it.
 *
 *   frame period 16.7 ms: a burst of 12 ms stays, one of 20 ms leaves the lane
 *   frame_hog 25 ms: a CPU on which the others had less than slice_min for 25 ms next serves them
 */
#ifndef GS_POLICY_SHARE_H
#define GS_POLICY_SHARE_H

#include "bpf/policy/base.h"

GS_POLICY bool gs_burst_too_long(u64 burst_ns, u64 frame_period_ns, u64 burst_floor_ns) {
  return burst_ns > gs_max(frame_period_ns, burst_floor_ns);
}

GS_POLICY bool gs_others_are_due(u64 now_ns, u64 others_served_ns, u64 frame_hog_ns) {
  return now_ns - others_served_ns > frame_hog_ns;
}

#endif
