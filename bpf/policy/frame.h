/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames, from what a thread gives to the GPU.
 *
 * Problem: a frame is one submit or thirty, and no submit says that it is the last. How long a frame takes
 * changes with the scene, the menu, the screen.
 *
 * How: submits of one frame come close together, then the thread waits for its next frame. So the first
 * submit after a distance that is long among the recent ones begins a frame. "Long": five eighths of the
 * longest, which fades by a quarter of each shorter distance, so that a faster rate is noticed; and by half,
 * once there were more than twice as many submits as frames have had.
 *
 *   submits (ms)                    longest distance      frames begin at
 *   0 1 2, 17 18 19, 33 34 35       15                    0, 17, 33
 *   0 17 33 50, then 57 64 71 ...   17, fading            0, 17, 33, 50, and from 78 on every one
 *
 * The period is the average distance of frames. One that is more than a quarter off is not believed until
 * the next one says the same: then it is the new rate.
 *
 *   period 16.7: 16.5 -> 16.6    33.4 (a missed frame) -> 16.6    6.9 6.9 -> 6.9
 *
 * A thread that flips puts whole frames on the screen: each flip is one, and its submits are not looked at.
 *
 * Limits: submits spread evenly over the frame are each taken for a frame; the period then is too short,
 * which costs nothing but the length of the memory in path.h.
 */
#ifndef GS_POLICY_FRAME_H
#define GS_POLICY_FRAME_H

#include "bpf/policy/base.h"

/* Of one thread. */
struct gs_frames {
  u64 begin_ns;  /* when its current frame began; 0: none yet */
  u32 gap_ns;    /* the longest recent distance of two submits, fading */
  u32 period_ns; /* 0: not known yet */
  u32 odd_ns;    /* the last distance of frames, if it did not fit; else 0 */
  u16 submits;   /* of the current frame */
  u16 usual;     /* of those before, the most, fading */
  u32 steady;    /* up by one with each frame that fits, down by two with each that does not */
  u32 unused;
};

#define GS_FRAMES_STEADY 3
#define GS_FRAMES_STEADY_MAX 8
#define GS_FRAME_MAX_NS (50 * GS_MSEC) /* below 20 Hz nobody plays */
#define GS_FRAME_MIN_NS (GS_MSEC / 2)  /* no screen has 2000 Hz: what comes closer is one frame */

GS_POLICY u64 gs_distance(u64 a, u64 b) {
  return a > b ? a - b : b - a;
}

/* A frame begins at `now`. */
GS_POLICY void gs_frame_begins(struct gs_frames* frames, u64 now) {
  u64 took = now - frames->begin_ns, period = frames->period_ns;
  bool first = !frames->begin_ns;

  frames->begin_ns = now;
  if (first) return;
  if (took > GS_SEC) {
    frames->odd_ns = 0;
    frames->steady = 0;
  } else if (period && gs_distance(took, period) <= period / 4) {
    frames->period_ns = (u32)((took + period) / 2);
    frames->odd_ns = 0;
    if (frames->steady < GS_FRAMES_STEADY_MAX) frames->steady++;
  } else if (frames->odd_ns && gs_distance(took, frames->odd_ns) <= frames->odd_ns / 8) {
    frames->period_ns = (u32)took;
    frames->odd_ns = 0;
    frames->steady = GS_FRAMES_STEADY - 1;
  } else {
    frames->odd_ns = (u32)took;
    frames->steady -= frames->steady < 2 ? frames->steady : 2;
  }
}

/* A submit; last_ns: the one before, 0: none. Whether it begins a frame. */
GS_POLICY bool gs_frame_submit(struct gs_frames* frames, u64 last_ns, u64 now) {
  u64 gap = now - last_ns, longest = frames->gap_ns, fades = gap / 4;

  if (!last_ns || gap > GS_SEC) {
    frames->gap_ns = 0;
    frames->submits = frames->usual = 1;
    gs_frame_begins(frames, now);
    return true;
  }
  if (frames->submits > 2 * frames->usual) fades = longest / 2;
  frames->gap_ns = (u32)(gap > longest ? gap : gs_max(gap, longest - fades));
  if (gap < GS_FRAME_MIN_NS || gap < longest * 5 / 8) {
    if (frames->submits < 0xffff) frames->submits++;
    return false;
  }
  frames->usual = (u16)gs_max(frames->submits, frames->usual * 3 / 4);
  frames->submits = 1;
  gs_frame_begins(frames, now);
  return true;
}

/* The period, when it is worth believing; else 0. A longer one would excuse bursts that no frame waits for.
 */
GS_POLICY u64 gs_frame_period(const struct gs_frames* frames) {
  return frames->steady >= GS_FRAMES_STEADY && frames->period_ns <= GS_FRAME_MAX_NS ? frames->period_ns : 0;
}

/*
 * Whose frames are the game's, of several threads that submit: who is steady, and of these who was first,
 * until it has been silent for eight of its frames or a quarter of a second.
 */
GS_POLICY bool gs_frame_leads(u32 tid, u32 leader, bool steady, bool leader_steady, u64 leader_silent_ns,
                              u64 leader_period_ns) {
  if (tid == leader || !leader) return true;
  if (leader_silent_ns > gs_max(8 * leader_period_ns, GS_SEC / 4)) return true;
  return steady && !leader_steady;
}

#endif
