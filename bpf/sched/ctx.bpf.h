/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scheduler's own state, and what its units offer each other.
 *
 * task_ctx   one a thread (bpf/shared/task_ctx.h); all but its signals is written by the callbacks of that
 *            thread only, which the kernel serializes
 * cpu_ctx    one a CPU; written by callbacks on that CPU. Others read lane and run_start_ns to choose a
 *            victim and may overwrite lane to claim it: a lost race costs one queueing
 * llc_ctx    one a last-level cache: the virtual time of its queue
 * game_ctx   one a game: its frame period
 * waiters    what bpf/policy/path.h needs to know of frame threads, by a hash of the thread id
 */
#ifndef GS_SCHED_CTX_BPF_H
#define GS_SCHED_CTX_BPF_H

#include "bpf/compat.bpf.h"
#include "bpf/policy/lane.h"
#include "bpf/policy/path.h"
#include "bpf/shared/abi.h"
#include "bpf/shared/task_ctx.h"

/* Dispatch queues: the LLC's number, with a bit that tells its two queues apart. */
#define DSQ_FRAME_BIT 0x10000ULL

struct cpu_ctx {
  u64 run_start_ns;
  u64 others_served_ns; /* when threads of other lanes than frame had last had slice_min_ns here */
  u64 others_ran_ns;    /* what they had since */
  u32 lane;             /* of the running thread; GS_LANE_NONE: nothing of ours */
  u32 llc;
  u32 frame_arrivals_seen; /* of its LLC, when a thread of another lane last started here */
  u32 rescuing;            /* dispatch() has just served another lane because its turn was due */
} __attribute__((aligned(64)));

struct llc_ctx {
  u64 now_v;
  u32 frame_arrivals; /* threads that may change CPUs queued in the frame queue so far */
} __attribute__((aligned(64)));

struct game_ctx {
  u64 period_ns; /* of its slowest thread that keeps time: the frame */
  u64 seen_ns;   /* when that thread was last seen */
  u32 tid;
};

/* Game ids, rounded up to a power of two: verifiers before 7.0 know the bounds of a mask, not of a remainder.
 */
#define NR_GAME_CTXS 512
#define NR_WAITERS 1024 /* frame threads of all games; a collision makes a thread known a frame later */

extern struct cpu_ctx cpus[GS_MAX_CPUS];
extern struct gs_cpu_counters counters[GS_MAX_CPUS];
extern struct llc_ctx llcs[GS_MAX_LLCS];
extern struct game_ctx games[NR_GAME_CTXS];
extern struct gs_waiter waiters[NR_WAITERS];
extern struct gs_tunables tunables;
extern struct gs_topology topology;

/* task.bpf.c */
void task_ctx_create(struct task_struct* p, u64 vtime, u32 llc);
struct task_ctx* task_ctx_of(struct task_struct* p);
u32 task_wakes(struct task_struct* p, struct task_ctx* tc, u64 now, bool waker_known);
void task_join_clock(const struct task_struct* p, struct task_ctx* tc, u32 llc);
u64 task_key(const struct task_struct* p, struct task_ctx* tc, u32 llc, s32 queued, u32 nr_cpus);

/* select_cpu.bpf.c */
s32 place_urgent_thread(struct task_struct* p, s32 prev_cpu, u32 lane);
s32 select_cpu(struct task_struct* p, s32 prev_cpu, u64 wake_flags);

/* enqueue.bpf.c, dispatch.bpf.c, running.bpf.c, cpu.bpf.c */
void enqueue(struct task_struct* p, u64 enq_flags);
void dispatch(s32 cpu, struct task_struct* prev);
void running(struct task_struct* p);
void charge(const struct task_struct* p, struct task_ctx* tc, struct cpu_ctx* cc, u64 now);
void stopping(struct task_struct* p, bool runnable);
s32 cpus_init(void);
void cpu_goes_online(s32 cpu);
void cpu_goes_offline(s32 cpu);

/* path.bpf.c */
void path_join(struct task_ctx* tc, u32 hop, u64 now);
void path_thread_wakes(struct task_struct* p, struct task_ctx* tc, bool by_interrupt, u64 now);
void path_thread_sleeps(struct task_ctx* tc);

static __always_inline struct cpu_ctx* cpu_ctx_of(s32 cpu) {
  return &cpus[(u32)cpu % GS_MAX_CPUS];
}

static __always_inline struct cpu_ctx* this_cpu_ctx(void) {
  return cpu_ctx_of(bpf_get_smp_processor_id());
}

static __always_inline struct llc_ctx* llc_ctx_of(u32 llc) {
  return &llcs[llc % GS_MAX_LLCS];
}

static __always_inline struct game_ctx* game_ctx_of(u32 game) {
  return &games[game % NR_GAME_CTXS];
}

static __always_inline struct gs_waiter* waiter_of(u32 tid) {
  return &waiters[tid % NR_WAITERS];
}

/* The queue's time follows the thread that runs, one slice at the most: a thread of tiny weight, far ahead,
 * does not take everybody's lag with it. */
static __always_inline void advance_clock(struct llc_ctx* llc, const struct task_ctx* tc) {
  if (gs_before(llc->now_v, tc->vtime))
    llc->now_v = gs_before(llc->now_v + tunables.slice_max_ns, tc->vtime) ? llc->now_v + tunables.slice_max_ns
                                                                          : tc->vtime;
}

#define counters_here() (&counters[bpf_get_smp_processor_id() % GS_MAX_CPUS])
#define count(name) (counters[bpf_get_smp_processor_id() % GS_MAX_CPUS].value[GS_COUNTER_##name]++)

#endif
