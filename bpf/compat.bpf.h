/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between the kernels we support (6.16 to 7.3) and the vmlinux.h
 * we build against, each with the version that brought it. BPF code includes this
 * instead of vmlinux.h.
 */
#ifndef GS_COMPAT_BPF_H
#define GS_COMPAT_BPF_H

#include <linux/bpf/vmlinux.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* Flags of threads of the kernel; BTF knows no macros. */
#define PF_KTHREAD 0x00200000
#define PF_WQ_WORKER 0x00000020

/* Kfuncs without which there is no scheduler are declared by vmlinux.h as weak too: the loader reports
 * a kernel that lacks one as unsupported. */
extern bool bpf_cpumask_test_cpu(u32 cpu, const struct cpumask* cpumask) __weak __ksym;

/*
 * Whether ops.select_cpu() was called for this wake-up. The flag exists since 6.15 and its value is not the
 * same in all kernels; before, select_cpu() was left out only for threads with a single CPU.
 */
static inline __attribute__((always_inline)) bool compat_cpu_selected(const struct task_struct* p,
                                                                      u64 enq_flags) {
  if (bpf_core_enum_value_exists(enum scx_enq_flags, SCX_ENQ_CPU_SELECTED))
    return enq_flags & bpf_core_enum_value(enum scx_enq_flags, SCX_ENQ_CPU_SELECTED);
  return p->nr_cpus_allowed > 1;
}

static inline __attribute__((always_inline)) bool compat_enq_wakeup(u64 enq_flags) {
  return enq_flags & bpf_core_enum_value(enum scx_enq_flags, SCX_ENQ_WAKEUP);
}

/* Whether a real-time task took the CPU before p could run there (again). */
static inline __attribute__((always_inline)) bool compat_handed_back(u64 enq_flags) {
  return enq_flags & bpf_core_enum_value(enum scx_enq_flags, SCX_ENQ_REENQ);
}

/*
 * Whether p may run on its CPU alone: by its mask, or because it is in a section that forbids migration,
 * which its mask does not show before it has left the CPU. The trampoline of a BPF program disables migration
 * as well, for the thread it interrupts: once here, and twice where ops.cpu_release() hands back (up to 6.18
 * it calls ops.enqueue() itself).
 */
static inline __attribute__((always_inline)) bool compat_bound_to_cpu(const struct task_struct* p,
                                                                      u64 enq_flags) {
  u32 trampolines = 0;

  if (bpf_get_current_task_btf() == p) trampolines = compat_handed_back(enq_flags) ? 2 : 1;
  return p->nr_cpus_allowed == 1 || p->migration_disabled > trampolines;
}

/* Whether p may be put on another CPU now, unless it is bound to this one: it wakes, or was handed back before it ran.
 * Who leaves a CPU may be in a section that forbids migration and that its mask does not show yet. */
static inline __attribute__((always_inline)) bool compat_runs_nowhere(const struct task_struct* p,
                                                                      u64 enq_flags) {
  return compat_enq_wakeup(enq_flags) || (compat_handed_back(enq_flags) && bpf_get_current_task_btf() != p);
}

/*
 * scx_bpf_select_cpu_dfl() among the CPUs of a mask; < 0 when none of them is idle. Since 6.19 its arguments
 * travel in a struct, and the kernel keeps the older form for a while.
 */
static inline __attribute__((always_inline)) s32 compat_select_cpu_and(struct task_struct* p, s32 prev_cpu,
                                                                       u64 wake_flags,
                                                                       const struct cpumask* mask) {
  if (bpf_ksym_exists(__scx_bpf_select_cpu_and)) {
    struct scx_bpf_select_cpu_and_args args = {.prev_cpu = prev_cpu, .wake_flags = wake_flags};

    return __scx_bpf_select_cpu_and(p, mask, &args);
  }
  return scx_bpf_select_cpu_and(p, prev_cpu, wake_flags, mask, 0);
}

