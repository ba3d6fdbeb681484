// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes: a game's whole tree is the game, and starts of programs that may be games are told.
 *
 * Membership. The daemon enters a game's first process (and those of its descendants that already run) into
 * game_processes; from then on fork copies the entry to the child, and the exit of a process's last thread
 * removes it. So membership survives re-parenting, setsid and double forks, without anybody scanning. A game
 * and a user have a share of the map; what a game forks beyond it is not scheduled as the game.
 *
 * Since 7.0 a hook may be pre-empted, and the kernel passes over what reaches the same hook on that CPU meanwhile: rarely, and
 * nobody is told. So an entry of a process that is only being created is taken for what an earlier one with that id left
 * behind, and a member's child is entered when it executes a program, if it was not when it was forked.
 *
 * An exec that changes the effective user (a set-user-id program) ends membership: what a game may ask
 * for itself, it may not hand to another user's process. One that has gone back to the player since, as a sandbox does that
 * starts as root, is entered when it executes the next program, while its parent is a member.
 *
 * Starts of programs. Nearly all are nobody's business, and are let go after one look-up by name. Told is
 * what runs in a game, descends from a launcher (a mark in task storage, handed on by fork), has a name that
 * a rule names, or lies in a folder where games do. A user has a budget of them (bpf/policy/budget.h). What
 * is told is what /proc tells everybody: path, arguments, parent, user. The environment, which is its user's
 * secret, is not read.
 *
 * A path is read eight bytes at a time, with whatever follows its end: as a string the kernel would read it byte by
 * byte.
 *
 * Audio servers are entered here, before their first period.
 */
#include "bpf/shared/detector.bpf.h"
#include "bpf/shared/games.bpf.h"
#include "bpf/policy/budget.h"
#include "bpf/policy/classify.h"

char LICENSE[] SEC("license") = "GPL";

#define LOST_EVERY_NS 1000000000ULL

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, GS_MAX_USERS);
  __type(key, u32);
  __type(value, u32);
} user_processes SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, GS_MAX_EXEC_NAMES);
  __type(key, char[GS_EXEC_NAME]);
  __type(value, u32);
} exec_names SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, GS_MAX_EXEC_DIRS);
  __type(key, struct gs_exec_dir);
  __type(value, u32);
} exec_dirs SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, GS_EXEC_BUDGETS);
  __type(key, u32);
  __type(value, struct gs_exec_budget);
} exec_budgets SEC(".maps");

/* On the leader of a launcher and of every descendant. */
struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, u32);
} watched SEC(".maps");

/* How long a tick is; written by the daemon before the load. For budgets the tick is clock enough. */
const volatile unsigned long long tick_ns = 4 * GS_MSEC;

/* Counters for the daemon. */
unsigned long long processes_refused, execs_told, execs_over_budget, execs_ring_full;

/* One more process of the game, if there is room. */
static __always_inline bool take_room(const struct gs_game_process* process) {
  u32 game = process->game, uid = process->uid;
  struct gs_game_state* state = bpf_map_lookup_elem(&game_states, &game);
  u32* of_user = bpf_map_lookup_elem(&user_processes, &uid);

  if (!state || !of_user) return false;
  /* Forks on several CPUs may each see the last free place: a few more than allowed, never many. */
  if (state->processes >= GS_MAX_GAME_PROCESSES || *of_user >= GS_MAX_USER_PROCESSES) return false;
  __sync_fetch_and_add(&state->processes, 1);
  __sync_fetch_and_add(of_user, 1);
  return true;
}

static __always_inline void give_room(const struct gs_game_process* process) {
  u32 game = process->game, uid = process->uid;
  struct gs_game_state* state = bpf_map_lookup_elem(&game_states, &game);
  u32* of_user = bpf_map_lookup_elem(&user_processes, &uid);

  if (state) __sync_fetch_and_sub(&state->processes, 1);
  if (of_user) __sync_fetch_and_sub(of_user, 1);
}

static __always_inline void leave(u32 tgid) {
  struct gs_game_process *process = bpf_map_lookup_elem(&game_processes, &tgid), copy;

  if (!process) return;
  copy = *process;
  /* Whoever deletes it gives its room back: the daemon may be at it, too. */
  if (bpf_map_delete_elem(&game_processes, &tgid) == 0) give_room(&copy);
}

/* Returns whether the child of a member is one from now on. `parent`: a copy, for the map gives an entry that is deleted to
 * the next at once. */
