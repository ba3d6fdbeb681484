/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one file that knows whether a policy header is compiled as BPF C or as C++.
 *
 * Policy headers hold pure functions: numbers in, numbers out; no helper, map or
 * global. BPF has no signed division and no floating point, so all is unsigned
 * and differences of virtual times go through gs_before().
 */
#ifndef GS_POLICY_BASE_H
#define GS_POLICY_BASE_H

#ifdef __bpf__
/* vmlinux.h, included first by every BPF unit, has brought u8 .. u64 and bool. */
#else
#include <stdbool.h>
#include <stdint.h>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;
#endif

#define GS_USEC 1000ULL
#define GS_MSEC 1000000ULL
#define GS_SEC 1000000000ULL

#define GS_POLICY static inline __attribute__((always_inline, unused))

/* a < b on a wrapping clock; true while they are less than 2^63 apart. */
GS_POLICY bool gs_before(u64 a, u64 b) {
  return (s64)(a - b) < 0;
}

GS_POLICY u64 gs_min(u64 a, u64 b) {
  return a < b ? a : b;
}

GS_POLICY u64 gs_max(u64 a, u64 b) {
  return a > b ? a : b;
}

/* Exponential average with weight 1/4 for the new sample. */
GS_POLICY u64 gs_ewma4(u64 average, u64 sample) {
  return average - average / 4 + sample / 4;
}

#endif
