// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many threads of each game are in each lane, for people who look: an iterator over all threads, run by the daemon
 * when somebody asks. An object of its own: nothing is scheduled by it.
 *
 * A lane is as of the thread's last wake-up. Threads that the scheduler has not seen are in none.
 */
#include "bpf/compat.bpf.h"
#include "bpf/policy/lane.h"
#include "bpf/shared/abi.h"
#include "bpf/shared/maps.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* By game; the daemon clears it before and reads it after. */
unsigned int lane_threads[GS_MAX_GAMES + 1][GS_NR_LANES];

SEC("iter/task")
int count_lanes(struct bpf_iter__task* ctx) {
  struct task_struct* p = ctx->task;
  struct gs_game_process* process;
  struct task_ctx* tc;
  u32 tgid, game, lane;

  if (!p) return 0; /* the end */
  tc = bpf_task_storage_get(&task_ctxs, p, NULL, 0);
  if (!tc || !tc->tid) return 0;
  tgid = p->tgid;
  process = bpf_map_lookup_elem(&game_processes, &tgid);
  if (!process) return 0;
  game = process->game;
  lane = tc->lane;
  if (game <= GS_MAX_GAMES && lane < GS_NR_LANES) lane_threads[game][lane]++;
  return 0;
}
