// SPDX-License-Identifier: GPL-2.0-only
/*
 * Other programs between the player and the game: applies bpf/policy/chain.h to wake-ups.
 */
#include "bpf/sched/ctx.bpf.h"
#include "bpf/shared/maps.bpf.h"
#include "bpf/policy/window.h"

/* The last event of a lane whose window is open, if it is newer than `event_ns`. */
static __always_inline u64 newer(const struct gs_shared_state* state, u32 lane, u64 length_ns, u64 event_ns,
                                 u64 now) {
  u64 until_ns = state->window_until_ns[lane];

  if (!gs_window_open(until_ns, now)) return event_ns;
  return gs_before(event_ns, until_ns - length_ns) ? until_ns - length_ns : event_ns;
}

/* A real-time thread, of which nobody says what woke it, wakes tc: when the event came that it may be about; 0: none. */
static __noinline u64 event_of_real_time(u64 now) {
  u32 zero = 0;
  struct gs_shared_state* state = bpf_map_lookup_elem(&shared_state, &zero);
  struct task_struct* current = bpf_get_current_task_btf();
  u64 old = now - GS_CHAIN_LASTS_NS, newest = old;
  struct task_ctx* by;

  if (!state || !current->pid || (u32)current->prio >= MAX_RT_PRIO) return 0;
  newest = newer(state, GS_INPUT_KEYBOARD, tunables.window_keyboard_ns, newest, now);
  newest = newer(state, GS_INPUT_MOUSE, tunables.window_mouse_ns, newest, now);
  newest = newer(state, GS_INPUT_OTHER, tunables.window_other_ns, newest, now);
  if (newest == old) return 0;
  by = task_ctx_of(current);
  return by && !by->game && screen_age(&by->signals, now) <= GS_SEC ? newest : 0;
}

/*
 * By whom tc is woken, in that one's own context: the chain it is in by that. Returns its step, 0 for none, and notes the
 * event; that of a real-time compositor's is a guess, and is in no histogram of a lane.
 */
__hidden u32 chain_goes_on(struct task_ctx* tc, u64 now) {
  const struct cpu_ctx* here = this_cpu_ctx();
  u64 event_ns = here->tid ? here->input_ns : event_of_real_time(now);
  u32 step;

  if (!event_ns) return 0;
  step = gs_chain_next(here->tid ? here->input_step : 1, event_ns, now);
  if (!step) return 0;
  tc->input_ns = event_ns;
  tc->input_lane = here->tid ? here->input_lane : GS_INPUT_NONE;
  return step;
}

/*
 * The current thread, of no game, wakes tc for an event: writer, as who has just written it, or because it is in its chain.
 * That proves something of it where tc is a game's, or brings a game input itself, at this step.
 */
__hidden void chain_proves(const struct task_ctx* tc, bool writer, u64 now) {
  struct task_struct* current = bpf_get_current_task_btf();
  const struct cpu_ctx* here = this_cpu_ctx();
  u32 barred = writer ? PF_WQ_WORKER : PF_KTHREAD;
  struct task_ctx* by;

  if (!current->pid || current->flags & barred) return;
  if (!tc->game &&
      (gs_age(now, tc->brings_ns) > GS_BRINGS_KEEP_NS || (!writer && tc->brings_step != tc->input_step)))
    return;
  by = task_ctx_of(current);
  if (!by || by->game) return;
  by->brings_ns = now;
  if (writer)
    by->brings_step = here->input_ns ? here->input_step : 0;
  else
    by->brings_step = tc->input_step - 1;
  count(input_brought);
}

/* The current thread, `by`, of no game, wakes a game's. */
__hidden void chain_serves(struct task_ctx* by, const struct task_ctx* tc, u64 now) {
  if (!tc->open_wait || !gs_lane_leads(tc->lane) || bpf_get_current_task_btf()->flags & PF_KTHREAD) return;
  by->serves_ns = now;
  count(frames_served);
}
