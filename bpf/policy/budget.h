/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Problem: anybody may start as many programs as they like, and each that is reported costs the daemon time.
 *
 * How: a bucket a user, kept as one number: the time at which it would be full again (generic cell rate
 * algorithm). An event costs one interval; it is let through while the bucket is at most `burst` events from
 * full.
 *
 *   interval 5, burst 2    now    full at before -> after    let through
 *                          100    0              -> 105      yes
 *                          100    105            -> 110      yes
 *                          100    110            -> 110      no: two in one moment are the most
 *                          106    110            -> 115      yes
 *
 * Limits: what is not let through is lost; the caller says so once and somebody looks again later.
 */
#ifndef GS_POLICY_BUDGET_H
#define GS_POLICY_BUDGET_H

#include "bpf/policy/base.h"

/* A user's reported starts of programs: 64 at once (a game's launcher), 40 a second for long. Each
 * costs the daemon a wake-up and a look at all rules, of which there is to be less than a twentieth of a CPU.
 */
#define GS_EXEC_INTERVAL_NS 25000000ULL
#define GS_EXEC_BURST 64

/* Whether one more may pass at `now`; then *full_at_ns is moved. */
static __always_inline bool gs_budget_take(u64* full_at_ns, u64 now, u64 interval_ns, u64 burst) {
  u64 full_at = *full_at_ns > now ? *full_at_ns : now;

  if (full_at - now > (burst - 1) * interval_ns) return false;
  *full_at_ns = full_at + interval_ns;
  return true;
}

#endif
