/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Other programs between the player and the game.
 *
 * Problem: an event of a mouse or a keyboard seldom wakes a game. It wakes a compositor, that one Xwayland, and that one the
 * game; a controller's wakes a remapper (Steam Input), which writes it into a device that it made. A frame, too, waits for
 * such: for the X server that hands out its next buffer, for the compositor that says when to draw. They are no game's, and
 * as late under load as everybody else.
 *
 * How: by who wakes whom.
 *
 *   chain    A thread that the end of a packet wakes is at step 1. Whom it wakes before it sleeps is at the next, up to 4
 *            (GS_CHAIN_STEPS), as long as the event is no older than an answer to it may be. Nothing follows from that by
 *            itself: it is many who hear of an event. A game's thread in the chain gets the event, as if it had read it, and
 *            the chain ends there.
 *   brings   Who wakes a game's thread in a chain, or writes the event that wakes it, brings it input. So does who wakes one
 *            that does, at the step of a chain at which that does: an answer to it goes the other way.
 *   serves   A frame's thread sleeps where a program can end that, not in a lock of the kernel's; who ends it is another
 *            program's thread, which the frame waited for.
 *
 *   mouse -> compositor (1) -> Xwayland (2) -> game (3)     Xwayland brings input; from the next event on the compositor
 *   pad -> Steam (1), writes -> game (1)                    Steam brings input
 *   mouse -> an idle timer's daemon (1)                     nothing: it wakes nobody of the game's
 *   compositor (1) -> a browser (2) -> compositor (3)       nothing: the compositor brings input at step 1
 *   game asks Xwayland, waits, Xwayland wakes it            Xwayland serves
 *
 * A real-time thread is never asked about: real-time compositors are taken to be at step 1 while a window of input is open.
 *
 * Who brings input does so for GS_BRINGS_KEEP_NS: the first event after a pause is not the one to be late. Who serves does
 * for GS_SERVES_KEEP_NS.
 *
 * Limits: who polls is in no chain, and what comes by another way than evdev (hidraw) begins none. A program that wakes a
 * game's frame thread for show becomes urgent in its short bursts, which share.h bounds.
 */
#ifndef GS_POLICY_CHAIN_H
#define GS_POLICY_CHAIN_H

#include "bpf/policy/base.h"

#define GS_CHAIN_STEPS 4
/* Of the event: what takes longer is no reaction to it. */
#define GS_CHAIN_LASTS_NS (100 * GS_MSEC)
#define GS_BRINGS_KEEP_NS (60 * GS_SEC)
#define GS_SERVES_KEEP_NS (GS_SEC / 2)

/* The step of a thread that one at `step` wakes; 0: it is in no chain. */
GS_POLICY u32 gs_chain_next(u32 step, u64 event_ns, u64 now) {
  return step && step < GS_CHAIN_STEPS && now - event_ns <= GS_CHAIN_LASTS_NS ? step + 1 : 0;
}

#endif
