/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The counters of a detector that counts. Each object has its own, of which it counts some; the daemon adds up
 * what objects and CPUs have. A global array, since its address is known when the program is loaded: a map's
 * entry is looked up at each event.
 */
#ifndef GS_SHARED_DETECTOR_COUNTS_BPF_H
#define GS_SHARED_DETECTOR_COUNTS_BPF_H

#include "bpf/compat.bpf.h"
#include "bpf/shared/abi.h"

struct gs_detector_cpu detected[GS_MAX_CPUS];

/* The daemon does not load us on machines with more CPUs. */
static __always_inline u32 detector_cpu(void) {
  return bpf_get_smp_processor_id() & (GS_MAX_CPUS - 1);
}

#define detector_counts(name) (detected[detector_cpu()].value[GS_DETECTOR_COUNTER_##name]++)

#endif
