/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every detector needs: its counters, and the signals of the thread it runs in.
 */
#ifndef GS_SHARED_DETECTOR_BPF_H
#define GS_SHARED_DETECTOR_BPF_H

#include "bpf/shared/maps.bpf.h"

#define detector_counts(name) detector_counts_one(GS_DETECTOR_COUNTER_##name)

static __always_inline void detector_counts_one(u32 counter) {
  u32 cpu = bpf_get_smp_processor_id();
  struct gs_detector_cpu* counters = bpf_map_lookup_elem(&detector_cpus, &cpu);

  if (counters) counters->value[counter]++;
}

/* Of the current thread. With create, NULL only where memory is short. */
static __always_inline struct gs_signals* signals_here(bool create) {
  struct task_ctx* tc = bpf_task_storage_get(&task_ctxs, bpf_get_current_task_btf(), NULL,
                                             create ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);

  return tc ? &tc->signals : NULL;
}

/* The game that the current process is in; 0: none. */
static __always_inline u32 game_here(void) {
  u32 tgid = bpf_get_current_pid_tgid() >> 32;
  struct gs_game_process* process = bpf_map_lookup_elem(&game_processes, &tgid);

  return process ? process->game : 0;
}

#endif
