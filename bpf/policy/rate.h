/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which device sends so much that its events are told of together.
 *
 * Problem: a mouse at 8000 Hz makes 16,000 events and more a second. A look-up and a record for each would
 * be felt in the interrupt, and the daemon would do nothing but wake up.
 *
 * How: events are counted over a period. Above GS_RATE_HIGH a second the device is in high-rate mode until
 * it falls below half of that (a rate near the border does not flap).
 *
 *   mode      record
 *   normal    for every event
 *   high      one a period, with the number of events
 *
 *   1000 Hz mouse, 2 events a packet: 67 events in 33.5 ms -> 2000 a second, high
 *   125 Hz mouse, 3 events a packet: 12 events in 33.5 ms -> 375 a second, normal
 *
 * Limits: a period ends with an event. After a pause the first one still finds high-rate mode, and ends it.
 */
#ifndef GS_POLICY_RATE_H
#define GS_POLICY_RATE_H

#include "bpf/policy/base.h"

#define GS_RATE_HIGH 500 /* events a second; a fast typist makes 60 */
/* In high-rate mode the daemon wakes 30 times a second for a device. It is a real-time thread, and each turn may
 * be on the CPU where a game's thread is about to read that device. */
#define GS_RATE_PERIOD_NS (1ULL << 25)

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

#endif
