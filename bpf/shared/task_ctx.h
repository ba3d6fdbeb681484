/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is known of a thread, in task storage (map task_ctxs): detectors write `signals`, the scheduler reads
 * them and keeps the rest, the daemon reads all of it to explain a thread. Times are CLOCK_MONOTONIC, 0:
 * never.
 *
 * The storage outlives a detach. An attach clears what is the scheduler's and leaves the signals.
 */
#ifndef GS_SHARED_TASK_CTX_H
#define GS_SHARED_TASK_CTX_H

#include "bpf/policy/base.h"
#include "bpf/policy/frame.h"
#include "bpf/policy/pattern.h"
#include "bpf/policy/place.h"

/* What detectors saw the thread do, written in its own context, so by one CPU at a time. */
struct gs_signals {
  u64 submit_ns;  /* last gave work to a GPU */
  u64 command_ns; /* last gave a GPU's driver a command that may be work: we know too little of the driver */
  u64 flip_ns;    /* last put a frame on a screen (KMS): only who owns the screen can */
  u64 fence_ns;   /* last waited for a GPU */
  u64 audio_ns;   /* last gave or took a period of audio */
  u64 net_ns;     /* last sent or received a message of a live conversation */
  u64 bulk_ns;    /* last moved a part of a bulk transfer */
  u64 launch_ns;  /* became the program that starts a game; what it becomes next is that game */
  u64 screen_ns;  /* last gave work to a GPU, as a thread of a program that puts frames on a screen */
  struct gs_frames frames;
  u32 audio_period_ns;
  u32 named;          /* enum gs_named, by its name alone */
  u16 audio_minor;    /* of the ALSA device it last used; 0: none, it played to a server */
  u16 audio_switches; /* how often it had slept by then, the low bits */
};

struct task_ctx {
  struct gs_signals signals;
  u64 vtime;    /* by the time of `queue` */
  u64 burst_ns; /* CPU time since it last woke */
  u64 burst_avg_ns;
  u64 audio_paid_ns;  /* an audio thread, or one of an audio server: when it will have paid for what it ran */
  u64 frame_until_ns; /* on a frame's critical path until then; a worker of the kernel's: on an errand */
  u64 runnable_ns;    /* when it last became runnable; 0 while it runs or sleeps */
  u64 wait_ns;        /* its last time from runnable to running */
  u64 wait_avg_ns;
  u64 help_until_ns; /* helps to start a game until then */
  u64 input_ns;      /* the input event that woke it (chain.h), until it runs; else 0 */
  u64 brings_ns;     /* last brought input to a game (chain.h) */
  u64 serves_ns;     /* last woke a game's frame thread that waited for it (chain.h) */
  u64 slice_left_ns; /* of the slice in which an urgent thread pre-empted it; 0: none */
  u64 weighed_ns;    /* when `weight` was looked up */
  s64 children_v; /* what it owes for its children since it last had a key (deadline.h); by them, atomically */
  s64 own_v; /* what its parent is to pay for it: what it ran, less what that has paid; below 0: it is new, it has not had a slice */
  u64 lent_ns;       /* when it got a loan for a lock of the kernel's, */
  u64 lent_paid_ns;  /* and when it will have paid for those */
  u64 loan_burst_ns; /* burst_ns when it got that loan */
  u64 ahead_v;       /* of vtime, what it has paid for children and may get back */
  u32 weight;        /* with that of its control groups; 100: usual */
  u32 own_weight;    /* the kernel's at that time: by its nice value */
  struct gs_pattern pattern;
  struct gs_moves moves;
  u32 games_generation; /* `game` is valid while this equals the shared one */
  u32 tid;
  u32 lender;              /* who waits for it, of a loan for a lock of the kernel's */
  u32 parent_tid;          /* who pays for it; 0: nobody */
  u32 frame_llc;           /* in whose frame queue it was put, plus 1, until it runs; 0: in none */
  u32 peer_tid, peer_wait; /* the frame thread that woke it, and the wait its work belongs to */
  u32 done_tid, done_wait; /* the same, of the burst before: done in time, verdict open */
  u32 evidence;            /* enum gs_evidence, as of its last wake-up */
  u32 queue;               /* where it waits, or last did: an LLC's, or a CPU's */
  u16 game;                /* 1 .. GS_MAX_GAMES; 0: none */
  u16 llc;                 /* of that queue */
  u8 lane;                 /* enum gs_lane, as of its last wake-up, or less since */
  u8 input_lane;
  u8 input_step;   /* of that event's chain */
  u8 brings_step;  /* at which it last brought input; 0: it wrote the event, and was in no chain */
  u8 open_wait;    /* it last went to sleep where a program can wake it */
  u8 hop;          /* distance from a thread that keeps time */
  u8 audio_server; /* valid as `game` is */
  u8 loan;         /* enum gs_loan: it runs as a frame thread since one waits for it */
  u8 own_lane;     /* while it has a loan: the lane that it had before */
  u8 lock_wait;    /* it is about to sleep for a lock of the kernel's, or does */
  u8 window;       /* its game had an input window open when it last woke */
  u8 recalls;      /* how often it may be taken for what path.h once found it to be */
  u8 in_time;      /* since it last ran it has not slept, or got a key in `queue` */
};

#endif
