// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errands: what a frame needs done and a driver hands to a workqueue (bpf/policy/classify.h).
 *
 * Known is the piece of work, by its address and what it does, from the call that first queued it; and whoever queues it in
 * the next second is taken to do so for a frame's sake: a GPU's job that has to wait for another one's fence is queued by the
 * interrupt that signals that, the next job by the worker that is done with the last.
 *
 * The kernel wakes a worker right after it has queued, on the same CPU and with interrupts off. So a mark on the CPU says
 * whom it wakes that for. Where all workers are busy nobody is woken, and the mark fades in GS_ERRAND_WAKE_NS.
 */
#include "bpf/sched/ctx.bpf.h"
#include "bpf/shared/maps.bpf.h"

struct errand {
  u64 does; /* its function: an address that is used anew is not taken for what it was */
  u64 asked_ns;
};

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 256);
  __type(key, u64); /* address of the work_struct */
  __type(value, struct errand);
} errands SEC(".maps");

/* Whether the current thread asks for a frame's sake. It may be real-time, as compositors are. */
static __always_inline bool asks_for_frame(u64 now) {
  struct task_struct* current = bpf_get_current_task_btf();
  struct task_ctx* asks;
  bool is_32bit;
  u64 argument;
  u32 call;

  if (!current->pid) return false;
  call = compat_system_call(current, &argument, &is_32bit);
  if (!gs_asks_graphics(call, is_32bit, compat_second_argument(current, is_32bit))) return false;
  asks = task_ctx_of(current);
  return asks && gs_gives_errand(asks->game, gs_age(now, asks->signals.submit_ns),
                                 gs_age(now, asks->signals.command_ns), screen_age(&asks->signals, now));
}

SEC("tp_btf/workqueue_queue_work")
int BPF_PROG(gamesched_work_queued, int cpu, void* pool, struct work_struct* work) {
  struct cpu_ctx* cc = this_cpu_ctx();
  u64 key = (u64)work, now;
  struct errand asked = {}, *known;

  cc->errand_ns = 0;
  if (!in_place) return 0;
  now = bpf_ktime_get_ns();
  asked.does = (u64)work->func;
  if (!compat_in_interrupt() && asks_for_frame(now)) {
    asked.asked_ns = now;
    bpf_map_update_elem(&errands, &key, &asked, BPF_ANY);
  } else {
    known = bpf_map_lookup_elem(&errands, &key);
    if (!known || known->does != asked.does || now - known->asked_ns > GS_ERRAND_KNOWN_NS) return 0;
  }
  cc->errand_ns = now;
  return 0;
}

/* Whether the worker that wakes now does so for work that was queued here a moment ago, and that is an errand. */
__hidden bool errand_given(u64 now) {
  struct cpu_ctx* cc = this_cpu_ctx();
  u64 queued_ns = cc->errand_ns;

  cc->errand_ns = 0;
  return queued_ns && now - queued_ns <= GS_ERRAND_WAKE_NS;
}
