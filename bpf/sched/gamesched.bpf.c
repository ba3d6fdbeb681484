// SPDX-License-Identifier: GPL-2.0-only
/*
 * gamesched: the scheduler.
 *
 * 1. Who is urgent. A frame on the screen waits for a few threads: the one that starts it (woken by a timer,
 * a device or an input event), those that it hands work to and waits for, and those that these wait for. They
 * are found by what they do: pattern.h finds the start, window.h the answer to input, path.h the rest, from
 * who wakes whom. Of others compositors, audio and a game's own servers can be urgent (classify.h). This is decided
 * once a wake-up (task.bpf.c).
 *
 * 2. What they get. An idle CPU, else at once a CPU that runs somebody less urgent (select_cpu.bpf.c,
 * preempt.h, place.h): what SCHED_RR would give them. When every CPU runs an urgent thread, they queue by
 * arrival.
 *
 * 3. What everybody else gets. A fair share by virtual time and weight (deadline.h, weight.h), from one queue
 * for each last-level cache, or one of a CPU for who can run there alone, in slices that shrink as the queue
 * grows (slice.h). Between caches shares are evened out (balance.h). Threads that sleep much have earlier
 * deadlines and may pre-empt a thread that has run for a while.
 *
 * 4. Why nobody starves. An urgent thread that runs for longer than a frame loses its urgency, and each CPU
 * serves the others at least once in frame_hog_ns (share.h). A key lies at most wait_max_ns ahead of its
 * queue. Should all this fail, the kernel's watchdog ends us after timeout_ms and its own scheduler takes
 * over.
 *
 * 5. State. Contexts of threads lie in task storage, all else in global data (ctx.bpf.h); nothing is pinned,
 * so nothing outlives the daemon.
 *
 * All times are CLOCK_MONOTONIC, the hooks' clock too. scx_bpf_now() would be cheaper, but in a wake-up from
 * an interrupt it may be as old as the last switch, which makes steady threads look unsteady.
 *
 * Each unit has its callbacks: facts are gathered there, decisions are made in bpf/policy. Here are those that only
 * forward.
 */
#include "bpf/sched/ctx.bpf.h"
#include "bpf/shared/maps.bpf.h"
#include "bpf/policy/deadline.h"

char LICENSE[] SEC("license") = "GPL";

unsigned int daemon_tgid; /* set before attaching */
bool in_place;

SEC("struct_ops.s/gamesched_init_task")
s32 BPF_PROG(gamesched_init_task, struct task_struct* p, struct scx_init_task_args* args) {
  if (args->fork)
    task_created(p);
  else
    task_ctx_create(p, time_of(this_cpu_ctx()->llc), this_cpu_ctx()->llc, 0, 0);
  return 0;
}

/* It becomes real-time, ends, or the scheduler leaves. */
SEC("struct_ops/gamesched_disable")
void BPF_PROG(gamesched_disable, struct task_struct* p) {
  struct task_ctx* tc = task_ctx_of(p);

  if (!tc) return;
  tc->in_time = false;
  leaves_frame_queue(tc);
}

SEC("struct_ops/gamesched_cpu_online")
void BPF_PROG(gamesched_cpu_online, s32 cpu) {
  cpu_goes_online(cpu);
}

SEC("struct_ops/gamesched_cpu_offline")
void BPF_PROG(gamesched_cpu_offline, s32 cpu) {
  cpu_goes_offline(cpu);
}

SEC("struct_ops/gamesched_cpu_release")
void BPF_PROG(gamesched_cpu_release, s32 cpu, struct scx_cpu_release_args* args) {
  cpu_is_taken(cpu, args->task);
}

SEC("struct_ops.s/gamesched_init")
s32 BPF_PROG(gamesched_init) {
  s32 error = cpus_init();

  in_place = !error;
  return error;
}

SEC("struct_ops/gamesched_exit")
void BPF_PROG(gamesched_exit, struct scx_exit_info* info) {
  struct gs_event* event;

  in_place = false;
  event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
  if (!event) return;
  event->kind = GS_EVENT_SCHED_EXIT;
  event->exit_kind = info->kind;
  event->exit_code = info->exit_code;
  event->reason[0] = event->message[0] = 0;
  bpf_probe_read_kernel_str(event->reason, sizeof(event->reason), info->reason);
  bpf_probe_read_kernel_str(event->message, sizeof(event->message), info->msg);
  bpf_ringbuf_submit(event, 0);
}

static char daemon_gone[] = "gameschedd has ended";

/* The link that holds us ends with the daemon too, but only after its memory and its mounts: this is its first
 * step. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(gamesched_thread_exits, struct task_struct* p) {
  unsigned long long no_arguments = 0;

  if (!in_place) return 0;
  if (p->pid == daemon_tgid)
    scx_bpf_exit_bstr(0, daemon_gone, &no_arguments, sizeof(no_arguments));
  else
    task_exits(p);
  return 0;
}

SEC(".struct_ops.link")
struct sched_ext_ops gamesched_ops = {
    .select_cpu = (void*)gamesched_select_cpu,
    .enqueue = (void*)gamesched_enqueue,
    .dispatch = (void*)gamesched_dispatch,
    .running = (void*)gamesched_running,
    .stopping = (void*)gamesched_stopping,
    .init_task = (void*)gamesched_init_task,
    .disable = (void*)gamesched_disable,
    .cpu_online = (void*)gamesched_cpu_online,
    .cpu_offline = (void*)gamesched_cpu_offline,
    .cpu_release = (void*)gamesched_cpu_release,
    .init = (void*)gamesched_init,
    .exit = (void*)gamesched_exit,
    .flags = SCX_OPS_ENQ_EXITING | SCX_OPS_ENQ_MIGRATION_DISABLED | SCX_OPS_ALLOW_QUEUED_WAKEUP,
    .timeout_ms = 5000,
    .name = GS_OPS_NAME,
};
