/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What crosses between BPF and the daemon. Only fixed-size members, natural
 * alignment, sizes asserted; `unsigned long long` because a skeleton repeats
 * these types in user space, where the kernel's u64 does not exist.
 */
#ifndef GS_SHARED_ABI_H
#define GS_SHARED_ABI_H

#define GS_OPS_NAME "gamesched"
#define GS_MAX_CPUS 512 /* larger machines: "unsupported"; sizes the arrays below */
#define GS_MAX_LLCS 64
#define GS_LLC_CPUS 64         /* CPUs of one LLC that a victim is looked for on */
#define GS_MAX_GAMES 256       /* game ids 1 .. 256 */
#define GS_MAX_PROCESSES 16384 /* processes of all games together */
#define GS_EXIT_TEXT 128
#define GS_EXIT_MESSAGE 512

enum gs_counter {
#define COUNTER(name, doc) GS_COUNTER_##name,
#include "bpf/shared/counters.def"
#undef COUNTER
  GS_NR_COUNTERS
};

/* Bucket b counts waits of 2^(b-1) us up to 2^b us; bucket 0 less than 1 us, the last all longer ones. */
#define GS_WAIT_BUCKETS 16
#define GS_WAIT_LANES 5 /* enum gs_lane */

struct gs_cpu_counters {
  unsigned long long value[GS_NR_COUNTERS];
  /* Runnable until running, by the lane at the time of running. */
  unsigned long long waits[GS_WAIT_LANES][GS_WAIT_BUCKETS];
  unsigned long long longest_wait_ns[GS_WAIT_LANES];
} __attribute__((aligned(64)));

struct gs_tunables {
#define TUNABLE(name, value, minimum, maximum, doc) unsigned long long name;
#include "bpf/shared/tunables.def"
#undef TUNABLE
};

/* The machine, written by the daemon before it attaches the scheduler. */
struct gs_topology {
  unsigned int nr_cpus; /* highest CPU number + 1 */
  unsigned int nr_llcs;
  unsigned short llc_of[GS_MAX_CPUS];
  struct {
    unsigned int nr_cpus;
    unsigned short cpus[GS_LLC_CPUS];
  } llcs[GS_MAX_LLCS];
};

/* Map game_processes: thread-group id -> game. */
struct gs_game_process {
  unsigned int game; /* 1 .. GS_MAX_GAMES */
  unsigned int uid;  /* effective user at registration; another after an exec ends membership */
};

/* Map shared_state, one entry: what detectors write and the scheduler reads. */
struct gs_shared_state {
  unsigned int games_generation; /* changes with every add or removal of a game */
  unsigned int nr_games;
  unsigned long long window_until_ns[4]; /* CLOCK_MONOTONIC, by enum gs_input_lane */
};

/* Map input_cpus, per CPU. */
struct gs_input_cpu {
  unsigned long long sync_ns; /* CLOCK_MONOTONIC of the last SYN_REPORT on this CPU */
  unsigned long long events;
  unsigned long long events_no_input; /* of devices that never boost */
};

enum gs_event_kind {
  GS_EVENT_SCHED_EXIT = 1,
};

/* Map events, a ring buffer. */
struct gs_event {
  unsigned int kind;
  unsigned int exit_kind; /* enum scx_exit_kind */
  long long exit_code;
  char reason[GS_EXIT_TEXT];
  char message[GS_EXIT_MESSAGE];
};

#ifdef __cplusplus
#define _Static_assert static_assert
#endif
_Static_assert(sizeof(struct gs_game_process) == 8, "map value");
_Static_assert(sizeof(struct gs_shared_state) == 40, "map value");
_Static_assert(sizeof(struct gs_input_cpu) == 24, "map value");
_Static_assert(sizeof(struct gs_event) == 656, "ring record");

#endif
