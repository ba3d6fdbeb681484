// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes: a registered game's whole tree is the game.
 *
 * The daemon enters a game's first process (and those of its descendants that already run) into
 * game_processes; from then on fork copies the entry to the child, and the exit of a process's last thread
 * removes it. So membership survives re-parenting, setsid and double forks, without anybody scanning.
 *
 * An exec that changes the effective user (a set-user-id program) ends membership: what a game may ask
 * for itself, it may not hand to another user's process.
 */
#include "bpf/shared/maps.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct* parent, struct task_struct* child) {
  u32 parent_tgid = parent->tgid, child_tgid = child->tgid;
  struct gs_game_process* process;

  if (parent_tgid == child_tgid) return 0;
  process = bpf_map_lookup_elem(&game_processes, &parent_tgid);
  if (process) bpf_map_update_elem(&game_processes, &child_tgid, process, BPF_ANY);
  return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct* p, pid_t old_pid, struct linux_binprm* bprm) {
  u32 tgid = p->tgid, zero = 0;
  struct gs_shared_state* state;
  struct gs_game_process* process = bpf_map_lookup_elem(&game_processes, &tgid);

  /* bprm->cred has become the task's own by now, and is NULL here. */
  if (process && process->uid != p->cred->euid.val) {
    bpf_map_delete_elem(&game_processes, &tgid);
    /* The thread is the same one and remembers its game until this changes. */
    state = bpf_map_lookup_elem(&shared_state, &zero);
    if (state) __sync_fetch_and_add(&state->games_generation, 1);
  }
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct* p) {
  u32 tgid = p->tgid;

  if (p->signal->live.counter == 0) bpf_map_delete_elem(&game_processes, &tgid);
  return 0;
}
