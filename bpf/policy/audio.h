/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Audio threads, from what they ask of a sound device.
 *
 * Problem: a thread that feeds a device has to run once a period, and a late one is heard. Names tell nothing
 * (games, emulators and tools open ALSA themselves), and the driver's own period interrupt cannot be hooked
 * without more privilege than we want (snd_pcm is a module).
 *
 * How: every request to a PCM device is an ioctl. Those that give or take frames, or move the pointers of a
 * mapped buffer, are a period; those that set a stream up come before the first one; questions (DELAY,
 * STATUS) are asked by clocks, video players among them, and are neither.
 *
 *   program                     asks each period
 *   read/write (aplay, games)   WRITEI_FRAMES, READI_FRAMES, ..N_FRAMES
 *   PipeWire, by timer          HWSYNC
 *   mapped, USB and others      SYNC_PTR
 *   mapped, pointers mapped     nothing: poll() alone (JACK on PCI); found as server or by pattern.h
 *
 * A program may ask several times a period. Only the first request after the thread has slept counts (it has
 * given up the CPU since: its count of voluntary switches differs): a thread that spins on a device has no
 * period, and is nobody's special.
 *
 * The period follows the distances: each moves it by a quarter of the difference, and none counts as more
 * than double or less than half of what was expected. So an xrun or a pause moves it by a quarter at most,
 * and a new quantum is learned in some periods.
 *
 *   period 10 ms, distances 10 200 10 10       10 12.5 11.9 11.4
 *   period 20 ms, then 5 5 5 5 5 5 5 ...       17.5 15.3 ... 5.0 after a dozen
 *
 * An audio thread has half of a CPU, the rest is the others': what it runs is paid off at that rate, and while
 * it owes too much it is no audio thread. Not the length of a burst decides, nor an average of these: who
 * was held up (a softirq, a fault, a lock) has several periods to make up for and the device to start anew, and
 * that is when it needs its CPU most. Half for long is what a program that computes betrays itself by.
 *
 *   period 2.7 ms, runs for           owes             audio
 *   0.3 ms each                       nothing          yes
 *   20 ms after a hiccup, then 0.3    20 ms, and less  yes
 *   2 ms each                         50 ms soon       no, as long as it goes on
 *   without an end                    50 ms            no, until it owes less
 *
 * Limits: a program that fills its buffer in one call of many periods is taken at the call's pace.
 */
#ifndef GS_POLICY_AUDIO_H
#define GS_POLICY_AUDIO_H

#include "bpf/policy/base.h"

#define GS_ALSA_MAJOR 116  /* CONFIG_SND_MAJOR; user space has known it for ever */
#define GS_ALSA_MINORS 256 /* SNDRV_OS_MINORS */

/* A stream that was silent for longer starts anew, with the period that it had. */
#define GS_AUDIO_PAUSE_NS GS_SEC
/* 64 frames at 192 kHz are 0.33 ms: what comes faster is no period. */
#define GS_AUDIO_PERIOD_MIN_NS (200 * GS_USEC)

/* What may be owed: enough to make up for some hundreds of periods, which takes PipeWire a sixth of one each.
 * And of an audio server's thread that has no period, what a loaded graph takes in one of 21 ms. */
#define GS_AUDIO_OWES_NS (50 * GS_MSEC)
#define GS_AUDIO_SERVER_OWES_NS (5 * GS_MSEC)

enum gs_audio_call {
  GS_AUDIO_NONE = 0,
  GS_AUDIO_SETUP = 1,
  GS_AUDIO_PERIOD = 2,
};

/* By number and type alone: the size in a command differs between 32 and 64 bits and kinds of time. */
GS_POLICY bool gs_audio_is_pcm(u32 command) {
  return (command >> 8 & 0xff) == 'A';
}

GS_POLICY u32 gs_audio_call(u32 command) {
  u32 number = command & 0xff;

  if (!gs_audio_is_pcm(command)) return GS_AUDIO_NONE;
  if (number >= 0x50 && number <= 0x53) return GS_AUDIO_PERIOD; /* WRITEI, READI, WRITEN, READN */
  if (number == 0x22 || number == 0x23) return GS_AUDIO_PERIOD; /* HWSYNC, SYNC_PTR */
  return number == 0x11 ? GS_AUDIO_SETUP : GS_AUDIO_NONE;       /* HW_PARAMS */
}

/* The period after one more distance; 0: not known yet. */
GS_POLICY u32 gs_audio_period(u32 period_ns, u64 distance_ns) {
  u64 lowest = period_ns / 2, highest = 2 * (u64)period_ns;

  if (distance_ns < GS_AUDIO_PERIOD_MIN_NS || distance_ns > GS_AUDIO_PAUSE_NS) return period_ns;
  if (!period_ns) return (u32)distance_ns;
  return (u32)gs_ewma4(period_ns, gs_min(gs_max(distance_ns, lowest), highest));
}

/* When a thread will have paid for what it has run, ran_ns until now included. More than twice of what may be
 * owed is never asked for: nobody is shut out for long. */
GS_POLICY u64 gs_audio_paid(u64 paid_ns, u64 now_ns, u64 ran_ns) {
  return gs_min(gs_max(paid_ns, now_ns - ran_ns) + 2 * ran_ns, now_ns + 2 * GS_AUDIO_OWES_NS);
}

GS_POLICY bool gs_audio_owes_too_much(u64 paid_ns, u64 now_ns, u64 period_ns) {
  return paid_ns > now_ns + (period_ns ? GS_AUDIO_OWES_NS : GS_AUDIO_SERVER_OWES_NS);
}

#endif
