/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Problem: several games run; which one is played?
 *
 * How: the one that input goes to. A thread of a game that wakes because of an input event is proof. So that
 * a game in the background that also listens (a controller is read by everybody) takes nothing away, the one
 * in the foreground keeps its place while it gets input itself. Without any input, the game that draws frames
 * is played, not the one that has stopped to.
 *
 *   evidence    the other game's last input    its last frame    moves
 *   input       0.1 s ago                      -                 no
 *   input       0.5 s ago                      -                 yes
 *   frame       3 s ago                        0.2 s ago         no
 *   frame       3 s ago                        2 s ago           yes
 *   frame       1 s ago                        2 s ago           no: who plays pauses to think
 *
 * Limits: two games that both read one controller while both draw: the newer stays.
 */
#ifndef GS_POLICY_FOREGROUND_H
#define GS_POLICY_FOREGROUND_H

#include "bpf/policy/base.h"

#define GS_FOREGROUND_INPUT_NS 300000000ULL  /* longer than between the events of anybody who plays */
#define GS_FOREGROUND_FRAME_NS 1000000000ULL /* a loading screen draws at least this often */
#define GS_FOREGROUND_PAUSE_NS 2000000000ULL

/* `other_*`: of the game in the foreground now. */
static __always_inline bool gs_foreground_by_input(u64 now, u64 other_input_ns) {
  return now >= other_input_ns + GS_FOREGROUND_INPUT_NS;
}

static __always_inline bool gs_foreground_by_frame(u64 now, u64 other_input_ns, u64 other_frame_ns) {
  return now >= other_frame_ns + GS_FOREGROUND_FRAME_NS && now >= other_input_ns + GS_FOREGROUND_PAUSE_NS;
}

#endif
