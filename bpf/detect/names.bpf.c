// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names: the last resort. A thread that is given a name of thread_names.def is marked; the scheduler
 * believes the mark only for what no hook of this machine sees.
 */
#include "bpf/shared/detector.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* Filled by the daemon: a name, zeros after it -> enum gs_named. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, GS_MAX_THREAD_NAMES);
  __type(key, char[GS_THREAD_NAME]);
  __type(value, u32);
} thread_names SEC(".maps");

SEC("tp_btf/task_rename")
int BPF_PROG(thread_renamed, struct task_struct* p, const char* comm) {
  char name[GS_THREAD_NAME] = {};
  struct task_ctx* tc;
  u32 *found, named, cut = 1;
  int i;

  bpf_probe_read_kernel_str(name, sizeof(name), comm);
  /* "RenderThread 1" is a "RenderThread": what stands at the end and comes before the letters (digits,
   * blanks, dashes, zeros) is cut. By arithmetic: the verifier would follow each branch of each letter. */
#pragma unroll
  for (i = GS_THREAD_NAME - 1; i > 0; i--) {
    u32 letter = (u8)name[i], before_letters = letter - ':';

    barrier_var(before_letters);
    cut &= before_letters >> 31;
    name[i] = letter & (cut - 1);
  }
  found = bpf_map_lookup_elem(&thread_names, name);
  named = found ? *found : 0;
  tc = bpf_task_storage_get(&task_ctxs, p, NULL, named ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
  if (tc) tc->signals.named = named;
  return 0;
}
