/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which lane a thread is in, from what is known of it when it wakes.
 *
 * Problem: detectors say what a thread did last and when. What that makes of it depends on whose
 * thread it is, on how long it runs at a time, and on what else it does.
 *
 * How: gs_evidence() says what speaks for a thread now. A signal counts while it is recent, and only for a
 * thread that runs as briefly as what it is believed to do: who feeds a sound card computes for a part of
 * a period, or the card has run dry. gs_lane() then takes the first row that fits:
 *
 *   SCHED_IDLE                                                        background
 *   audio, of the game that is played                                 game audio
 *   audio, or a thread of an audio server                             audio
 *   a game's, and on a frame's path (path.h: all GS_EVIDENCE_STARTS
 *   are where such a path begins, others are found from there)        frame
 *   flips, or draws for a program that does, and is no game's         compositor
 *   another program's, brings the game input or serves a frame
 *   (chain.h)                                                         compositor
 *   a worker of the kernel's, woken by a call that flips, or that
 *   gives work of a game's or a compositor's to a GPU                 compositor
 *   network, of the game that is played, or of whom that has just
 *   spoken to on this machine: it is the game's server                game network
 *   starts a game, has just been started as one, or is waited for
 *   by one (launch.bpf.c)                                             game network
 *   bursts too long to be of the following                            normal
 *   a game's, input window open                                       game
 *   network                                                           network
 *   else                                                              interactive
 *
 *   who                                      evidence             lane
 *   game's, submits 4 times a frame          gpu                  frame
 *   game's, uploads textures, 12 ms bursts   none: too long       normal
 *   a browser's, submits at 60 Hz            none: no game        interactive
 *   wlroots' loop, flips, game or no game    flip                 compositor
 *   kwin's, draws; its commit thread flips   flip                 compositor
 *   Xwayland's, woken by the compositor      brings, serves       compositor
 *   a download's, 0.2 ms bursts              none: bulk           interactive
 *   a server's, woken by the game's message  network, answers     game network
 *   the same, by another player's            network              network
 *
 * A name counts where no hook can tell, and then as what the hook would have seen.
 *
 * A driver mostly does not do itself what a call asks of it: it hands that to a workqueue, so that a flip, or a frame's
 * work for the GPU (the kernel's DRM scheduler since 6.8), waits for a thread at nice 0 which nobody knows. What is queued in
 * the middle of such an ioctl, by who has just flipped or submitted, is an errand, and so it is when somebody else queues it
 * again within GS_ERRAND_KNOWN_NS (errand.bpf.c). The worker that is woken for it is taken to do that until it is idle, or
 * has run for too long, or has been at it for GS_ERRAND_LASTS_NS: it may have to wait for a fence or a refresh before.
 *
 * Limits: a program may do all this for show. It gains a lane that share.h bounds, no more. A worker that has more in its
 * queue does that as well; what it hands on to another is no errand. A GPU's ring may be
 * many programs': while a frame has used it within a second, they gain, too.
 */
#ifndef GS_POLICY_CLASSIFY_H
#define GS_POLICY_CLASSIFY_H

#include "bpf/policy/base.h"
#include "bpf/policy/chain.h"
#include "bpf/policy/lane.h"
#include "bpf/policy/share.h"

/* Bits, since several may hold. */
enum gs_evidence {
  GS_EVIDENCE_INPUT = 0x1,      /* woken by an input event on this CPU, just now */
  GS_EVIDENCE_PERIODIC = 0x2,   /* woken by a timer or device at a steady frame-like rate */
  GS_EVIDENCE_WAKER = 0x4,      /* woke a frame thread that had waited for it */
  GS_EVIDENCE_PEER = 0x8,       /* woken by a frame thread, done before that one's wait ended */
  GS_EVIDENCE_GPU = 0x10,       /* gives work to a GPU */
  GS_EVIDENCE_FLIP = 0x20,      /* puts frames on a screen */
  GS_EVIDENCE_FENCE = 0x40,     /* waits for a GPU */
  GS_EVIDENCE_COMMAND = 0x80,   /* commands a GPU of which no more is known */
  GS_EVIDENCE_AUDIO = 0x100,    /* gives or takes periods of audio, or is an audio server's */
  GS_EVIDENCE_NETWORK = 0x200,  /* holds a live conversation */
  GS_EVIDENCE_NAME = 0x400,     /* has a known name, and no hook could tell */
  GS_EVIDENCE_LAUNCH = 0x800,   /* starts a game, has just been started as one, or is waited for by one */
  GS_EVIDENCE_ANSWERS = 0x1000, /* is no game's, and woken by a message of a game's live conversation */
  GS_EVIDENCE_ERRAND = 0x2000,  /* is a worker of the kernel's that flips, or gives a frame's work to a GPU */
  GS_EVIDENCE_BRINGS = 0x4000,  /* brings a game input: a compositor, Xwayland, a remapper (chain.h) */
  GS_EVIDENCE_SERVES = 0x8000,  /* is another program's, and a frame's thread waits for it (chain.h) */
};

/* Of a game's thread: a frame's path begins here; so it does at a name of a frame's thread. */
#define GS_EVIDENCE_STARTS                                                                             \
  (GS_EVIDENCE_INPUT | GS_EVIDENCE_PERIODIC | GS_EVIDENCE_GPU | GS_EVIDENCE_FLIP | GS_EVIDENCE_FENCE | \
   GS_EVIDENCE_COMMAND)
/* Found by path.h, and true as long as the thread is on the path. */
#define GS_EVIDENCE_PATH (GS_EVIDENCE_WAKER | GS_EVIDENCE_PEER)

/* Nobody waits for a frame of who has not drawn for so long: half a second is a stutter beyond all. */
#define GS_GPU_KEEP_NS (GS_SEC / 2)
/* A compositor draws nothing while nothing changes, and must be quick with the first thing that does. */
#define GS_FLIP_KEEP_NS (60 * GS_SEC)
/* Longer than any period, a hiccup included. */
#define GS_AUDIO_KEEP_NS (GS_SEC / 2)
/* The slowest ticks of game servers are 10 Hz. */
#define GS_NETWORK_KEEP_NS (GS_SEC / 2)
/* From the start of gamesched-run to the game's own first steps, and what these compute without a pause. */
#define GS_LAUNCH_KEEP_NS (GS_SEC / 2)
#define GS_LAUNCH_BURST_NS (50 * GS_MSEC)

/* What detectors saw: ages in ns, ~0 for never. */
struct gs_ages {
  u64 submit, command, flip, fence, audio, net, bulk, launch, brings, serves;
};

struct gs_facts {
  struct gs_ages ages;
  u64 burst_avg_ns;
  u64 frame_period_ns; /* its game's; 0: not known */
  u64 burst_floor_ns, interactive_burst_ns;
  bool sched_idle;
  bool game;   /* it is a game's, and that is not parked */
  bool played; /* that game is the one in the foreground, or none is known to be */
  bool window; /* an input window is open, and the game profits */
  bool audio_server;
  bool audio_owes;   /* it runs for more than an audio thread does (audio.h) */
  bool helps_launch; /* it is waited for by a thread that starts a game */
  bool spoken_to;    /* it is no game's, and was woken by what a game's live conversation sends */
  bool input_woke;
  bool periodic;
  bool named_frame, named_compositor, named_audio, named_network; /* by name, where no hook can tell */
};

GS_POLICY u64 gs_age(u64 now, u64 then) {
  return then ? now - then : ~0ULL;
}

/* A thread of an urgent lane has run for burst_ns without sleeping, or for more than an audio thread has:
 * nobody can be waiting for that. */
GS_POLICY bool gs_ends_urgency(u32 lane, u64 burst_ns, bool audio_owes, u64 frame_period_ns,
                               u64 burst_floor_ns) {
  if (gs_lane_audio(lane)) return audio_owes;
  return gs_burst_too_long(burst_ns, frame_period_ns, burst_floor_ns);
}

/* A thread of a lane for short bursts has run for longer without sleeping: lanes are decided at wake-ups, and it may not
 * wake for long. */
GS_POLICY bool gs_ends_brevity(u32 lane, u64 burst_ns, u64 interactive_burst_ns) {
  return lane > GS_LANE_GAME_NETWORK && lane < GS_LANE_NORMAL && burst_ns >= interactive_burst_ns;
}

/* A thread that gives periods of audio was refused the lane, or lost it, for what it owed, and owes less now. It may
 * not have slept since: who is always behind never does. */
GS_POLICY bool gs_is_audio_again(u32 lane, bool audio_server, u64 audio_age_ns, bool audio_owes) {
  return !gs_lane_urgent(lane) && lane != GS_LANE_BACKGROUND && !audio_owes &&
         (audio_server || audio_age_ns <= GS_AUDIO_KEEP_NS);
}

/* `path`: evidence of path.h that still holds. */
GS_POLICY u32 gs_evidence(const struct gs_facts* facts, u32 path) {
  bool brief = facts->burst_avg_ns < facts->interactive_burst_ns;
  u32 evidence = path;

  if (facts->helps_launch || facts->ages.launch <= GS_LAUNCH_KEEP_NS) evidence |= GS_EVIDENCE_LAUNCH;
  if (facts->ages.flip <= GS_FLIP_KEEP_NS) evidence |= GS_EVIDENCE_FLIP;
  if (facts->named_compositor) evidence |= GS_EVIDENCE_FLIP | GS_EVIDENCE_NAME;
  if (!facts->audio_owes) {
    if (facts->audio_server || facts->ages.audio <= GS_AUDIO_KEEP_NS) evidence |= GS_EVIDENCE_AUDIO;
    if (facts->named_audio) evidence |= GS_EVIDENCE_AUDIO | GS_EVIDENCE_NAME;
  }
  /* Of one that does both the game's is live, for its answers are waited for; another's can wait. */
  if (brief && facts->ages.net <= GS_NETWORK_KEEP_NS &&
      ((facts->game && facts->played) || facts->ages.bulk > GS_NETWORK_KEEP_NS))
    evidence |= facts->spoken_to ? GS_EVIDENCE_NETWORK | GS_EVIDENCE_ANSWERS : GS_EVIDENCE_NETWORK;
  if (brief && facts->named_network) evidence |= GS_EVIDENCE_NETWORK | GS_EVIDENCE_NAME;
  if (!facts->game) {
    if (brief && facts->ages.brings <= GS_BRINGS_KEEP_NS) evidence |= GS_EVIDENCE_BRINGS;
    if (brief && facts->ages.serves <= GS_SERVES_KEEP_NS) evidence |= GS_EVIDENCE_SERVES;
    return evidence;
  }
  if (facts->input_woke) evidence |= GS_EVIDENCE_INPUT;
  if (facts->periodic) evidence |= GS_EVIDENCE_PERIODIC;
  if (brief && facts->ages.fence <= GS_GPU_KEEP_NS) evidence |= GS_EVIDENCE_FENCE;
  if (gs_burst_too_long(facts->burst_avg_ns, facts->frame_period_ns, facts->burst_floor_ns)) return evidence;
  if (facts->ages.submit <= GS_GPU_KEEP_NS) evidence |= GS_EVIDENCE_GPU;
  if (facts->ages.command <= GS_GPU_KEEP_NS) evidence |= GS_EVIDENCE_COMMAND;
  if (facts->named_frame) evidence |= GS_EVIDENCE_NAME;
  return evidence;
}

/* Of a game's thread. */
GS_POLICY bool gs_starts_path(const struct gs_facts* facts, u32 evidence) {
  return evidence & GS_EVIDENCE_STARTS || (evidence & GS_EVIDENCE_NAME && facts->named_frame);
}

/* Since what the thread did was last seen: of submits that follow each other not each is (submitter.h). */
#define GS_ERRAND_NS (20 * GS_MSEC)

/* A GPU that has had no work of a frame's for so long is no frame's. */
#define GS_ERRAND_KNOWN_NS GS_SEC

/* From queueing to the worker's wake-up: some microseconds, more on a virtual CPU that is held up in between. */
#define GS_ERRAND_WAKE_NS (500 * GS_USEC)

/* Some frames, for what it has to wait for. A worker that finds more in its queue may not be idle for long. */
#define GS_ERRAND_LASTS_NS (100 * GS_MSEC)

/* Whether a system call, by x86's numbers, is an ioctl of a graphics driver's: DRM's, or with the letter of frame buffers
 * and NVIDIA's. */
GS_POLICY bool gs_asks_graphics(u32 call, bool is_32bit, u32 command) {
  u32 type = command >> 8 & 0xff;

  return call == (is_32bit ? 54 : 16) && (type == 'd' || type == 'F');
}

/* Whether what is queued in the middle of an ioctl is for a frame's sake, by a thread that last did these. */
GS_POLICY bool gs_gives_errand(bool of_game, u64 submit_age_ns, u64 command_age_ns, u64 flip_age_ns) {
  if (flip_age_ns <= GS_ERRAND_NS) return true;
  return gs_min(submit_age_ns, command_age_ns) <= GS_ERRAND_NS && (of_game || flip_age_ns <= GS_FLIP_KEEP_NS);
}

/* The lane of a thread of no game of which no detector has seen anything: nearly all wake-ups of a machine.
 */
GS_POLICY u32 gs_lane_of_nobody(bool sched_idle, u64 burst_avg_ns, u64 interactive_burst_ns) {
  if (sched_idle) return GS_LANE_BACKGROUND;
  return burst_avg_ns >= interactive_burst_ns ? GS_LANE_NORMAL : GS_LANE_INTERACTIVE;
}

/* `on_path`: on a frame's path, as path.h says, after the evidence was taken into account. */
GS_POLICY u32 gs_lane(const struct gs_facts* facts, u32 evidence, bool on_path) {
  if (facts->sched_idle) return GS_LANE_BACKGROUND;
  if (evidence & GS_EVIDENCE_AUDIO) return facts->game && facts->played ? GS_LANE_GAME_AUDIO : GS_LANE_AUDIO;
  if (facts->game && on_path) return GS_LANE_FRAME;
  if (evidence & GS_EVIDENCE_FLIP && !facts->game &&
      !gs_burst_too_long(facts->burst_avg_ns, 0, facts->burst_floor_ns))
    return GS_LANE_COMPOSITOR;
  if (evidence & (GS_EVIDENCE_BRINGS | GS_EVIDENCE_SERVES)) return GS_LANE_COMPOSITOR;
  if (evidence & GS_EVIDENCE_NETWORK && facts->game && facts->played) return GS_LANE_GAME_NETWORK;
  if (evidence & (GS_EVIDENCE_ANSWERS | GS_EVIDENCE_LAUNCH)) return GS_LANE_GAME_NETWORK;
  if (facts->burst_avg_ns >= facts->interactive_burst_ns) return GS_LANE_NORMAL;
  if (facts->game && facts->window) return GS_LANE_GAME;
  return evidence & GS_EVIDENCE_NETWORK ? GS_LANE_NETWORK : GS_LANE_INTERACTIVE;
}

#endif
