/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Histograms of times: bucket 0 holds what took less than 1 us, bucket b what took 2^(b-1) to 2^b us, the
 * last everything longer. A microsecond is 1024 ns here: a shift instead of a division.
 *
 *   900 ns -> 0    1.5 us -> 1    3 us -> 2    100 us -> 7    20 ms -> 15
 */
#ifndef GS_POLICY_HISTOGRAM_H
#define GS_POLICY_HISTOGRAM_H

#include "bpf/policy/base.h"

GS_POLICY u32 gs_histogram_bucket(u64 time_ns, u32 nr_buckets) {
  u32 us = time_ns >> 10 > 0xffffffff ? 0xffffffff : time_ns >> 10, bucket = 0;

  if (us >> 16) {
    us >>= 16;
    bucket = 16;
  }
  if (us >> 8) {
    us >>= 8;
    bucket += 8;
  }
  if (us >> 4) {
    us >>= 4;
    bucket += 4;
  }
  if (us >> 2) {
    us >>= 2;
    bucket += 2;
  }
  bucket += us - (us > 2); /* 0, 1, 2, 3 -> 0, 1, 2, 2 */
  return bucket < nr_buckets ? bucket : nr_buckets - 1;
}

#endif
