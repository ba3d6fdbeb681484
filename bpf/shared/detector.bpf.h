/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every detector needs: the signals of the thread it runs in, and the game.
 */
#ifndef GS_SHARED_DETECTOR_BPF_H
#define GS_SHARED_DETECTOR_BPF_H

#include "bpf/shared/maps.bpf.h"

/* Of the current thread. NULL only where memory is short. */
static __always_inline struct task_ctx* task_here(void) {
  return bpf_task_storage_get(&task_ctxs, bpf_get_current_task_btf(), NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

static __always_inline struct gs_signals* signals_here(void) {
  struct task_ctx* tc = task_here();

  return tc ? &tc->signals : NULL;
}

/* The game that the current process is in; 0: none. */
static __always_inline u32 game_here(void) {
  u32 tgid = bpf_get_current_pid_tgid() >> 32;
  struct gs_game_process* process = bpf_map_lookup_elem(&game_processes, &tgid);

  return process ? process->game : 0;
}

#endif
