// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads: their contexts, and the lane each gets when it wakes.
 */
#include "bpf/sched/ctx.bpf.h"
#include "bpf/shared/games.bpf.h"
#include "bpf/shared/maps.bpf.h"
#include "bpf/policy/deadline.h"
#include "bpf/policy/window.h"

#define SCHED_IDLE 5

__hidden struct task_ctx* task_ctx_of(struct task_struct* p) {
  struct task_ctx* tc = bpf_task_storage_get(&task_ctxs, p, NULL, 0);

  if (!tc) count(no_task_context);
  return tc;
}

/* Without one a thread is still scheduled, only not well: better than a fork that fails. */
__hidden void task_ctx_create(struct task_struct* p, u64 vtime, u32 llc) {
  struct task_ctx* tc = bpf_task_storage_get(&task_ctxs, p, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

  if (!tc) return;
  /* Of an earlier attach nothing but the signals may stay. */
  __builtin_memset(&tc->vtime, 0, sizeof(*tc) - offsetof(struct task_ctx, vtime));
  tc->tid = p->pid;
  tc->llc = llc;
  tc->vtime = vtime;
  tc->lane = GS_LANE_NORMAL;
  tc->moves.cpu = tc->moves.home = GS_NO_CPU;
  tc->weight = 100; /* until it runs: the kernel has not given it its own yet */
}

/* The game a thread belongs to, looked up again only after a game came or went. */
static __always_inline void refresh_game(struct task_struct* p, struct task_ctx* tc,
                                         const struct gs_shared_state* state) {
  struct gs_game_process* process;
  struct gs_game_stats* stats;
  u32 tgid = p->tgid, game;

  if (tc->games_generation == state->games_generation) return;
  tc->games_generation = state->games_generation;
  process = bpf_map_lookup_elem(&game_processes, &tgid);
  game = process ? process->game : 0;
  stats = bpf_map_lookup_elem(&game_stats, &game);
  tc->game = stats && stats->parked ? 0 : game;
  if (!tc->game) {
    tc->frame_until_ns = 0;
    tc->pattern.confidence = 0;
  }
}

/* The game's slowest steady thread sets its frame period; a faster one takes over after a second of silence.
 */
static __always_inline void learn_period(struct task_ctx* tc, u64 now) {
  struct game_ctx* game = game_ctx_of(tc->game);

  if (game->tid == tc->tid || tc->pattern.period_ns > game->period_ns || now - game->seen_ns > GS_SEC) {
    game->tid = tc->tid;
    game->period_ns = tc->pattern.period_ns;
    game->seen_ns = now;
  }
}

static __always_inline bool any_window_open(const struct gs_shared_state* state, u64 now) {
  return gs_window_open(state->window_until_ns[GS_INPUT_KEYBOARD], now) ||
         gs_window_open(state->window_until_ns[GS_INPUT_MOUSE], now) ||
         gs_window_open(state->window_until_ns[GS_INPUT_CONTROLLER], now) ||
         gs_window_open(state->window_until_ns[GS_INPUT_OTHER], now);
}

static __always_inline u32 game_thread_wakes(struct task_struct* p, struct task_ctx* tc,
                                             struct gs_shared_state* state, u64 now, bool waker_known) {
  u32 here = bpf_get_smp_processor_id();
  struct gs_input_cpu* input = bpf_map_lookup_elem(&input_cpus, &here);
  bool by_interrupt = waker_known && compat_in_interrupt();
  bool input_woke = input && gs_woken_by_input(now, input->sync_ns, tunables.input_wake_ns);
  bool profits;

  if (input_woke) game_got_input(state, tc->game, now);
  profits = gs_input_profits(tc->game, state->foreground_game);
  tc->evidence = 0;
  if (profits && input_woke) {
    tc->evidence |= GS_EVIDENCE_INPUT;
    tc->input_ns = input->sync_ns;
    tc->input_lane = input->sync_lane;
    count(input_wakeups);
  } else if (by_interrupt) {
    gs_pattern_woken(&tc->pattern, now);
  }
  if (gs_pattern_periodic(&tc->pattern, tc->burst_avg_ns)) {
    tc->evidence |= GS_EVIDENCE_PERIODIC;
    learn_period(tc, now);
    count(periodic_wakeups);
  }
  if (tc->evidence) path_join(tc, 0, now);
  path_thread_wakes(p, tc, !waker_known || by_interrupt || tc->evidence & GS_EVIDENCE_INPUT, now);
  if (gs_before(now, tc->frame_until_ns)) {
    count(frame_wakeups);
    return GS_LANE_FRAME;
  }
  return gs_lane_of_other(p->policy == SCHED_IDLE, true, profits && any_window_open(state, now),
                          tc->burst_avg_ns, tunables.interactive_burst_ns);
}

/*
 * Everything that is decided once a wake-up. Returns the lane. waker_known: this runs where the wake-up came
 * from, not on the CPU that a queued wake-up was handed to.
 */
__hidden u32 task_wakes(struct task_struct* p, struct task_ctx* tc, u64 now, bool waker_known) {
  u32 zero = 0, lane;
  struct gs_shared_state* state = bpf_map_lookup_elem(&shared_state, &zero);

  if (state) refresh_game(p, tc, state);
  if (state && tc->game)
    lane = game_thread_wakes(p, tc, state, now, waker_known);
  else
    lane = gs_lane_of_other(p->policy == SCHED_IDLE, false, false, tc->burst_avg_ns,
                            tunables.interactive_burst_ns);
  tc->lane = lane;
  tc->runnable_ns = now;
  return lane;
}

/* Moves a thread's virtual time to another LLC's clock. */
static __always_inline void rebase(struct task_ctx* tc, u32 llc) {
  if (tc->llc == llc) return;
  tc->vtime += llc_ctx_of(llc)->now_v - llc_ctx_of(tc->llc)->now_v;
  tc->llc = llc;
}

/* Brings p's virtual time to the clock of an LLC, no further behind than it may be. */
__hidden void task_join_clock(struct task_ctx* tc, u32 llc) {
  rebase(tc, llc);
  tc->vtime =
      gs_vtime_at_wake(tc->vtime, llc_ctx_of(llc)->now_v,
                       gs_lag_allowed(tunables.lag_max_ns, tc->burst_ns, tc->weight, tunables.burst_max_ns));
  tc->vtime = gs_vtime_owed(tc->vtime, llc_ctx_of(llc)->now_v, tunables.wait_max_ns);
}

/* Where it goes in the queue of an LLC, in which `queued` threads wait for nr_cpus CPUs. */
__hidden u64 task_key(const struct task_struct* p, struct task_ctx* tc, u32 llc, s32 queued, u32 nr_cpus) {
  u32 share = p->nr_cpus_allowed < nr_cpus ? p->nr_cpus_allowed : nr_cpus;

  task_join_clock(tc, llc);
  return gs_deadline_key(tc->vtime, llc_ctx_of(llc)->now_v, tc->burst_ns, tc->weight, tunables.burst_max_ns,
                         gs_wait_max(tunables.wait_max_ns, queued > 0 ? queued : 0, share));
}
