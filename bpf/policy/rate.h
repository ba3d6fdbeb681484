/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How often the daemon is told of a device's events, and which device sends so much that look-ups are skipped.
 *
 * Problem: a mouse at 8000 Hz makes 16,000 events and more a second. A look-up for each would be felt in the
 * interrupt. And the daemon is a real-time thread that wakes at once: woken for each event, be it of a mouse at 125 Hz,
 * it runs while the event's reader wakes, and on the CPU where that was to run if it is the nearest.
 *
 * How: events are counted over a period, which ends with the first event after its length. Above GS_RATE_HIGH a second
 * the device is in high-rate mode until it falls below half of that (a rate near the border does not flap). At a
 * period's end the daemon is told of all events since the last time, if that is a second ago: of a device's very
 * first event, or the first after a pause of a second, at once.
 *
 *   1000 Hz mouse, 2 events a packet: 67 events in 33.5 ms -> 2000 a second, high
 *   125 Hz mouse, 3 events a packet: 12 events in 33.5 ms -> 375 a second, normal
 *   any of the two moves on and on: one record a second from each CPU that its interrupt comes to
 *   a key pressed each two seconds: its first event is told of at once, the rest of its packet with the next key
 *
 * Limits: a period ends with an event. After a pause the first one still finds high-rate mode, and ends it; what came
 * last before it is counted as pending meanwhile. A key that is pressed less than once a second has the daemon's wake-up
 * before its reader's each time. Of more devices than a CPU's cache has slots, in turn, each event is told of.
 */
#ifndef GS_POLICY_RATE_H
#define GS_POLICY_RATE_H

#include "bpf/policy/base.h"

#define GS_RATE_HIGH 500 /* events a second; a fast typist makes 60 */
#define GS_RATE_PERIOD_NS (1ULL << 25)
#define GS_RATE_TELL_NS (1ULL << 30) /* one packet in 134 at 125 Hz */

/* Whether `events` in `elapsed_ns` are a high rate, for a device that was in this mode before or was not. */
GS_POLICY bool gs_rate_high(bool was_high, u32 events, u64 elapsed_ns) {
  u64 limit = was_high ? GS_RATE_HIGH / 2 : GS_RATE_HIGH;

  /* Longer is a pause; and so both products fit in 64 bits. */
  if (elapsed_ns > 10 * GS_SEC) return false;
  return events * GS_SEC > limit * elapsed_ns;
}

GS_POLICY bool gs_rate_period_over(u64 elapsed_ns) {
  return elapsed_ns >= GS_RATE_PERIOD_NS;
}

/* Whether the daemon is told now; told_ns: when it last was, 0: never. */
GS_POLICY bool gs_rate_tells(u64 told_ns, u64 now_ns) {
  return !told_ns || now_ns - told_ns >= GS_RATE_TELL_NS;
}

#endif
