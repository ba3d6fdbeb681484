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

enum gs_detector_counter {
#define COUNTER(name, doc) GS_DETECTOR_COUNTER_##name,
#include "bpf/shared/detector_counters.def"
#undef COUNTER
  GS_NR_DETECTOR_COUNTERS
};

/* Array `detected` of each detector, indexed by CPU, written on that CPU only. */
struct gs_detector_cpu {
  unsigned long long value[GS_NR_DETECTOR_COUNTERS];
} __attribute__((aligned(64)));

/* Bucket b counts waits of 2^(b-1) us up to 2^b us; bucket 0 less than 1 us, the last all longer ones. */
#define GS_WAIT_BUCKETS 16
#define GS_WAIT_LANES 10 /* enum gs_lane */

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

#define GS_CPU_FOR_GAMES 1U /* better for games than those without this; nobody's where all are alike */
#define GS_CPU_KNOWN 2U     /* it was there, and its cache was known */

/* The machine, written by the daemon before it attaches the scheduler. */
struct gs_topology {
  unsigned int nr_cpus; /* highest CPU number + 1 */
  unsigned int nr_llcs;
  unsigned int nr_for_games; /* CPUs with GS_CPU_FOR_GAMES */
  unsigned short llc_of[GS_MAX_CPUS];
  unsigned short sibling_of[GS_MAX_CPUS]; /* the next CPU of its core; itself where it has none */
  unsigned char flags[GS_MAX_CPUS];
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

#define GS_INPUT_LANES 4 /* enum gs_input_lane */

/* Map game_states, by game; entry 0 is of no game. Times CLOCK_MONOTONIC. All of a game in one entry: what begins a
 * frame needs all of it, and looks it up once. */
struct gs_game_state {
  unsigned int processes; /* of it in game_processes */
  unsigned int parked;    /* its threads are nobody's special: its user is not at the screen */
  /* What its threads give to the GPU (bpf/policy/frame.h). */
  unsigned long long begin_ns; /* when its current frame began */
  unsigned long long frames;   /* so far */
  unsigned int period_ns;      /* 0: not known */
  unsigned int tid;            /* of the thread whose frames these are; 0: none yet */
  unsigned int steady;
  unsigned int unused;
  /* What its threads read of the player (bpf/shared/input_times.bpf.h). */
  unsigned long long input_ns;                      /* one last woke because of an input event */
  unsigned long long read_ns;                       /* one last read input */
  unsigned long long chained_ns;                    /* event that last came to it through others (chain.h) */
  unsigned long long unanswered_ns[GS_INPUT_LANES]; /* the oldest event without a frame since; 0: none */
};

/* Map gpu_cards, by minor number: which commands of its driver give it work. Bit n: command 0x40 + n. */
#define GS_GPU_CARDS 256
#define GS_GPU_COMMANDS 96
struct gs_gpu_card {
  unsigned long long submits[2]; /* all 0: not known */
  unsigned int asked;            /* the daemon has been told that it is in use */
  unsigned int unused;
};

/* Map audio_servers: the kernel gives no higher ids (PID_MAX_LIMIT). */
#define GS_PROCESS_IDS (4U << 20)

/* Map thread_names: the first 15 bytes of a thread's name, without the number at its end -> enum gs_named. */
#define GS_THREAD_NAME 16
#define GS_MAX_THREAD_NAMES 256
enum gs_named {
  GS_NAMED_FRAME = 1,
  GS_NAMED_AUDIO = 2,
  GS_NAMED_NETWORK = 4,
  GS_NAMED_COMPOSITOR = 8,
};

/* Map user_processes: effective user -> processes of all its games. */
#define GS_MAX_USERS 256
/* A game's share of game_processes: beyond what any has, far below the map. Eight users fill the map. */
#define GS_MAX_GAME_PROCESSES 1024
#define GS_MAX_USER_PROCESSES 2048

/* Map exec_names: what starts of programs of that name (the first 15 bytes of it) mean. */
#define GS_EXEC_NAME 16
#define GS_MAX_EXEC_NAMES 2048
#define GS_EXEC_IGNORED 1U  /* never told */
#define GS_EXEC_REPORTED 2U /* told, wherever it lies */
#define GS_EXEC_WATCHED 4U  /* told, and so is what it and its descendants start */
#define GS_EXEC_AUDIO 8U    /* in a folder of the system: an audio server */
#define GS_EXEC_LAUNCH 16U  /* in a folder of the system: starts a game and becomes it */

/* Map exec_dirs, a trie of how paths begin. */
#define GS_EXEC_DIR 64
#define GS_MAX_EXEC_DIRS 128
#define GS_EXEC_DIR_REPORTED 1U
#define GS_EXEC_DIR_SYSTEM 2U /* only an administrator writes there */
struct gs_exec_dir {
  unsigned int bits; /* of `path` that count */
  char path[GS_EXEC_DIR];
};

/* Map exec_budgets, an array by the low bits of a real user's number: what gs_budget_take() keeps. Of two users with the
 * same bits whoever comes has a whole budget, so nobody takes another's. */
#define GS_EXEC_BUDGETS 1024
struct gs_exec_budget {
  unsigned long long full_at_ns;
  unsigned long long lost_told_ns; /* GS_PROCESS_LOST at most once a second */
  unsigned int uid;
  unsigned int unused;
};

enum gs_process_event_kind {
  GS_PROCESS_EXEC = 1,       /* struct gs_exec_event */
  GS_PROCESS_LOST = 2,       /* value: the user whose starts were not all told */
  GS_PROCESS_FOREGROUND = 3, /* value: the game that is played now */
  GS_PROCESS_SOUND = 4,      /* value: minor number of the ALSA device that a stream is set up on */
};

/* Map process_events, a ring buffer: each record begins so. */
struct gs_process_event_header {
  unsigned int kind;
  unsigned int value;
};

#define GS_EXEC_PATH 256
#define GS_EXEC_ARGS 512
struct gs_exec_event {
  struct gs_process_event_header header;
  unsigned long long cgroup; /* id of the control group, in the unified hierarchy */
  unsigned int pid;          /* thread group */
  unsigned int parent;       /* its thread group */
  unsigned int uid;          /* real user */
  unsigned int game;         /* 0: of none */
  unsigned int args_bytes;   /* with the zeros between them; cut at GS_EXEC_ARGS */
  unsigned int unused;
  char path[GS_EXEC_PATH]; /* ends with the first zero, or is cut */
  char args[GS_EXEC_ARGS];
};

/* Map shared_state, one entry: what detectors write and the scheduler reads. */
struct gs_shared_state {
  unsigned int games_generation;         /* changes with every add or removal of a game */
  unsigned int foreground_game;          /* 0: not known */
  unsigned long long window_until_ns[4]; /* CLOCK_MONOTONIC, by enum gs_input_lane */
  unsigned long long launch_until_ns;    /* a game is being started until then */
};

#define GS_INPUT_SLOTS 8
#define GS_INPUT_RINGS 16
#define GS_INPUT_RING_BYTES (64 * 1024)
#define GS_INPUT_DEVICES 1024
/* As GS_WAIT_BUCKETS, up to an eighth of a second: a frame and more. */
#define GS_INPUT_BUCKETS 18

/* A device in a CPU's cache. */
struct gs_input_slot {
  unsigned long long device; /* address of the kernel's; 0: free */
  unsigned long long used;   /* the CPU's `events` when it was last used */
  unsigned long long period_start_ns;
  unsigned long long told_ns;  /* when the daemon was last told, or the ring was full; 0: never */
  unsigned int pending;        /* events seen, and no record tells of them yet */
  unsigned int period_pending; /* of these, before the period began */
  unsigned int id;
  unsigned int generation; /* the slot is to be believed while this equals devices_generation */
  unsigned int lane;
  unsigned int high_rate;
};

/*
 * Map input_cpus, indexed by CPU, written on that CPU only, read by the daemon in place. Of the events,
 * events = events_idle + events_no_input + events_reported + events_dropped + the slots' pending.
 */
struct gs_input_cpu {
  unsigned long long sync_ns; /* CLOCK_MONOTONIC of the last SYN_REPORT of a device with a lane */
  unsigned long long events;
  unsigned long long events_idle;     /* while there was no game */
  unsigned long long events_no_input; /* of devices that never boost */
  unsigned long long events_reported; /* that records in the ring tell of */
  unsigned long long events_dropped;  /* that found the ring full */
  unsigned int hot;                   /* slot of the device in high-rate mode that was used last */
  unsigned int sync_lane;
  unsigned int sync_tid; /* thread that wrote that report; 0: an interrupt did */
  unsigned int unused;
  unsigned long long cache_hits; /* without those of the fast path */
  unsigned long long cache_misses;
  unsigned long long first_sights;
  unsigned long long records_dropped;
  struct gs_input_slot slots[GS_INPUT_SLOTS];
  unsigned long long to_reader[GS_INPUT_LANES]
                              [GS_INPUT_BUCKETS]; /* event to the game's reading thread running */
  unsigned long long to_submit[GS_INPUT_LANES][GS_INPUT_BUCKETS]; /* event to that game's next frame submit */
} __attribute__((aligned(64)));

/* Map input_devices: address of the kernel's device -> what is known of it. */
struct gs_input_device {
  unsigned int id; /* N of /sys/class/input/inputN */
  unsigned int lane;
};

enum gs_input_record_kind {
  GS_INPUT_EVENTS = 1,
  GS_INPUT_DEVICE_SEEN = 2, /* the first event of a device; its lane may be GS_INPUT_ASK */
  GS_INPUT_DEVICE_GONE = 3,
};

/* Maps input_rings. No code or value is in it: what is typed is nobody's business. */
struct gs_input_record {
  unsigned long long time_ns; /* when it was made, by an event of this device or of one that took its slot */
  unsigned long long device;  /* key of input_devices */
  unsigned int id;
  unsigned int events;
  unsigned short kind;
  unsigned short lane;
  unsigned int unused;
};

enum gs_event_kind {
  GS_EVENT_SCHED_EXIT = 1, /* struct gs_event */
  GS_EVENT_GPU_CARD = 2,   /* struct gs_gpu_card_event */
};

/* Map events, a ring buffer. */
struct gs_gpu_card_event {
  unsigned int kind;
  unsigned int minor; /* of a card in use whose driver is not known */
};

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
_Static_assert(sizeof(struct gs_shared_state) == 48, "map value");
_Static_assert(sizeof(struct gs_input_slot) == 56, "part of a map value");
_Static_assert(sizeof(struct gs_input_cpu) % 64 == 0, "each CPU has cache lines of its own");
_Static_assert(sizeof(struct gs_input_device) == 8, "map value");
_Static_assert(sizeof(struct gs_input_record) == 32, "ring record");
_Static_assert(sizeof(struct gs_game_state) == 96, "map value");
_Static_assert(sizeof(struct gs_gpu_card) == 24, "map value");
_Static_assert(sizeof(struct gs_exec_dir) == 68, "map key");
_Static_assert(sizeof(struct gs_exec_budget) == 24, "map value");
_Static_assert(sizeof(struct gs_process_event_header) == 8, "ring record");
_Static_assert(sizeof(struct gs_exec_event) == 808, "ring record");
_Static_assert(sizeof(struct gs_event) == 656, "ring record");

#endif
