/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The per-CPU cache of devices: which slot a new one gets.
 *
 * Problem: what a device is need not be found out with each event, and a device that nobody touches must
 * not keep a slot from one that is used.
 *
 * How: each use stamps the slot with the CPU's count of events; the slot with the oldest stamp goes. An
 * unused slot has stamp 0.
 *
 *   stamps  17  3  0  9   -> slot 2
 *   stamps  17  3  21 9   -> slot 1
 *
 * Limits: more active devices on one CPU than slots, used in turn, miss every time; that is what every LRU
 * does, and costs a look-up in the table of all devices.
 */
#ifndef GS_POLICY_CACHE_H
#define GS_POLICY_CACHE_H

#include "bpf/policy/base.h"

/* The smallest stamp's index, the first of equals. stride: bytes from one stamp to the next. */
GS_POLICY u32 gs_cache_victim(const u64* stamps, u32 stride, u32 nr) {
  const char* at = (const char*)stamps;
  u64 oldest = *stamps;
  u32 victim = 0, i;

  for (i = 1; i < nr; i++) {
    at += stride;
    if (*(const u64*)at < oldest) {
      oldest = *(const u64*)at;
      victim = i;
    }
  }
  return victim;
}

#endif