static __always_inline bool join(u32 tgid, u32 parent_tgid, const struct gs_game_process* parent) {
  struct gs_game_process* still;

  if (!take_room(parent)) {
    processes_refused++;
    return false;
  }
  if (bpf_map_update_elem(&game_processes, &tgid, parent, BPF_NOEXIST) != 0) {
    give_room(parent);
    return false;
  }
  still = bpf_map_lookup_elem(&game_processes, &parent_tgid);
  if (still && still->game == parent->game) return true;
  leave(tgid); /* the game was removed meanwhile */
  return false;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct* parent, struct task_struct* child) {
  u32 parent_tgid = parent->tgid, child_tgid = child->tgid;
  struct gs_game_process *process, copy;
  u32 *mark, *child_mark;

  if (parent_tgid == child_tgid) return 0;
  leave(child_tgid);
  set_audio_server(child_tgid, false);
  process = bpf_map_lookup_elem(&game_processes, &parent_tgid);
  if (process) {
    copy = *process;
    join(child_tgid, parent_tgid, &copy);
  }
  mark = bpf_task_storage_get(&watched, parent->group_leader, NULL, 0);
  if (mark && *mark) {
    child_mark = bpf_task_storage_get(&watched, child, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
    if (child_mark) *child_mark = *mark;
  }
  return 0;
}

/* Threads remember what they belong to until this changes. */
static __always_inline void memberships_change(void) {
  u32 zero = 0;
  struct gs_shared_state* state = bpf_map_lookup_elem(&shared_state, &zero);

  if (state) __sync_fetch_and_add(&state->games_generation, 1);
}

/* Returns the game that it is still in; 0: none. */
static __always_inline u32 member_execs(struct task_struct* p, u32 tgid,
                                        const struct gs_game_process* process) {
  /* bprm->cred has become the task's own by now, and is NULL here. */
  if (process->uid == p->cred->euid.val) return process->game;
  leave(tgid);
  memberships_change();
  return 0;
}

/* Of one that is no member: if its parent is. Returns the game that it is in now; 0: none. */
static __always_inline u32 stranger_execs(struct task_struct* p, u32 tgid) {
  u32 parent_tgid = p->real_parent->tgid, zero = 0;
  struct gs_shared_state* state = bpf_map_lookup_elem(&shared_state, &zero);
  struct gs_game_process *process, copy;

  if (!state || !state->foreground_game) return 0; /* nobody plays */
  process = bpf_map_lookup_elem(&game_processes, &parent_tgid);
  if (!process) return 0;
  copy = *process;
  if (copy.uid != p->cred->euid.val || !join(tgid, parent_tgid, &copy)) return 0;
  memberships_change();
  return copy.game;
}

static __always_inline void read_path(char* to, u32 bytes, const char* from) {
  /* The string may end just before memory does. */
  if (bpf_probe_read_kernel(to, bytes, from)) bpf_probe_read_kernel_str(to, bytes, from);
}

/* Whether a zero is among the bytes. */
static __always_inline bool ends_within(const char* path, u32 bytes) {
  u64 word, zeros = 0;
  u32 i;

  for (i = 0; i < bytes; i += sizeof(word)) {
    __builtin_memcpy(&word, path + i, sizeof(word));
    zeros |= (word - 0x0101010101010101ULL) & ~word & 0x8080808080808080ULL;
  }
  return zeros;
}

static __always_inline struct gs_exec_budget* budget_of(u32 uid) {
  u32 at = uid % GS_EXEC_BUDGETS;
  struct gs_exec_budget* budget = bpf_map_lookup_elem(&exec_budgets, &at);

  if (!budget || budget->uid == uid) return budget;
  budget->uid = uid;
  budget->full_at_ns = budget->lost_told_ns = 0;
  return budget;
}

static __always_inline void tell_lost(struct gs_exec_budget* budget, u32 uid, u64 now) {
  struct gs_process_event_header* event;

  if (now - budget->lost_told_ns < LOST_EVERY_NS) return;
  event = bpf_ringbuf_reserve(&process_events, sizeof(*event), 0);
  if (!event) return;
  budget->lost_told_ns = now;
  event->kind = GS_PROCESS_LOST;
  event->value = uid;
  bpf_ringbuf_submit(event, 0);
}

/* Whether its user had budget for it. `path`: the first GS_EXEC_DIR bytes of where it lies. */
static __always_inline bool tell_exec(struct task_struct* p, u32 tgid, u32 game, bool from_launcher,
                                      const char* path, const struct linux_binprm* bprm) {
  u32 uid = p->cred->uid.val;
  struct gs_exec_budget* budget = budget_of(uid);
  struct gs_exec_event* event;
  u64 now = bpf_jiffies64() * tick_ns, start, end, bytes;

  if (!budget) return false;
  if (!gs_budget_take(&budget->full_at_ns, now, GS_EXEC_INTERVAL_NS, GS_EXEC_BURST)) {
    execs_over_budget++;
    tell_lost(budget, uid, now);
    return false;
  }
  event = bpf_ringbuf_reserve(&process_events, sizeof(*event), 0);
  if (!event) {
    execs_ring_full++;
    tell_lost(budget, uid, now);
    return false;
  }
  event->header.kind = GS_PROCESS_EXEC;
  event->header.value = from_launcher;
  event->cgroup = p->cgroups->dfl_cgrp->kn->id;
  event->pid = tgid;
  event->parent = p->real_parent->tgid;
  event->uid = uid;
  event->game = game;
  __builtin_memcpy(event->path, path, GS_EXEC_DIR);
  if (!ends_within(path, GS_EXEC_DIR))
    read_path(event->path + GS_EXEC_DIR, sizeof(event->path) - GS_EXEC_DIR, bprm->filename + GS_EXEC_DIR);
  /* The new program's stack has just been written: its pages are there. */
  start = p->mm->arg_start;
  end = p->mm->arg_end;
  bytes = end > start ? end - start : 0;
  if (bytes > GS_EXEC_ARGS) bytes = GS_EXEC_ARGS;
  event->args_bytes = 0;
  if (bpf_probe_read_user(event->args, bytes, (const void*)start) == 0) event->args_bytes = bytes;
  execs_told++;
  bpf_ringbuf_submit(event, 0);
  return true;
}

/* The current thread is urgent for a moment: until its game runs, nothing of ours helps it. */
static __always_inline void launch(void) {
  struct gs_signals* signals = signals_here();
  u64 now = bpf_ktime_get_ns();
  u32 zero = 0;
  struct gs_shared_state* state = bpf_map_lookup_elem(&shared_state, &zero);

  if (signals) signals->launch_ns = now;
  if (state) state->launch_until_ns = now + GS_LAUNCH_KEEP_NS;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct* p, pid_t old_pid, struct linux_binprm* bprm) {
  u32 tgid = p->tgid, game, flags, dir_flags = 0, *found, *mark;
  struct gs_game_process* process = bpf_map_lookup_elem(&game_processes, &tgid);
  struct {
    u32 unused; /* so that the path's words are whole */
    struct gs_exec_dir dir;
  } __attribute__((aligned(8))) start;
  char name[GS_EXEC_NAME];
  bool from_launcher, told;

  game = process ? member_execs(p, tgid, process) : stranger_execs(p, tgid);
  /* It may have been one under its old name. */
  if (set_audio_server(tgid, false)) memberships_change();

  __builtin_memcpy(name, p->comm, sizeof(name));
  found = bpf_map_lookup_elem(&exec_names, name);
  flags = found ? *found : 0;
  if (flags & GS_EXEC_IGNORED) return 0;
  mark = bpf_task_storage_get(&watched, p, NULL, 0);
  /* A launcher does not descend from itself. */
  from_launcher = mark && *mark;
  told = game || from_launcher || flags & (GS_EXEC_REPORTED | GS_EXEC_WATCHED);
  start.dir.bits = GS_EXEC_DIR * 8;
  read_path(start.dir.path, GS_EXEC_DIR, bprm->filename);
  if (!told || flags & (GS_EXEC_AUDIO | GS_EXEC_LAUNCH)) {
    found = bpf_map_lookup_elem(&exec_dirs, &start.dir);
    dir_flags = found ? *found : 0;
    told |= dir_flags & GS_EXEC_DIR_REPORTED;
  }
  if (flags & GS_EXEC_AUDIO && dir_flags & GS_EXEC_DIR_SYSTEM) {
    set_audio_server(tgid, true);
    memberships_change();
  }
  if (flags & GS_EXEC_WATCHED && !mark) {
    mark = bpf_task_storage_get(&watched, p, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
    if (mark) *mark = 1;
  }
  if (told && tell_exec(p, tgid, game, from_launcher, start.dir.path, bprm) && flags & GS_EXEC_LAUNCH &&
      dir_flags & GS_EXEC_DIR_SYSTEM)
    launch();
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct* p) {
  u32 tgid = p->tgid;

  if (p->signal->live.counter != 0) return 0;
  leave(tgid);
  set_audio_server(tgid, false);
  return 0;
}
