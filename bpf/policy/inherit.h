/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whom a frame thread that goes to sleep waits for.
 *
 * Problem: a thread that streams or compiles holds a lock, is pre-empted, and waits its turn behind
 * everybody. The frame thread that wants the lock waits as long: its urgency is worth nothing.
 *
 * How: a lock that others wait for mostly says who has it, in the word that they wait on or near it.
 *
 *   who                               word                      the owner stands
 *   glibc, pthread_mutex_t            2                         two words on
 *   PI and robust mutexes, musl       its bit 31 is set         in the bits below 30
 *   condition, semaphore, event       anything else             nowhere
 *
 * Of a wait that no lock explains (a pipe, an eventfd, a condition) it is known who ended the last one: while
 * that thread is on the frame's path (path.h) it is taken to end this one too. Nobody ends a wait for time.
 *
 * The kernel's own locks say who has them as well. A thread of any lane that is urgent waits for those, and
 * whoever has one may be anybody: a thread that maps memory, or khugepaged (nice 19), which collapses the pages that a
 * game faults in.
 *
 * Whoever is found has the urgency until it wakes the one that waits, and for one burst at the most. For a lock of the
 * kernel's, which anybody may hold on purpose, that is 8 ms and the rest of a slice, a third of the time in all for each
 * thread, and it is not lent on.
 *
 * Limits: a word that only looks like a lock's lends to a thread of the same game, for one burst. Wine's own
 * locks and its kernel objects name no thread of Linux's: for those there is path.h, which knows the thread
 * from the second time on. Of those that read under a lock of the kernel's the last that came is known; who sleeps
 * itself with one, for a disk or for another lock, is not lent to; nor is whoever gets it first, of several that wait.
 */
#ifndef GS_POLICY_INHERIT_H
#define GS_POLICY_INHERIT_H

#include "bpf/policy/base.h"

enum gs_wait_for {
  GS_WAIT_FOR_ANYBODY = 0,
  GS_WAIT_FOR_LOCK = 1,
  GS_WAIT_FOR_TIME = 2,
};

/* What a thread that has urgency on loan was waited for. */
enum gs_loan {
  GS_LOAN_NONE = 0,
  GS_LOAN_LOCK = 1,
  GS_LOAN_WAKER = 2,
  GS_LOAN_KERNEL = 3, /* as the holder of a lock of the kernel's */
};

enum gs_kernel_lock {
  GS_KERNEL_LOCK_NONE = 0, /* it does not say who has it, or who waits does not sleep */
  GS_KERNEL_MUTEX = 1,
  GS_KERNEL_RWSEM = 2,
};

#define GS_LOCK_WORDS 3
#define GS_KERNEL_LOAN_NS (8 * GS_MSEC)

/* By x86's numbers of system calls. */
GS_POLICY u32 gs_wait_for(u32 call, bool is_32bit) {
  if (is_32bit) {
    if (call == 240 || call == 422) return GS_WAIT_FOR_LOCK; /* futex, futex_time64 */
    /* nanosleep, clock_nanosleep, clock_nanosleep_time64 */
    return call == 162 || call == 267 || call == 407 ? GS_WAIT_FOR_TIME : GS_WAIT_FOR_ANYBODY;
  }
  if (call == 202) return GS_WAIT_FOR_LOCK;                                  /* futex */
  return call == 35 || call == 230 ? GS_WAIT_FOR_TIME : GS_WAIT_FOR_ANYBODY; /* nanosleep, clock_nanosleep */
}

/* By the flags of the kernel's tracepoint contention_begin (LCB_F_* in include/trace/events/lock.h): 1 spins,
 * 2 reads, 4 writes, 8 inherits by itself, 16 by CPU, 32 a mutex. */
GS_POLICY u32 gs_kernel_lock(u32 flags) {
  if (flags == 32) return GS_KERNEL_MUTEX;
  return flags == 2 || flags == 4 ? GS_KERNEL_RWSEM : GS_KERNEL_LOCK_NONE;
}

/* The address of the thread that has it: of both kinds the lowest bits of `owner` are the lock's own. */
GS_POLICY u64 gs_kernel_lock_owner(u64 owner) {
  return owner & ~7ULL;
}

/* What a thread that was lent to for a lock of the kernel's at lent_ns, until now, owes for that and what it owed before: until
 * when three times of what it had will have gone by. */
GS_POLICY u64 gs_kernel_loan_paid(u64 paid_ns, u64 lent_ns, u64 now) {
  u64 had_ns = gs_before(lent_ns, now) ? gs_min(now - lent_ns, 2 * GS_KERNEL_LOAN_NS) : 0;

  return (gs_before(paid_ns, lent_ns) ? lent_ns : paid_ns) + 3 * had_ns;
}

/* Whether it is lent to: not by one that has its own urgency for such a lock, nor while it owes much. A short loan now and
 * then leaves room for another at once: who takes a page takes the next. */
GS_POLICY bool gs_lends_for_kernel_lock(bool on_loan, u64 now, u64 paid_ns) {
  return !on_loan && !gs_before(now + GS_KERNEL_LOAN_NS, paid_ns);
}

/* The thread (as its own process counts them) that holds the lock at these words; 0: none is named. */
GS_POLICY u32 gs_lock_owner(const u32 words[GS_LOCK_WORDS]) {
  if (words[0] >> 31) return words[0] & 0x3fffffff; /* FUTEX_WAITERS, FUTEX_TID_MASK */
  return words[0] == 2 ? words[2] : 0;
}

#endif
