/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Patterns: a thread that a timer or device wakes at a steady rate keeps time for the player.
 *
 * Problem: the thread that starts each frame, the audio call-back and the network tick are
 * woken by no other thread, so no graph of wake-ups leads to them; they are where it starts.
 *
 * How: of the wake-ups that come from an interrupt (not from another thread) the distance is averaged.
 * A distance within a quarter of the average, or of twice the average (a frame was skipped), raises the
 * confidence by one, any other lowers it by two. At `sure` and with a rate of 25 to 1000 Hz and a burst that
 * leaves part of the period free, the thread is periodic.
 *
 *   distances (ms)                       after it        periodic?
 *   16.7 16.7 16.6 16.8 16.7             confidence 4    yes, at 60 Hz
 *   16.7 16.7 16.6 33.3 16.7             confidence 4    yes: a frame was skipped
 *   3 40 7 22 90                         0               no
 *   5 5 5 5 5, each burst 4.9 ms         4               no: it computes all the time
 *
 * Limits: a thread that polls at a steady rate is taken for one that keeps time. It costs what it uses.
 */
#ifndef GS_POLICY_PATTERN_H
#define GS_POLICY_PATTERN_H

#include "base.h"

struct gs_pattern {
	u64 last_ns; /* last wake-up by an interrupt; 0: none yet */
	u32 period_ns; /* average distance, at most 4.29 s */
	u8 confidence; /* 0 .. 8 */
};

#define GS_PATTERN_SURE 3
#define GS_PATTERN_MAX 8
#define GS_PATTERN_PERIOD_MIN_NS (1 * GS_MSEC)
#define GS_PATTERN_PERIOD_MAX_NS (40 * GS_MSEC)

GS_POLICY bool gs_near(u64 value, u64 expected)
{
	return value + expected / 4 >= expected && value <= expected + expected / 4;
}

GS_POLICY void gs_pattern_woken(struct gs_pattern *pattern, u64 now_ns)
{
	u64 distance = now_ns - pattern->last_ns;
	bool first = !pattern->last_ns;

	pattern->last_ns = now_ns;
	if (first)
		return;
	if (distance > GS_SEC) {
		pattern->confidence = 0;
		pattern->period_ns = 0;
		return;
	}
	if (gs_near(distance, pattern->period_ns)) {
		pattern->period_ns = (u32)gs_ewma4(pattern->period_ns, distance);
		if (pattern->confidence < GS_PATTERN_MAX)
			pattern->confidence++;
	} else if (gs_near(distance, 2 * (u64)pattern->period_ns)) {
		/* A skipped beat neither proves nor disproves. */
	} else {
		pattern->confidence = pattern->confidence > 2 ? pattern->confidence - 2 : 0;
		if (!pattern->confidence)
			pattern->period_ns = (u32)distance;
	}
}

GS_POLICY bool gs_pattern_periodic(const struct gs_pattern *pattern, u64 burst_avg_ns)
{
	return pattern->confidence >= GS_PATTERN_SURE && pattern->period_ns >= GS_PATTERN_PERIOD_MIN_NS &&
	       pattern->period_ns <= GS_PATTERN_PERIOD_MAX_NS && burst_avg_ns < (u64)pattern->period_ns * 7 / 8;
}

#endif
