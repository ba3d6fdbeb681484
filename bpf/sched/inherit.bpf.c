// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loans of urgency: applies bpf/policy/inherit.h when a frame thread goes to sleep, or an urgent one waits for a lock
 * of the kernel's, and ends a loan when it is woken. Nobody else pays: the CPU that it leaves looks for the borrower
 * once, if that waits in a queue.
 */
#include "bpf/sched/ctx.bpf.h"
#include "bpf/policy/inherit.h"
#include "bpf/policy/preempt.h"

/* Queued threads: who waits behind more has a shorter way by its own turn than by this. */
#define LOOKS_AT 64

static __always_inline void lend(struct task_struct* p, const struct task_ctx* lender, struct cpu_ctx* cc,
                                 u32 loan, u64 now) {
  struct task_ctx* tc = task_ctx_of(p);
  bool running;
  u32 lane;
  s32 cpu;

  if (!tc || tc->tid == lender->tid || gs_lane_urgent(tc->lane) || p->prio < MAX_RT_PRIO) return;
  if (loan != GS_LOAN_KERNEL && tc->game != lender->game) return;
  if (loan == GS_LOAN_WAKER && !gs_before(now, tc->frame_until_ns)) return;
  cpu = scx_bpf_task_cpu(p);
  tc->own_lane = lane = tc->lane;
  tc->loan_burst_ns = tc->burst_ns; /* how long it ran for itself says nothing of what it is waited for */
  running = scx_bpf_task_running(p);
  if (!running && !tc->runnable_ns) {
    /* It sleeps itself: urgent from when it wakes. */
    if (loan == GS_LOAN_LOCK) path_join(tc, lender->hop + 1, now);
    return;
  }
  if (running) { /* or it is about to leave its CPU, and waits already */
    tc->loan_burst_ns += uncharged_ns(cpu_ctx_of(cpu), now);
    if (loan == GS_LOAN_KERNEL) cpu_ctx_of(cpu)->lent = 1;
    __sync_val_compare_and_swap(&cpu_ctx_of(cpu)->lane, lane, GS_LANE_FRAME); /* unless that CPU is claimed */
  }
  if (tc->runnable_ns) {
    cc->borrower_dsq = cpu_ctx_of(cpu)->kept_tid == tc->tid ? DSQ_CPU_BIT | (u32)cpu : tc->queue;
    cc->borrower = tc->tid;
  }
  tc->lane = GS_LANE_FRAME;
  tc->loan = loan;
  tc->lender = lender->tid;
  if (loan == GS_LOAN_KERNEL) tc->lent_ns = now;
  count(loans);
}

/* p, a frame thread, goes to sleep here. */
__noinline int inherit_wait_begins(struct task_struct* p __arg_trusted, struct task_ctx* tc, u64 now) {
  struct task_struct* other;
  struct gs_waiter* entry;
  u32 words[GS_LOCK_WORDS], wait_for, call, tid = 0;
  bool is_32bit;
  u64 word;

  if (!tc || tc->lock_wait || tc->hop >= GS_PATH_HOPS_MAX || bpf_get_current_task_btf() != p) return 0;
  call = compat_system_call(p, &word, &is_32bit);
  wait_for = gs_wait_for(call, is_32bit);
  if (wait_for == GS_WAIT_FOR_TIME) return 0;
  if (wait_for == GS_WAIT_FOR_LOCK && !bpf_probe_read_user(words, sizeof(words), (const void*)word))
    tid = gs_lock_owner(words);
  if (tid) {
    other = bpf_task_from_vpid(tid);
    if (!other) return 0;
    lend(other, tc, this_cpu_ctx(), GS_LOAN_LOCK, now);
    bpf_task_release(other);
    return 0;
  }
  entry = waiter_of(tc->tid);
  tid = entry->waker;
  if (entry->tid != tc->tid || !tid) return 0;
  entry = waiter_of(tid);
  if (entry->tid == tid && entry->waiting) return 0; /* it waits itself: nothing to lend to */
  other = bpf_task_from_pid(tid);
  if (!other) return 0;
  lend(other, tc, this_cpu_ctx(), GS_LOAN_WAKER, now);
  bpf_task_release(other);
  return 0;
}

/* The thread that has a lock of the kernel's, by the address that the lock has of it. */
static __always_inline u64 owner_of(const void* lock, u32 kind) {
  const struct mutex* mutex = lock;
  const struct rw_semaphore* rwsem = lock;

  /* Where these wait with a real-time mutex, the kernel lends by itself. */
  if (kind == GS_KERNEL_MUTEX && bpf_core_field_exists(mutex->owner))
    return gs_kernel_lock_owner(BPF_CORE_READ(mutex, owner.counter));
  if (kind == GS_KERNEL_RWSEM && bpf_core_field_exists(rwsem->owner))
    return gs_kernel_lock_owner(BPF_CORE_READ(rwsem, owner.counter));
  return 0;
}

