/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Slices: how long a thread runs before others get their turn.
 *
 * Problem: long slices waste nothing on switches; short ones bound waiting.
 *
 * How: one round of the queue shall take about round_ns, so the slice shrinks as
 * the queue grows, down to slice_min; a thread of low weight gets a shorter one,
 * so that what it must wait afterwards stays short too.
 *
 *   slice_max = 6 ms, slice_min = 2 ms, round = 12 ms
 *   queued per CPU   weight   slice
 *   0                100      6 ms
 *   2                100      4 ms
 *   8                100      2 ms
 *   8                 15      0.5 ms   (a quarter of the minimum at the least)
 *
 * Frame threads have slices of their own (a tunable): they end by sleeping.
 */
#ifndef GS_POLICY_SLICE_H
#define GS_POLICY_SLICE_H

#include "bpf/policy/base.h"

GS_POLICY u64 gs_slice(u32 nr_queued, u32 nr_cpus, u32 weight, u64 slice_max_ns, u64 slice_min_ns,
                       u64 round_ns) {
  u64 slice = round_ns * (nr_cpus ? nr_cpus : 1) / (nr_queued + (nr_cpus ? nr_cpus : 1));

  slice = gs_max(slice_min_ns, gs_min(slice_max_ns, slice));
  if (weight < 100) slice = gs_max(slice * weight / 100, slice_min_ns / 4);
  return slice;
}

#endif
