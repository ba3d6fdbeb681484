// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads: their contexts, and the lane each gets when it wakes.
 */
#include "bpf/sched/ctx.bpf.h"
#include "bpf/shared/games.bpf.h"
#include "bpf/shared/maps.bpf.h"
#include "bpf/policy/audio.h"
#include "bpf/policy/classify.h"
#include "bpf/policy/deadline.h"
#include "bpf/policy/inherit.h"
#include "bpf/policy/window.h"

#define SCHED_IDLE 5

/* Without one a thread is still scheduled, only not well: better than a fork that fails. */
__hidden void task_ctx_create(struct task_struct* p, u64 vtime, u32 queue, u32 parent_tid, s64 own_v) {
  struct task_ctx* tc = bpf_task_storage_get(&task_ctxs, p, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

  if (!tc) return;
  /* Of an earlier attach nothing but the signals may stay. */
  __builtin_memset(&tc->vtime, 0, sizeof(*tc) - offsetof(struct task_ctx, vtime));
  tc->tid = p->pid;
  tc->queue = queue;
  tc->llc = llc_of(queue);
  tc->vtime = vtime;
  tc->parent_tid = parent_tid;
  tc->own_v = own_v;
  tc->lane = GS_LANE_NORMAL;
  tc->moves.cpu = tc->moves.home = GS_NO_CPU;
  tc->weight = 100; /* until it runs: the kernel has not given it its own yet */
}

/* The game a thread belongs to, and whether it is an audio server's: looked up again only after one came or
 * went. */
static __always_inline void refresh_game(struct task_struct* p, struct task_ctx* tc,
                                         const struct gs_shared_state* state) {
  struct gs_game_process* process;
  struct gs_game_state* of_game;
  u32 tgid = p->tgid, game;

  if (tc->games_generation == state->games_generation) return;
  tc->games_generation = state->games_generation;
  process = bpf_map_lookup_elem(&game_processes, &tgid);
  game = process ? process->game : 0;
  of_game = bpf_map_lookup_elem(&game_states, &game);
  tc->game = of_game && of_game->parked ? 0 : game;
  tc->audio_server = is_audio_server(tgid);
  if (!tc->game) {
    tc->frame_until_ns = 0;
    tc->recalls = 0;
    tc->pattern.confidence = 0;
  }
}

/* The frame period: by what the game gives to the GPU; while that is silent, of its slowest steady thread,
 * which a faster one replaces after a second of silence. */
static __always_inline void learn_period(struct task_ctx* tc, u32 evidence, u64 now) {
  struct game_ctx* game = game_ctx_of(tc->game);
  struct gs_game_state* frames;
  u32 id = tc->game;

  if (evidence & (GS_EVIDENCE_GPU | GS_EVIDENCE_FLIP)) {
    frames = bpf_map_lookup_elem(&game_states, &id);
    if (frames && frames->period_ns && now - frames->begin_ns < GS_SEC) {
      game->period_ns = frames->period_ns;
      game->begin_ns = frames->begin_ns;
      game->gpu_ns = now;
    }
  }
  if (!(evidence & GS_EVIDENCE_PERIODIC) || now - game->gpu_ns < GS_SEC) return;
  if (game->tid == tc->tid || tc->pattern.period_ns > game->period_ns || now - game->seen_ns > GS_SEC) {
    game->tid = tc->tid;
    game->period_ns = tc->pattern.period_ns;
    game->begin_ns = 0;
    game->seen_ns = now;
  }
}

static __always_inline bool any_window_open(const struct gs_shared_state* state, u64 now) {
  return gs_window_open(state->window_until_ns[GS_INPUT_KEYBOARD], now) ||
         gs_window_open(state->window_until_ns[GS_INPUT_MOUSE], now) ||
         gs_window_open(state->window_until_ns[GS_INPUT_CONTROLLER], now) ||
         gs_window_open(state->window_until_ns[GS_INPUT_OTHER], now);
}

/*
 * Functions of their own, which the verifier looks at once: what they answer is any number to it, where else
 * it would follow every combination of facts through all that comes after.
 */
__noinline u32 evidence_of(struct gs_facts* facts, u32 path) {
  return facts ? gs_evidence(facts, path) : 0;
}

__noinline u32 lane_of(struct gs_facts* facts, u32 evidence, u32 on_path) {
  return facts ? gs_lane(facts, evidence, on_path) : GS_LANE_NORMAL;
}

static __always_inline void gather(const struct task_struct* p, const struct task_ctx* tc, u64 now,
                                   struct gs_facts* facts) {
  const struct gs_signals* signals = &tc->signals;
  u32 named = signals->named & names_that_count;

  facts->ages.submit = gs_age(now, signals->submit_ns);
  facts->ages.command = gs_age(now, signals->command_ns);
  facts->ages.flip = tc->game ? gs_age(now, signals->flip_ns) : screen_age(signals, now);
  facts->ages.fence = gs_age(now, signals->fence_ns);
  facts->ages.audio = gs_age(now, signals->audio_ns);
  facts->ages.net = gs_age(now, signals->net_ns);
  facts->ages.bulk = gs_age(now, signals->bulk_ns);
  facts->ages.launch = gs_age(now, signals->launch_ns);
  facts->ages.brings = gs_age(now, tc->brings_ns);
  facts->ages.serves = gs_age(now, tc->serves_ns);
  facts->burst_avg_ns = tc->burst_avg_ns;
  facts->audio_owes = gs_audio_owes_too_much(tc->audio_paid_ns, now, signals->audio_period_ns);
  facts->frame_period_ns = game_ctx_of(tc->game)->period_ns;
  facts->burst_floor_ns = tunables.burst_floor_ns;
  facts->interactive_burst_ns = tunables.interactive_burst_ns;
  facts->sched_idle = p->policy == SCHED_IDLE;
  facts->audio_server = tc->audio_server;
  facts->helps_launch = gs_before(now, tc->help_until_ns);
  facts->named_frame = named & GS_NAMED_FRAME;
  facts->named_audio = named & GS_NAMED_AUDIO;
  facts->named_network = named & GS_NAMED_NETWORK;
  facts->named_compositor = named & GS_NAMED_COMPOSITOR;
  facts->game = facts->played = facts->window = false;
  facts->spoken_to = facts->input_woke = facts->periodic = false;
}

/* The input event of this CPU that wakes who wakes now; NULL: none does. Who wrote it wakes its readers, thread or interrupt;
 * where a wake-up was handed to this CPU, that is not known. */
static __always_inline struct gs_input_cpu* input_that_wakes(u64 now, bool waker_known, bool by_thread) {
  u32 here = bpf_get_smp_processor_id(), by = by_thread ? bpf_get_current_task_btf()->pid : 0;
  struct gs_input_cpu* input = bpf_map_lookup_elem(&input_cpus, &here);

  if (!input || (waker_known && input->sync_tid != by)) return NULL;
  return gs_woken_by_input(now, input->sync_ns, tunables.input_wake_ns, by) ? input : NULL;
}

/* The event that wakes tc now is noted, with its step in the event's chain (chain.h). Returns whether there is one. */
static __always_inline bool note_input(struct task_ctx* tc, u64 now, bool waker_known, bool by_thread) {
  struct gs_input_cpu* input = input_that_wakes(now, waker_known, by_thread);

  tc->input_ns = 0;
  if (input) {
    tc->input_ns = input->sync_ns;
    tc->input_lane = input->sync_lane;
    tc->input_step = 1;
    return true;
  }
  if (!by_thread) return false;
  tc->input_step = chain_goes_on(tc, now);
  return tc->input_step;
}

/* What woke a game's thread, and what that says of it. */
static __always_inline void gather_of_game(struct task_ctx* tc, struct gs_shared_state* state, u64 now,
                                           bool by_interrupt, struct gs_facts* facts) {
  bool input = tc->input_ns;

  facts->game = true;
  facts->played = gs_input_profits(tc->game, state->foreground_game);
  /* What comes through others does not say for whom it is. */
  if (input && (facts->played || tc->input_step == 1)) game_got_input(state, tc->game, now);
  if (!facts->played) tc->input_ns = 0;
  facts->window = facts->played && any_window_open(state, now);
  if (facts->played && input) {
    facts->input_woke = true;
    count(input_wakeups);
  } else if (by_interrupt) {
    gs_pattern_woken(&tc->pattern, now);
  }
  facts->periodic = gs_pattern_periodic(&tc->pattern, tc->burst_avg_ns);
  if (facts->periodic) count(periodic_wakeups);
}

/*
 * In an interrupt: whether the current thread is the game's, and speaks. What is sent to somebody on this machine is
 * carried there before the sender's call returns, so who is woken by it meanwhile is whom it was sent to. (Another's
 * packet may come in at that moment: its reader is urgent for once.)
 */
static __always_inline bool game_speaks(void) {
  struct task_struct* current = bpf_get_current_task_btf();
  struct task_ctx* speaker = current->pid ? task_ctx_of(current) : NULL;

  return speaker && speaker->game && speaker->evidence & GS_EVIDENCE_NETWORK && gs_lane_urgent(speaker->lane);
}

static __always_inline bool seen_by_a_detector(const struct gs_signals* signals) {
  return signals->submit_ns | signals->command_ns | signals->flip_ns | signals->fence_ns | signals->audio_ns |
         signals->net_ns | signals->bulk_ns | signals->launch_ns | signals->named;
}

/*
 * A game's thread that another thread wakes, on a frame's path, and of which nothing else is known: the path alone
 * decides. So it is with each job of a frame, of which there are many.
 */
static __always_inline bool is_on_path_alone(const struct task_struct* p, const struct task_ctx* tc,
                                             u64 now) {
  return tc->evidence && !(tc->evidence & ~GS_EVIDENCE_PATH) && gs_before(now, tc->frame_until_ns) &&
         tc->game && !seen_by_a_detector(&tc->signals) && !tc->audio_server &&
         !gs_before(now, tc->help_until_ns) && p->policy != SCHED_IDLE;
}

/* What does not count any more costs a look at each wake-up as long as it is there. */
static __always_inline void forget_old(struct task_ctx* tc, u64 now) {
  if (gs_age(now, tc->brings_ns) > GS_BRINGS_KEEP_NS) tc->brings_ns = 0;
  if (gs_age(now, tc->serves_ns) > GS_SERVES_KEEP_NS) tc->serves_ns = 0;
}

/*
 * Everything that is decided once a wake-up. Returns the lane. waker_known: this runs where the wake-up came
 * from, not on the CPU that a queued wake-up was handed to.
 */
__noinline u32 task_wakes(struct task_struct* p __arg_trusted, struct task_ctx* tc, u64 now,
                          bool waker_known) {
  u32 zero = 0, path;
  struct gs_shared_state* state = bpf_map_lookup_elem(&shared_state, &zero);
  struct gs_facts facts; /* of which gather() sets all, and only where they are asked for */
  bool by_interrupt, by_thread, input, released;

  if (!tc) return GS_LANE_NORMAL;
  by_interrupt = waker_known && compat_in_interrupt();
  by_thread = waker_known && !by_interrupt;
  released = tc->lock_wait;
  if (released && this_cpu_ctx()->lent && by_thread) inherit_released(tc, now);
  tc->lock_wait = 0;
  tc->loan = GS_LOAN_NONE;
  path = gs_before(now, tc->frame_until_ns) ? tc->evidence & GS_EVIDENCE_PATH : 0;
  if (state) refresh_game(p, tc, state);
  if (state && gs_before(now, state->launch_until_ns) && by_thread) launch_wakes(tc, now);
  input = note_input(tc, now, waker_known, by_thread);
  if (!tc->game && !tc->audio_server && !gs_before(now, tc->help_until_ns) && !tc->brings_ns &&
      !tc->serves_ns && !seen_by_a_detector(&tc->signals)) {
    tc->lane = gs_lane_of_nobody(p->policy == SCHED_IDLE, tc->burst_avg_ns, tunables.interactive_burst_ns);
    /* It may have slept within one. */
    tc->evidence = gs_before(now, tc->frame_until_ns) ? tc->evidence & GS_EVIDENCE_ERRAND : 0;
    if (p->flags & PF_WQ_WORKER && waker_known && errand_given(now)) {
      tc->evidence = GS_EVIDENCE_ERRAND;
      tc->frame_until_ns = now + GS_ERRAND_LASTS_NS;
      count(errands);
    }
    if (tc->evidence) tc->lane = GS_LANE_COMPOSITOR;
    tc->window = 0;
    tc->runnable_ns = now;
    return tc->lane;
  }
  if (input && by_thread && (tc->game || tc->brings_ns)) chain_proves(tc, tc->input_step == 1, now);
  if (state && by_thread && !input && is_on_path_alone(p, tc, now)) {
    path_thread_wakes(p, tc, false, released, now);
    tc->lane = GS_LANE_FRAME;
    tc->window = gs_input_profits(tc->game, state->foreground_game) && any_window_open(state, now);
    tc->runnable_ns = now;
    count(frame_wakeups);
    return tc->lane;
  }
  gather(p, tc, now, &facts);
  if (state && tc->game) {
    gather_of_game(tc, state, now, by_interrupt, &facts);
  } else {
    if (tc->brings_ns | tc->serves_ns) forget_old(tc, now);
    facts.spoken_to = by_interrupt && tc->signals.net_ns && game_speaks();
  }
  tc->evidence = evidence_of(&facts, path);
  if (facts.game) {
    learn_period(tc, tc->evidence, now);
    if (gs_starts_path(&facts, tc->evidence)) path_starts(tc, tc->evidence, now);
    path_thread_wakes(p, tc, !waker_known || by_interrupt || facts.input_woke, released, now);
  }
  tc->lane = lane_of(&facts, tc->evidence, gs_before(now, tc->frame_until_ns));
  tc->window = facts.window;
  tc->runnable_ns = now;
  if (tc->lane == GS_LANE_FRAME) count(frame_wakeups);
  return tc->lane;
}

/* Moves a thread's virtual time to another queue's. */
static __always_inline void rebase(struct task_ctx* tc, u32 queue) {
  if (tc->queue == queue) return;
  tc->vtime += time_of(queue) - time_of(tc->queue);
  tc->queue = queue;
  tc->llc = llc_of(queue);
}

/*
 * Brings p's virtual time to that of a queue, no further behind than it may be. A CPU's own queue goes back to who has
 * not slept instead (deadline.h), whenever such a thread has had a slice: so who has slept may be a slice further behind
 * there.
 */
__hidden void task_join_clock(struct task_ctx* tc, u32 queue) {
  bool own = queue & DSQ_CPU_BIT;
  u64 burst_ns = own ? tunables.burst_max_ns : tc->burst_ns;
  u64 lag = gs_lag_allowed(tunables.lag_max_ns, burst_ns, tc->weight, tunables.burst_max_ns);
  u64 now_v, vtime, before;

  rebase(tc, queue);
  now_v = time_of(queue);
  if (tc->children_v) pay_for_children(tc, now_v);
  before = tc->vtime;
  if (own && gs_virtual(tc->burst_ns, tc->weight) >= tunables.slice_max_ns) {
    tc->vtime = gs_vtime_at_wake(tc->vtime, now_v, tunables.wait_max_ns);
    vtime = gs_vtime_at_wake(tc->vtime, now_v, lag);
    cpu_ctx_of(queue)->behind_v += vtime - tc->vtime;
    now_v -= vtime - tc->vtime;
  } else {
    tc->vtime = gs_vtime_at_wake(tc->vtime, now_v, own ? lag + tunables.slice_max_ns : lag);
  }
  tc->vtime = gs_vtime_owed(tc->vtime, now_v, tunables.wait_max_ns);
  if (tc->vtime != before) tc->ahead_v = 0; /* it has been forgiven: nothing is given back for that */
}

/* Where it goes in a queue, in which `queued` threads wait for nr_cpus CPUs. */
__hidden u64 task_key(const struct task_struct* p, struct task_ctx* tc, u32 queue, s32 queued, u32 nr_cpus) {
  u32 share = p->nr_cpus_allowed < nr_cpus ? p->nr_cpus_allowed : nr_cpus;

  task_join_clock(tc, queue);
  return gs_deadline_key(tc->vtime, time_of(queue), tc->burst_ns, tc->weight, tunables.burst_max_ns,
                         gs_wait_max(tunables.wait_max_ns, queued > 0 ? queued : 0, share));
}