/* The current thread has to wait for a lock of the kernel's. Attached only while the scheduler is in place. */
SEC("tp_btf/contention_begin")
int BPF_PROG(gamesched_lock_contended, void* lock, unsigned int flags) {
  u32 kind = gs_kernel_lock(flags);
  struct task_ctx *tc, *of_owner;
  struct task_struct* other;
  u64 owner, now;

  if (!kind) return 0;
  tc = bpf_task_storage_get(&task_ctxs, bpf_get_current_task_btf(), NULL, 0);
  if (!tc || !gs_lane_urgent(tc->lane)) return 0;
  tc->lock_wait = 1;
  owner = owner_of(lock, kind);
  if (!owner) return 0;
  /* It may have ended: whoever has its id now does not lie where it did. */
  other = bpf_task_from_pid(BPF_CORE_READ((struct task_struct*)owner, pid));
  if (!other) return 0;
  now = bpf_ktime_get_ns();
  of_owner = task_ctx_of(other);
  if ((u64)other == owner && of_owner &&
      gs_lends_for_kernel_lock(tc->loan == GS_LOAN_KERNEL, now, of_owner->lent_paid_ns)) {
    count(locks_waited_for);
    lend(other, tc, this_cpu_ctx(), GS_LOAN_KERNEL, now);
  }
  bpf_task_release(other);
  return 0;
}

/* The CPU that the lender left looks for work: the borrower goes to the urgent ones' queue. */
__noinline int inherit_serve(u64 now) {
  struct cpu_ctx* cc = this_cpu_ctx();
  s32 here = bpf_get_smp_processor_id();
  u32 borrower = cc->borrower, looked_at = 0, llc;
  struct task_struct* next;
  struct task_ctx* tc;

  cc->borrower = 0;
  bpf_for_each(scx_dsq, next, cc->borrower_dsq, 0) {
    if (next->pid == borrower) {
      tc = task_ctx_of(next);
      if (!tc || !tc->loan) break; /* returned meanwhile */
      llc = (bpf_cpumask_test_cpu(here, next->cpus_ptr) ? cc : cpu_ctx_of(scx_bpf_task_cpu(next)))->llc;
      if (!bpf_cpumask_test_cpu(here, next->cpus_ptr) &&
          gs_victim_score(GS_LANE_FRAME, cpu_ctx_of(scx_bpf_task_cpu(next))->lane, 0))
        scx_bpf_kick_cpu(scx_bpf_task_cpu(next), SCX_KICK_PREEMPT);
      scx_bpf_dsq_move_set_slice(COMPAT_ITERATOR, tunables.slice_frame_ns);
      scx_bpf_dsq_move_set_vtime(COMPAT_ITERATOR, now);
      if (!is_put_in_frame_queue(tc, llc % GS_MAX_LLCS)) break;
      scx_bpf_dsq_move_vtime(COMPAT_ITERATOR, next, DSQ_FRAME_BIT | llc, 0);
      break;
    }
    if (++looked_at >= LOOKS_AT) break;
  }
  return 0;
}

/* A loan of any kind. */
__hidden void inherit_ends(struct task_ctx* tc, u64 now) {
  if (tc->loan == GS_LOAN_KERNEL) tc->lent_paid_ns = gs_kernel_loan_paid(tc->lent_paid_ns, tc->lent_ns, now);
  tc->loan = GS_LOAN_NONE;
  tc->lane = tc->own_lane;
}

/* The current thread, which runs on a loan, has woken who lent it. */
__hidden void inherit_returns(struct task_ctx* tc, u64 now) {
  inherit_ends(tc, now);
  __sync_val_compare_and_swap(&this_cpu_ctx()->lane, GS_LANE_FRAME,
                              tc->own_lane); /* unless this CPU is claimed */
}

/* tc is woken here: if by whoever has its urgency for a lock, that has let it go. */
__noinline int inherit_released(struct task_ctx* tc, u64 now) {
  struct task_struct* current = bpf_get_current_task_btf();
  struct task_ctx* owner = current->pid ? task_ctx_of(current) : NULL;

  if (tc && owner && owner->loan == GS_LOAN_KERNEL && owner->lender == tc->tid) inherit_returns(owner, now);
  return 0;
}