/*
 * Hands everybody who waits in this CPU's local queue back to ops.enqueue(); in ops.cpu_release(). Since 7.1
 * one kfunc for all queues.
 */
static inline __attribute__((always_inline)) void compat_reenqueue_local(void) {
  if (bpf_ksym_exists(scx_bpf_dsq_reenq))
    scx_bpf_dsq_reenq(SCX_DSQ_LOCAL, 0);
  else
    scx_bpf_reenqueue_local();
}

/* Whether p waits in a CPU's local queue. */
static inline __attribute__((always_inline)) bool compat_in_local_queue(const struct task_struct* p) {
  const struct scx_dispatch_q* queue = p->scx.dsq;

  return queue && queue->id == SCX_DSQ_LOCAL;
}

/*
 * Set the remaining slice. Since 6.19 a kfunc; before, BPF wrote the field itself.
 */
static inline __attribute__((always_inline)) void compat_set_slice(struct task_struct* p, u64 slice_ns) {
  if (bpf_ksym_exists(scx_bpf_task_set_slice))
    scx_bpf_task_set_slice(p, slice_ns);
  else
    p->scx.slice = slice_ns;
}

/* Whether a second real-time task waits for this CPU while one runs. */
extern const struct rq runqueues __ksym;

static inline __attribute__((always_inline)) bool compat_real_time_waits_here(void) {
  const struct rq* rq = bpf_this_cpu_ptr(&runqueues);

  return rq->rt.rt_nr_running > 1;
}

/*
 * Whether this runs in an interrupt, so that "current" is a bystander and not the waker. x86 keeps the
 * preemption count in a per-CPU variable: __preempt_count up to 6.1 and from 6.15, a member of pcpu_hot
 * between.
 */
struct pcpu_hot___compat {
  int preempt_count;
} __attribute__((preserve_access_index));
extern const struct pcpu_hot___compat pcpu_hot __weak __ksym;
extern const int __preempt_count __weak __ksym;

static inline __attribute__((always_inline)) bool compat_in_interrupt(void) {
  int count = 0;

  if (bpf_ksym_exists(&__preempt_count)) {
    const int* c = bpf_this_cpu_ptr(&__preempt_count);

    count = *c;
  } else if (bpf_ksym_exists(&pcpu_hot)) {
    const struct pcpu_hot___compat* hot = bpf_this_cpu_ptr(&pcpu_hot);

    count = hot->preempt_count;
  }
  /*
   * "Serving softirq" is bit 8. Hardirq and NMI counts lie in bits 16 to 23, or (7.x, where 16 to 23 count
   * nested disabling of interrupts) in bits 24 to 30; bit 31 is x86's own.
   */
  return count & 0x7fff0100;
}

/* In the body of bpf_for_each(): what scx_bpf_dsq_move() takes. */
#define COMPAT_ITERATOR (&___it)

/*
 * The system call that the current thread p is in, and its first argument. ~0 where the machine's registers
 * are not known to us.
 */
static inline __attribute__((always_inline)) u32 compat_system_call(struct task_struct* p, u64* first,
                                                                    bool* is_32bit) {
#ifdef __TARGET_ARCH_x86
  struct pt_regs* regs = (struct pt_regs*)bpf_task_pt_regs(p);

  *is_32bit = p->thread_info.status & 2; /* TS_COMPAT */
  *first = *is_32bit ? (u32)regs->bx : regs->di;
  return regs->orig_ax;
#else
  *is_32bit = false;
  *first = 0;
  return ~0U;
#endif
}

/* The second argument of that call. */
static inline __attribute__((always_inline)) u64 compat_second_argument(struct task_struct* p,
                                                                        bool is_32bit) {
#ifdef __TARGET_ARCH_x86
  struct pt_regs* regs = (struct pt_regs*)bpf_task_pt_regs(p);

  return is_32bit ? (u32)regs->cx : regs->si;
#else
  return 0;
#endif
}

#endif
