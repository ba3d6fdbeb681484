/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lanes: the classes in which threads are scheduled.
 *
 * Problem: a handful of threads decide whether a frame is on time; everybody
 * else only wants a fair share.
 *
 * How: a thread's lane is decided when it wakes, from what it has done, never from its name; who then runs for too long
 * without sleeping is normal until the next time. A smaller number is more urgent.
 *
 *   lane          who                                         what it gets
 *   game audio    the game's audio call-back                  runs at once: an idle CPU, or one taken from any
 *   audio         an audio server's, another program's        lane below; so short that frames can wait
 *   frame         a frame waits for it now (path.h,           the same; among themselves by the frame's end
 *                 pattern.h, window.h, frame.h)               (urgent.h)
 *   compositor    puts frames on the screen, or is a          the same
 *                 worker of the kernel's that does it, or
 *                 gives a frame's work to the GPU; another
 *                 program's that brings the game input, or
 *                 serves a frame (chain.h)
 *   game network  the game's live conversation, its           the same
 *                 server's part where that is here; a game
 *                 that is being started
 *   game          the game's other threads with short bursts  an earlier deadline while the player's hand is
 *                                                             on the input
 *   network       any other live conversation                 an earlier deadline
 *   interactive   sleeps much, runs briefly                   an earlier deadline; may pre-empt after a granule
 *   normal        all else                                    its fair share
 *   background    SCHED_IDLE                                  what is left, by its weight
 *
 * Which of them a thread is in is decided in classify.h.
 *
 * Limits: only the urgent lanes (down to game network) pre-empt at once, and share.h bounds how much of a CPU
 * they can take. All others differ by deadline alone, so nobody starves.
 */
#ifndef GS_POLICY_LANE_H
#define GS_POLICY_LANE_H

#include "bpf/policy/base.h"

enum gs_lane {
  GS_LANE_GAME_AUDIO = 0,
  GS_LANE_AUDIO = 1,
  GS_LANE_FRAME = 2,
  GS_LANE_COMPOSITOR = 3,
  GS_LANE_GAME_NETWORK = 4,
  GS_LANE_GAME = 5,
  GS_LANE_NETWORK = 6,
  GS_LANE_INTERACTIVE = 7,
  GS_LANE_NORMAL = 8,
  GS_LANE_BACKGROUND = 9,
  GS_NR_LANES = 10,
  /* Not a lane: the CPU runs nothing of ours (idle, or a real-time task). */
  GS_LANE_NONE = 0xff,
};

GS_POLICY bool gs_lane_urgent(u32 lane) {
  return lane <= GS_LANE_GAME_NETWORK;
}

GS_POLICY bool gs_lane_audio(u32 lane) {
  return lane <= GS_LANE_AUDIO;
}

/* Whose helpers path.h finds: a frame, or the ear, waits for what this one waits for. */
GS_POLICY bool gs_lane_leads(u32 lane) {
  return lane == GS_LANE_FRAME || lane == GS_LANE_GAME_AUDIO;
}

#endif
