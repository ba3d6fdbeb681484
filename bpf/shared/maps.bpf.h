/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Maps that several BPF objects use. Each object declares them; the daemon creates them once, with the first
 * object it loads, and gives the same maps to the others (bpf_map__reuse_fd).
 */
#ifndef GS_SHARED_MAPS_BPF_H
#define GS_SHARED_MAPS_BPF_H

#include "bpf/compat.bpf.h"
#include "bpf/shared/abi.h"
#include "bpf/shared/task_ctx.h"

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, GS_MAX_PROCESSES);
  __type(key, u32);
  __type(value, struct gs_game_process);
} game_processes SEC(".maps") __weak;

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE); /* the daemon changes single members in place */
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, struct gs_shared_state);
} shared_state SEC(".maps") __weak;

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE); /* the daemon reads it in place */
  __uint(max_entries, GS_MAX_CPUS);  /* the daemon makes it as large as the machine */
  __type(key, u32);
  __type(value, struct gs_input_cpu);
} input_cpus SEC(".maps") __weak;

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct task_ctx);
} task_ctxs SEC(".maps") __weak;

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 64 * 1024);
} events SEC(".maps") __weak;

/* Audio servers: a bit for each thread-group id there can be, 64 of them a value. Set by the exec hook, or by
 * the daemon for those that ran before. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE); /* the daemon sets single bits in place */
  __uint(max_entries, GS_PROCESS_IDS / 64);
  __type(key, u32);
  __type(value, u64);
} audio_servers SEC(".maps") __weak;

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE); /* the daemon changes single members in place */
  __uint(max_entries, GS_MAX_GAMES + 1);
  __type(key, u32);
  __type(value, struct gs_game_state);
} game_states SEC(".maps") __weak;

/* 300 starts of programs: the bursts of four users. */
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 256 * 1024);
} process_events SEC(".maps") __weak;

static __always_inline bool is_audio_server(u32 tgid) {
  u32 at = tgid / 64;
  u64* bits = bpf_map_lookup_elem(&audio_servers, &at);

  return bits && *bits >> tgid % 64 & 1;
}

/* Returns whether that changed anything. */
static __always_inline bool set_audio_server(u32 tgid, bool is) {
  u32 at = tgid / 64;
  u64 *bits = bpf_map_lookup_elem(&audio_servers, &at), bit = 1ULL << tgid % 64;

  if (!bits || !(*bits & bit) == !is) return false;
  if (is)
    __sync_fetch_and_or(bits, bit);
  else
    __sync_fetch_and_and(bits, ~bit);
  return true;
}

#endif
