/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scheduler's own state, and what its units offer each other.
 *
 * task_ctx   one a thread (bpf/shared/task_ctx.h); all but its signals is written by the callbacks of that
 *            thread only, which the kernel serializes; its children add to children_v, and who lends it urgency
 *            (inherit.bpf.c) changes its lane, its loan and its queue
 * cpu_ctx    one a CPU; written by callbacks on that CPU. Others read lane and run_start_ns to choose a
 *            victim and may overwrite lane to claim it (claim())
 * llc_ctx    one a last-level cache: the virtual time of its queue
 * game_ctx   one a game: its frame
 * waiters    what bpf/policy/path.h needs to know of frame threads, by a hash of the thread id
 */
#ifndef GS_SCHED_CTX_BPF_H
#define GS_SCHED_CTX_BPF_H

#include "bpf/compat.bpf.h"
#include "bpf/policy/balance.h"
#include "bpf/policy/classify.h"
#include "bpf/policy/deadline.h"
#include "bpf/policy/lane.h"
#include "bpf/policy/path.h"
#include "bpf/policy/place.h"
#include "bpf/policy/slice.h"
#include "bpf/policy/weight.h"
#include "bpf/shared/abi.h"
#include "bpf/shared/maps.bpf.h"

/* Dispatch queues: the LLC's number, with a bit that tells its two queues apart; and one a CPU, of the
 * threads that may run nowhere else, and of the one that it keeps. */
#define DSQ_FRAME_BIT 0x10000ULL
#define DSQ_CPU_BIT 0x20000ULL

#define LONGEST_TICK_NS (10 * GS_MSEC) /* 100 of them a second */
#define MAX_RT_PRIO 100                /* of a task_struct's prio; below: real-time and deadline */

struct cpu_ctx {
  u64 run_start_ns;
  u64 slice_end_ns;     /* of the running thread's slice */
  u64 others_served_ns; /* when threads of other lanes than frame had last had slice_min_ns here */
  u64 others_ran_ns;    /* what they had since */
  u64 claim_burst_ns;   /* what the urgent thread that takes this CPU usually runs at a time */
  struct gs_taker taker;
  u64 input_ns; /* the event that woke the running thread, of no game (chain.h); 0: none did */
  u64 errand_ns; /* when a frame's work was queued here (errand.bpf.c) for which no worker has been woken yet; else 0 */
  u64 leave_ns; /* when thread leave_tid began to leave (leave_time()) */
  u32 lane;     /* of the running thread, or of that one; GS_LANE_NONE: nothing of ours */
  u32 llc;
  u32 tid; /* of the running thread, from running() to stopping(); 0: the kernel chose it in bypass mode */
  u32 frame_arrivals_seen; /* of its LLC, when a thread of another lane last started here */
  u32 rescuing;            /* dispatch() has just served another lane because its turn was due */
  u32 borrower;            /* thread that has urgency on loan (inherit.bpf.c) and waits in a queue; 0: none */
  u64 borrower_dsq;        /* that queue */
  u32 kept_tid; /* pre-empted thread that goes on here (enqueue.bpf.c) and waits for that; 0: none */
  u32 lets_go;  /* of that thread: a real-time task has taken the CPU */
  u32 away;     /* it goes offline: dispatch() is not asked for it any more */
  u32 leave_tid;
  u32 follower;      /* thread that last ran right after the taker (select_cpu.bpf.c), */
  u32 follows;       /* and is to do so again: nobody has run since */
  u32 input_step;    /* of that event's chain, */
  u32 input_lane;    /* and its lane */
  u32 started_as;    /* lane in which the running thread started */
  u32 lent;          /* the running thread may have a loan for a lock of the kernel's */
  u32 claim_stale;   /* goes_on() has seen a claim that nobody had come for */
  u32 waited;        /* it had waited for that, for its wait_ns */
  u32 start_unnoted; /* its start is still to be noted (running.bpf.c) */
  u32 bound_wait; /* somebody may wait in the CPU's own queue; set and cleared under the run queue's lock */
  u32 worker_waits; /* one of the kernel's that is brief has come there since dispatch() last looked; the same lock */
  u64 behind_v; /* how far the time of that queue is behind its LLC's; written under that lock, too */
} __attribute__((aligned(64)));

struct llc_ctx {
  u64 now_v;
  s32 queued;          /* threads in its queue, as of the last dispatch() that looked, */
  u64 queued_ns;       /* which was then */
  struct gs_pace pace; /* how fast now_v goes (balance.h) */
  u32 frame_arrivals;  /* threads that may change CPUs queued in the frame queue so far */
  u32 frame_waiting;   /* threads in the frame queue, and those that left it and have not run yet */
} __attribute__((aligned(64)));

