// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fences: threads that wait in the kernel until the GPU has done something.
 *
 * The waits that programs ask for through DRM's sync objects are seen by gpu.bpf.c; this sees those that
 * drivers make by themselves (a wait for a buffer, or for room in a ring). An object of its own: a kernel
 * without DRM has no such tracepoint.
 */
#include "bpf/compat.bpf.h"
#include "bpf/shared/detector.bpf.h"
#include "bpf/shared/detector_counts.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("tp_btf/dma_fence_wait_start")
int BPF_PROG(fence_wait, struct dma_fence* fence) {
  struct gs_signals* signals;

  /* A worker that flips waits for what is drawn: for others, not for itself. */
  if (bpf_get_current_task_btf()->flags & PF_KTHREAD) return 0;
  signals = signals_here();
  detector_counts(gpu_fence_waits);
  if (signals) signals->fence_ns = bpf_ktime_get_ns();
  return 0;
}
