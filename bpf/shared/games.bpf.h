/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which of several games is played, as far as the kernel sees.
 *
 * For any object: a detector that sees a game's frame calls game_drew(), the scheduler calls
 * game_got_input(). With one game both write a number or two and return.
 */
#ifndef GS_SHARED_GAMES_BPF_H
#define GS_SHARED_GAMES_BPF_H

#include "bpf/shared/maps.bpf.h"
#include "bpf/policy/foreground.h"

static __always_inline void foreground_moves(struct gs_shared_state* state, u32 game) {
  struct gs_process_event_header* event;

  /* Two CPUs may do this at once: of two games that both have a case one wins, and both are told. */
  state->foreground_game = game;
  event = bpf_ringbuf_reserve(&process_events, sizeof(*event), 0);
  if (!event) return; /* shown late: with the next change */
  event->kind = GS_PROCESS_FOREGROUND;
  event->value = game;
  bpf_ringbuf_submit(event, 0);
}

static __always_inline void game_got_input(struct gs_shared_state* state, u32 game, u64 now) {
  u32 other = state->foreground_game;
  struct gs_game_state *own = bpf_map_lookup_elem(&game_states, &game), *current;

  if (!own) return;
  own->input_ns = now;
  if (!other || other == game) return; /* the daemon says who is first */
  current = bpf_map_lookup_elem(&game_states, &other);
  if (current && current->processes && gs_foreground_by_input(now, current->input_ns))
    foreground_moves(state, game);
}

static __always_inline void game_drew(struct gs_shared_state* state, u32 game, u64 now) {
  u32 other = state->foreground_game;
  struct gs_game_state* current;

  if (!other || other == game) return; /* the daemon says who is first */
  current = bpf_map_lookup_elem(&game_states, &other);
  if (current && current->processes && gs_foreground_by_frame(now, current->input_ns, current->begin_ns))
    foreground_moves(state, game);
}

#endif
