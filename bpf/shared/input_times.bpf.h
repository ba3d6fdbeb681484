/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From an input event to what the player sees of it: two histograms for each lane of input, on the CPU where
 * the thing is seen.
 *
 * The scheduler calls input_reader_runs() when a game's thread that an event woke begins to run. Whoever
 * sees a game submit a frame calls input_frame_submitted(): the frame answers every event that the game has
 * read and not answered yet, and its time counts from the oldest. An event that comes through other programs (chain.h) counts
 * once, though it may wake several of the game's threads.
 */
#ifndef GS_SHARED_INPUT_TIMES_BPF_H
#define GS_SHARED_INPUT_TIMES_BPF_H

#include "bpf/shared/maps.bpf.h"
#include "bpf/policy/base.h"
#include "bpf/policy/histogram.h"

/* An event that no frame has answered for so long will not be: a game that loads, or draws nothing. */
#define GS_INPUT_ANSWER_MAX_NS GS_SEC

/* A reader's time is taken before it is written, and a frame may begin in between on another CPU. */
#define INPUT_READ_NS GS_MSEC

static __always_inline struct gs_input_cpu* input_cpu_here(void) {
  u32 cpu = bpf_get_smp_processor_id();

  return bpf_map_lookup_elem(&input_cpus, &cpu);
}

static __always_inline void input_time_counts(unsigned long long* buckets, u64 time_ns) {
  u32 bucket = gs_histogram_bucket(time_ns, GS_INPUT_BUCKETS);

  barrier_var(bucket); /* the verifier sees the bound below only if the compiler does not see it above */
  if (bucket < GS_INPUT_BUCKETS) buckets[bucket]++;
}

static __always_inline void input_reader_runs(u32 game, u32 lane, bool chained, u64 event_ns, u64 now) {
  struct gs_game_state* answers = bpf_map_lookup_elem(&game_states, &game);
  struct gs_input_cpu* cpu = input_cpu_here();

  if (!answers || !cpu || lane >= GS_INPUT_LANES) return;
  if (chained) {
    if (answers->chained_ns == event_ns) return;
    answers->chained_ns = event_ns;
  }
  input_time_counts(cpu->to_reader[lane], now - event_ns);
  answers->read_ns = now;
  if (!answers->unanswered_ns[lane] || now - answers->unanswered_ns[lane] > GS_INPUT_ANSWER_MAX_NS)
    answers->unanswered_ns[lane] = event_ns;
}

/* before_ns: the game's frame before, which answered all that had been read by then. */
static __always_inline void input_frame_submitted(struct gs_game_state* answers, u64 before_ns, u64 now) {
  struct gs_input_cpu* cpu;
  u32 lane;

  if (answers->read_ns + INPUT_READ_NS < before_ns) return;
  for (lane = 0; lane < GS_INPUT_LANES; lane++) {
    u64 event_ns = answers->unanswered_ns[lane];

    if (!event_ns) continue;
    cpu = input_cpu_here();
    if (!cpu) return;
    answers->unanswered_ns[lane] = 0;
    if (now - event_ns <= GS_INPUT_ANSWER_MAX_NS) input_time_counts(cpu->to_submit[lane], now - event_ns);
  }
}

#endif