struct game_ctx {
  u64 period_ns; /* of its frame: by what it gives to the GPU, else of its slowest thread that keeps time */
  u64 seen_ns;   /* when that thread was last seen */
  u64 begin_ns;  /* when its current frame began, by its submits; 0: not known */
  u64 gpu_ns;    /* when period_ns was last known by its submits */
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
extern unsigned int names_that_count;
extern bool in_place;   /* from init to exit: at any other time the scheduler in place is another one */
extern u32 some_let_go; /* lets_go is set for a CPU */

/*
 * Functions with __arg_trusted are the verifier's units: it looks at each once, for whatever arguments, where
 * it would follow the others through every state of each caller. A pointer to a context may be NULL to it.
 */

/* task.bpf.c */
void task_ctx_create(struct task_struct* p, u64 vtime, u32 queue, u32 parent_tid, s64 own_v);
u32 task_wakes(struct task_struct* p __arg_trusted, struct task_ctx* tc, u64 now, bool waker_known);
void task_join_clock(struct task_ctx* tc, u32 queue);
u64 task_key(const struct task_struct* p, struct task_ctx* tc, u32 queue, s32 queued, u32 nr_cpus);

/* children.bpf.c */
void task_created(struct task_struct* p);
void task_exits(struct task_struct* p);
int pay_for_children(struct task_ctx* tc, u64 now_v);

/* select_cpu.bpf.c */
s32 place_urgent_thread(struct task_struct* p __arg_trusted, struct task_ctx* tc, s32 prev_cpu, bool anywhere,
                        u64 now);
s32 gamesched_select_cpu(unsigned long long* ctx);

/* enqueue.bpf.c, dispatch.bpf.c, running.bpf.c, cpu.bpf.c */
bool ends_urgency(struct task_ctx* tc, u64 ran_ns, u64 now);
void gamesched_enqueue(unsigned long long* ctx);
void gamesched_dispatch(unsigned long long* ctx);
void gamesched_running(unsigned long long* ctx);
u64 charge(struct task_ctx* tc, struct cpu_ctx* cc, s32 cpu, u64 now);
void gamesched_stopping(unsigned long long* ctx);
s32 cpus_init(void);
s32 idle_cpu_for_games(struct task_struct* p, s32 prev_cpu, u64 wake_flags);
void cpu_goes_online(s32 cpu);
void cpu_goes_offline(s32 cpu);
void cpu_is_taken(s32 cpu, const struct task_struct* taker);

/* chain.bpf.c */
u32 chain_goes_on(struct task_ctx* tc, u64 now);
void chain_proves(const struct task_ctx* tc, bool writer, u64 now);
void chain_serves(struct task_ctx* by, const struct task_ctx* tc, u64 now);

/* errand.bpf.c */
bool errand_given(u64 now);

/* launch.bpf.c */
void launch_begins(struct task_ctx* tc, u64 now);
void launch_wakes(struct task_ctx* tc, u64 now);

/* weight.bpf.c */
void task_weigh_anew(struct task_struct* p, struct task_ctx* tc, u64 now);

/* path.bpf.c */
void path_join(struct task_ctx* tc, u32 hop, u64 now);
void path_starts(struct task_ctx* tc, u32 evidence, u64 now);
void path_thread_wakes(struct task_struct* p, struct task_ctx* tc, bool by_interrupt, bool released, u64 now);
void path_thread_sleeps(struct task_ctx* tc);

/* inherit.bpf.c */
int inherit_wait_begins(struct task_struct* p __arg_trusted, struct task_ctx* tc, u64 now);
int inherit_serve(u64 now);
void inherit_ends(struct task_ctx* tc, u64 now);
void inherit_returns(struct task_ctx* tc, u64 now);
int inherit_released(struct task_ctx* tc, u64 now);

#define counters_here() (&counters[bpf_get_smp_processor_id() % GS_MAX_CPUS])
#define count(name) (counters[bpf_get_smp_processor_id() % GS_MAX_CPUS].value[GS_COUNTER_##name]++)

static __always_inline struct task_ctx* task_ctx_of(struct task_struct* p) {
  struct task_ctx* tc = bpf_task_storage_get(&task_ctxs, p, NULL, 0);

  if (!tc) count(no_task_context);
  return tc;
}

static __always_inline struct cpu_ctx* cpu_ctx_of(s32 cpu) {
  return &cpus[(u32)cpu % GS_MAX_CPUS];
}

/* What its sibling runs; GS_LANE_NONE when it has none. */
static __always_inline u32 sibling_lane(s32 cpu) {
  u32 sibling = topology.sibling_of[(u32)cpu % GS_MAX_CPUS];

  return sibling == (u32)cpu ? GS_LANE_NONE : cpu_ctx_of(sibling)->lane;
}

/* Since a thread, or one of a program that does, last put a frame on a screen. */
static __always_inline u64 screen_age(const struct gs_signals* signals, u64 now) {
  return gs_min(gs_age(now, signals->flip_ns), gs_age(now, signals->screen_ns));
}

static __always_inline bool launches(const struct task_ctx* tc, u64 now) {
  return gs_age(now, tc->signals.launch_ns) <= GS_LAUNCH_KEEP_NS;
}

/* An urgent thread takes the CPU from whoever runs there, if that is a victim, and with `free` no urgent one: of several
 * that wake at once, one does. */
static __always_inline bool claim(struct cpu_ctx* cc, const struct task_ctx* tc, bool free) {
  u32 running = cc->lane;

  if (!gs_victim_score(tc->lane, running, 0) || (free && gs_lane_urgent(running))) return false;
  if (__sync_val_compare_and_swap(&cc->lane, running, tc->lane) != running) return false;
  cc->claim_burst_ns = tc->burst_avg_ns;
  return true;
}

/* Whether an urgent thread has claimed the CPU and does not run there yet; also where one runs with urgency on loan. */
static __always_inline bool is_claimed(const struct cpu_ctx* cc) {
  return gs_lane_urgent(cc->lane) && !gs_lane_urgent(cc->started_as);
}

/* Whether a thread is as well off on this CPU as on any. */
static __always_inline bool cpu_suits(const struct task_ctx* tc, s32 cpu) {
  return !topology.nr_for_games || !gs_wants_game_cpu(tc->lane, tc->game) ||
         topology.flags[(u32)cpu % GS_MAX_CPUS] & GS_CPU_FOR_GAMES;
}

static __always_inline struct cpu_ctx* this_cpu_ctx(void) {
  return cpu_ctx_of(bpf_get_smp_processor_id());
}

/*
 * The time, for callbacks about a thread that leaves this CPU. One switch is up to four of them under one lock
 * (dispatch, stopping, enqueue, and running of who comes next), and to read the clock costs as much as
 * everything else in some of them: the first reads it for all.
 */
static __always_inline u64 leave_time(struct cpu_ctx* cc, u32 tid) {
  if (!tid || cc->leave_tid != tid) {
    cc->leave_ns = bpf_ktime_get_ns();
    cc->leave_tid = tid;
  }
  return cc->leave_ns;
}

/* For who comes next; the idle thread and those of other classes leave without a word. */
static __always_inline u64 arrive_time(struct cpu_ctx* cc) {
  u32 leaves = bpf_get_current_task_btf()->pid;
  u64 now = leaves && leaves == cc->leave_tid ? cc->leave_ns : bpf_ktime_get_ns();

  cc->leave_tid = 0;
  return now;
}

/* How long the thread that runs on a CPU has not been charged. Who changes its weight meanwhile stops and starts it from
 * another CPU, so `now` may be older. */
static __always_inline u64 uncharged_ns(const struct cpu_ctx* cc, u64 now) {
  u64 start = cc->run_start_ns;

  return gs_before(start, now) ? now - start : 0;
}

/* For a thread where so many wait for nr_cpus CPUs. */
static __always_inline u64 slice_of(const struct task_ctx* tc, s32 queued, u32 nr_cpus) {
  return gs_slice(queued, nr_cpus, tc->weight, tunables.slice_max_ns, tunables.slice_min_ns,
                  tunables.slice_round_ns);
}

/* Whether any CPU is idle. When none is, to ask the kernel for one costs much more than this. */
static __always_inline bool any_idle(void) {
  const struct cpumask* idle = scx_bpf_get_idle_cpumask();
  bool any = !bpf_cpumask_empty(idle);

  scx_bpf_put_idle_cpumask(idle);
  return any;
}

static __always_inline struct llc_ctx* llc_ctx_of(u32 llc) {
  return &llcs[llc % GS_MAX_LLCS];
}

/* The i-th nearest LLC, i from 1; it may be one that does not exist. The daemon numbers them so that
 * neighbours differ in the lowest bits. (Verifiers before 7.0 know the bounds of a mask; the compiler would
 * leave it out where it knows them too.) */
static __always_inline u32 llc_near(u32 own, u32 i) {
  u32 llc = own ^ i;

  barrier_var(llc);
  return llc;
}

/*
 * Whether anybody may wait in an LLC's frame queue. To ask the kernel means to look the queue up by its number, which
 * each dispatch() would do to find it empty. Counted before it is put there, and until it runs: never too few.
 */
static __always_inline bool frame_waits(u32 llc) {
  return *(volatile u32*)&llc_ctx_of(llc)->frame_waiting;
}

static __always_inline void leaves_frame_queue(struct task_ctx* tc) {
  u32 llc = tc->frame_llc ? __sync_lock_test_and_set(&tc->frame_llc, 0) : 0;

  if (llc) __sync_fetch_and_sub(&llc_ctx_of(llc - 1)->frame_waiting, 1);
}

static __always_inline void joins_frame_queue(struct task_ctx* tc, u32 llc) {
  u32 before;

  __sync_fetch_and_add(&llc_ctx_of(llc)->frame_waiting, 1);
  before = __sync_lock_test_and_set(&tc->frame_llc, llc + 1);
  if (before) __sync_fetch_and_sub(&llc_ctx_of(before - 1)->frame_waiting, 1);
}

/* By another than itself, which may be running elsewhere by now: then it counts until it next runs. False: it was in one. */
static __always_inline bool is_put_in_frame_queue(struct task_ctx* tc, u32 llc) {
  __sync_fetch_and_add(&llc_ctx_of(llc)->frame_waiting, 1);
  if (!__sync_val_compare_and_swap(&tc->frame_llc, 0, llc + 1)) return true;
  __sync_fetch_and_sub(&llc_ctx_of(llc)->frame_waiting, 1);
  return false;
}

static __always_inline struct game_ctx* game_ctx_of(u32 game) {
  return &games[game % NR_GAME_CTXS];
}

static __always_inline struct gs_waiter* waiter_of(u32 tid) {
  return &waiters[tid % NR_WAITERS];
}

/* Looked up again when its nice value has changed, and else now and then. */
static __always_inline void task_weigh(struct task_struct* p, struct task_ctx* tc, u64 now) {
  if (tc->own_weight != p->scx.weight || now - tc->weighed_ns >= GS_WEIGHT_KEEP_NS)
    task_weigh_anew(p, tc, now);
}

/* How far the time of a queue is behind that of its LLC (deadline.h). */
static __always_inline u64 behind_llc(u32 queue) {
  return queue & DSQ_CPU_BIT ? cpu_ctx_of(queue)->behind_v : 0;
}

static __always_inline u32 llc_of(u32 queue) {
  return queue & DSQ_CPU_BIT ? cpu_ctx_of(queue)->llc : queue;
}

/* The time of an LLC's queue, or of a CPU's own. */
static __always_inline u64 time_of(u32 queue) {
  return llc_ctx_of(llc_of(queue))->now_v - behind_llc(queue);
}

/* How many wait in a queue, and for how many CPUs: those in an LLC's are shared by all its CPUs. */
static __always_inline s32 waiting_in(u32 queue, u32* nr_cpus) {
  u32 llc = llc_of(queue) % GS_MAX_LLCS;
  s32 queued = llc_ctx_of(llc)->queued;

  *nr_cpus = topology.llcs[llc].nr_cpus;
  if (queue & DSQ_CPU_BIT) {
    queued = scx_bpf_dsq_nr_queued(queue) + queued / (*nr_cpus ? *nr_cpus : 1);
    *nr_cpus = 1;
  }
  return queued;
}

/* By which of the two a thread goes that runs on a CPU: by the CPU's own, if it last waited there. */
static __always_inline u32 queue_here(const struct task_ctx* tc, s32 cpu, u32 llc) {
  u32 own = DSQ_CPU_BIT | (u32)cpu;

  return tc->queue == own ? own : llc;
}

/* The LLC's time follows the thread that runs, which has just run for ran_ns, 0: it starts. A slice lasts no longer than until
 * the tick after it: the rest is the CPU's that somebody else had, a machine's of which this one is a guest. */
static __always_inline void advance_clock(struct llc_ctx* llc, const struct task_ctx* tc, u64 ran_ns) {
  u64 slice_ns = tunables.slice_max_ns, most = gs_max(slice_ns, gs_min(ran_ns, slice_ns + LONGEST_TICK_NS));

  llc->now_v = gs_clock_follows(llc->now_v, tc->vtime + behind_llc(tc->queue), most);
}

#endif
