/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Input windows: for a short while after an event the game answers the player.
 *
 * Problem: the boost has to be there before the reader of the event wakes, so the hook
 * itself sets it; and one device must not lengthen another's.
 *
 * How: a window per lane of input (keyboard, mouse, controller, other), each with
 * its own length. An event moves the end of its own lane's window only, and only forward. The events
 * of one packet are delivered by the SYN_REPORT that ends it: a game thread that wakes
 * on the same CPU within wake_ns of that was woken by it, or within ten times as much where a thread wrote the packet and
 * the same thread wakes: a hypervisor, or on a real-time kernel an interrupt, may have had the CPU in between.
 *
 * Only the game that the player sees profits (the foreground game); as long as the daemon does not know which
 * one that is, every game does.
 *
 *   mouse window 8 ms: event at 100 ms -> open until 108 ms; next at 103 ms -> until 111 ms
 *
 * Limits: by time and CPU alone a thread that wakes for another reason in those microseconds counts too, also one that
 * the writer wakes for something else (who writes input and wakes a game brings it, chain.h); and where a hypervisor
 * takes the CPU away in the midst of an interrupt, one is missed. The thread that reads input therefore stays on the
 * frame's path for some frames, as others do (path.h).
 */
#ifndef GS_POLICY_WINDOW_H
#define GS_POLICY_WINDOW_H

#include "bpf/policy/base.h"

enum gs_input_lane {
  GS_INPUT_KEYBOARD = 0,
  GS_INPUT_MOUSE = 1,
  GS_INPUT_CONTROLLER = 2,
  GS_INPUT_OTHER = 3,
  GS_NR_INPUT_LANES = 4,
  GS_INPUT_NONE = 0xff, /* no input for games: lid, power button, sensor */
  GS_INPUT_ASK = 0xfe,  /* the daemon is asked; until then as NONE (device.h) */
};

GS_POLICY u64 gs_window_extend(u64 until_ns, u64 now_ns, u64 length_ns) {
  return gs_before(until_ns, now_ns + length_ns) ? now_ns + length_ns : until_ns;
}

GS_POLICY bool gs_window_open(u64 until_ns, u64 now_ns) {
  return gs_before(now_ns, until_ns);
}

#define GS_INPUT_WRITERS_FACTOR 10

/* by_writer: in the thread that wrote the packet. */
GS_POLICY bool gs_woken_by_input(u64 now_ns, u64 sync_ns, u64 wake_ns, bool by_writer) {
  return now_ns - sync_ns <= (by_writer ? GS_INPUT_WRITERS_FACTOR * wake_ns : wake_ns);
}

/* Whether windows are a game's: those of the foreground game, or of every game while none is known to be it.
 */
GS_POLICY bool gs_input_profits(u32 game, u32 foreground_game) {
  return game && (!foreground_game || game == foreground_game);
}

#endif
