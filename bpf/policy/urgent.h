/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The order of urgent threads that wait for a CPU together.
 *
 * Problem: more of them than CPUs are runnable at once. Who arrived first is not who must be done first.
 *
 * How: by when each has to be done.
 *
 *   lane          has to be done
 *   audio         a fourth of its period from now: the card plays on meanwhile
 *   frame         at its frame's end, so as that comes near it passes those with more time; when the frame is
 *                 late, now. Threads further from the frame's start come 0.1 ms later for each hop
 *   compositor    before the next flip, likewise; a worker of the kernel's that flips, now
 *   game network  in 4 ms; in 1 ms while the player's hand is on the input, for then an answer is waited for
 *
 *   now 100 ms, 60 Hz, frame began at 90 ms    ->  106.7
 *                      frame began at 99 ms    ->  115.7
 *                      frame began at 80 ms    ->  100 (late)
 *                      nothing known           ->  116.7
 *
 * Limits: nobody waits longer for being less urgent than one frame, since no key lies further ahead.
 */
#ifndef GS_POLICY_URGENT_H
#define GS_POLICY_URGENT_H

#include "bpf/policy/base.h"
#include "bpf/policy/lane.h"

#define GS_HOP_LATER_NS (100 * GS_USEC)
#define GS_AUDIO_PERIOD_NS (5 * GS_MSEC) /* while it is not known: 256 samples at 48 kHz */
#define GS_NETWORK_DONE_NS (4 * GS_MSEC)
#define GS_NETWORK_DONE_BY_HAND_NS GS_MSEC

/* When a frame that began at begin_ns (0: not known) ends; not before now, not later than a frame from now.
 */
GS_POLICY u64 gs_frame_end(u64 now, u64 begin_ns, u64 period_ns) {
  u64 age = now - begin_ns;

  if (!begin_ns || age > GS_SEC) return now + period_ns;
  return age < period_ns ? now + period_ns - age : now;
}

GS_POLICY u64 gs_urgent_key(u64 now, u32 lane, u32 hop, u64 frame_begin_ns, u64 frame_period_ns,
                            u64 audio_period_ns, bool window) {
  switch (lane) {
    case GS_LANE_GAME_AUDIO:
    case GS_LANE_AUDIO:
      return now +
             (audio_period_ns ? gs_min(audio_period_ns, 4 * GS_AUDIO_PERIOD_NS) : GS_AUDIO_PERIOD_NS) / 4;
    case GS_LANE_GAME_NETWORK:
      return now + (window ? GS_NETWORK_DONE_BY_HAND_NS : GS_NETWORK_DONE_NS);
    default:
      return gs_frame_end(now, frame_begin_ns, frame_period_ns) + hop * GS_HOP_LATER_NS;
  }
}

#endif
