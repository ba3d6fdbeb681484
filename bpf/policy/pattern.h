/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Patterns: a thread that a timer or device wakes at a steady rate keeps time for the player.
 *
 * Problem: the thread that starts each frame, the audio call-back and the network tick are
 * woken by no other thread, so no graph of wake-ups leads to them; they are where it starts.
 *
 * How: of the wake-ups that come from an interrupt (not from another thread) the distance is averaged.
 * A distance near the average, or near 2 to 8 times the average (beats were skipped, because the thread
 * was late or had nothing to do), raises the confidence by one; any other lowers it by two. When the
 * average itself turns out to be a multiple of a new, shorter distance, that one takes its place. When after
 * that no single beat is seen any more, it was chance, and the longer one comes back. With enough confidence,
 * at a rate of 25 to 1000 Hz and with a burst that leaves part of the period free, the thread is periodic.
 *
 *   distances (ms)                       after it                periodic?
 *   16.7 16.7 16.6 16.8 16.7 16.7        16.7, confidence 5      yes, at 60 Hz
 *   8.3 4.2 12.5 4.2 8.3 4.2 4.2         4.2, confidence 5       yes: at 240 Hz, half of the beats late
 *   3 40 7 22 50                         50, confidence 0        no
 *   5 5 5 5 5 5, each burst 4.9 ms       5, confidence 5         no: it computes all the time
 *
 * Limits: a thread that polls at a steady rate is taken for one that keeps time. It costs what it uses.
 */
#ifndef GS_POLICY_PATTERN_H
#define GS_POLICY_PATTERN_H

#include "bpf/policy/base.h"

struct gs_pattern {
  u64 last_ns;   /* last wake-up by an interrupt; 0: none yet */
  u32 period_ns; /* average distance, at most 4.29 s */
  u8 confidence; /* 0 .. 8 */
  u8 long_beats; /* distances of several beats in a row */
};

#define GS_PATTERN_SURE 5
#define GS_PATTERN_MAX 8
#define GS_PATTERN_LONG_BEATS 16 /* in a row: if each beat were left out by half, once in 65536 */
/* 1000 to 25 Hz, and an eighth more at both ends: the average of a thread at the very end lies on either side
 * of it. */
#define GS_PATTERN_PERIOD_MIN_NS (1 * GS_MSEC * 7 / 8)
#define GS_PATTERN_PERIOD_MAX_NS (40 * GS_MSEC * 9 / 8)

/* How often `period` fits into `distance`: 1 .. 8, 0 when it does not fit. One beat may be a quarter off;
 * several, an eighth. */
GS_POLICY u32 gs_pattern_beats(u64 distance, u64 period) {
  u64 beats, error;

  if (!period) return 0;
  beats = (distance + period / 2) / period;
  if (!beats || beats > 8) return 0;
  error = distance > beats * period ? distance - beats * period : beats * period - distance;
  return error <= (beats == 1 ? period / 4 : period / 8) ? (u32)beats : 0;
}

GS_POLICY void gs_pattern_woken(struct gs_pattern* pattern, u64 now_ns) {
  u64 distance = now_ns - pattern->last_ns, period = pattern->period_ns;
  bool first = !pattern->last_ns;
  u32 beats;

  pattern->last_ns = now_ns;
  if (first) return;
  if (distance > GS_SEC) {
    pattern->confidence = 0;
    pattern->period_ns = 0;
    return;
  }
  beats = gs_pattern_beats(distance, period);
  if (beats) {
    pattern->long_beats = beats == 1 ? 0 : pattern->long_beats + 1;
    if (beats == 1)
      pattern->period_ns = (u32)gs_ewma4(period, distance);
    else if (pattern->long_beats >= GS_PATTERN_LONG_BEATS)
      pattern->period_ns = (u32)distance;
    if (pattern->confidence < GS_PATTERN_MAX) pattern->confidence++;
  } else if (distance >= GS_PATTERN_PERIOD_MIN_NS && gs_pattern_beats(period, distance) > 1) {
    pattern->period_ns = (u32)distance;
  } else {
    pattern->confidence = pattern->confidence > 2 ? pattern->confidence - 2 : 0;
    if (!pattern->confidence) pattern->period_ns = (u32)distance;
  }
}

GS_POLICY bool gs_pattern_periodic(const struct gs_pattern* pattern, u64 burst_avg_ns) {
  return pattern->confidence >= GS_PATTERN_SURE && pattern->period_ns >= GS_PATTERN_PERIOD_MIN_NS &&
         pattern->period_ns <= GS_PATTERN_PERIOD_MAX_NS && burst_avg_ns < (u64)pattern->period_ns * 7 / 8;
}

#endif
