// SPDX-License-Identifier: GPL-2.0-only
/*
 * GPU: threads that give it work, put frames on a screen, or wait for it.
 *
 * Hook. security_file_ioctl() sees every ioctl before the driver does. It is in vmlinux, so no privilege for
 * a module's types is needed, and it matters to nobody which driver is loaded when. All other ioctls leave at
 * the first comparison.
 *
 * Which command is work differs by driver: the daemon fills gpu_cards, by the minor number of the card, from
 * gpu_drivers.def. Of a card that it does not know (or NVIDIA's own, which takes most of its work
 * without any ioctl) every private command is weaker evidence. KMS commands are the same for all drivers, and
 * are for who owns the screen: a compositor, or a game that runs without one.
 *
 * Not every submit is a frame (bpf/policy/frame.h), and most cannot be one (bpf/policy/submitter.h): these are
 * counted, and that is all. A frame of the thread that leads its game is told to all
 * who learn from it: which game is played, how long input takes to the screen, the game's frame period.
 *
 * Limits: what is asked for is seen, not whether the driver grants it. A thread that asks in vain is
 * believed, which gives a game no more than it has by being one; and a screen's node is open to who sits at
 * it, who may register games.
 */
#include "bpf/shared/detector.bpf.h"
#include "bpf/shared/detector_counts.bpf.h"
#include "bpf/shared/games.bpf.h"
#include "bpf/shared/input_times.bpf.h"
#include "bpf/policy/classify.h"
#include "bpf/policy/frame.h"
#include "bpf/policy/submitter.h"

char LICENSE[] SEC("license") = "GPL";

#define MAJOR_DRM 226
/* NVIDIA's render devices; "nvidia-uvm" has a number of its own and moves memory only. */
#define MAJOR_NVIDIA 195
#define MINOR_BITS 20
#define TYPE_MASK 0xff00
#define TYPE_DRM 0x6400    /* 'd': _IOC_TYPE of include/uapi/drm/drm.h */
#define TYPE_NVIDIA 0x4600 /* 'F': NV_IOCTL_MAGIC of its open kernel module */
#define PRIMARY_NODES 64   /* minors below are those that can set modes; render nodes begin at 128 */

/* include/uapi/drm/drm.h */
#define COMMAND_FIRST 0x40
#define MODE_PAGE_FLIP 0xb0
#define MODE_DIRTYFB 0xb1
#define MODE_ATOMIC 0xbc
#define SYNCOBJ_WAIT 0xc3
#define SYNCOBJ_TIMELINE_WAIT 0xca
#define ATOMIC_TEST_ONLY 0x0100

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, GS_GPU_CARDS);
  __type(key, u32);
  __type(value, struct gs_gpu_card);
} gpu_cards SEC(".maps");

/* Processes that have put frames on a screen: by id, when last. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 64);
  __type(key, u32);
  __type(value, u64);
} screen_owners SEC(".maps");

/* What each CPU saw last. */
static struct gs_submitter submitters[GS_MAX_CPUS];

/* What the scheduler has found out, unless a game came or went since. */
static __always_inline u32 game_of(const struct task_ctx* tc, const struct gs_shared_state* state) {
  return tc->games_generation == state->games_generation ? tc->game : game_here();
}

/* Whoever draws for a program that flips, if it is no game's: kwin and mutter have threads for each. */
static __noinline int draws_for_screen(struct task_ctx* tc, u64 now) {
  u32 tgid = bpf_get_current_pid_tgid() >> 32;
  u64* flip_ns = bpf_map_lookup_elem(&screen_owners, &tgid);

  if (tc && flip_ns && now - *flip_ns < GS_FLIP_KEEP_NS) tc->signals.screen_ns = now;
  return 0;
}

/* A thread began a frame. */
static __always_inline int frame_began(struct task_ctx* tc, u32 tid, u32 cpu, u64 now) {
  u32 zero = 0, game;
  struct gs_shared_state* state = bpf_map_lookup_elem(&shared_state, &zero);
  struct gs_game_state* of_game;
  u64 before_ns;
  bool steady;

  if (!state) return 0;
  game = game_of(tc, state);
  if (!game) return 0;
  of_game = bpf_map_lookup_elem(&game_states, &game);
  if (!of_game) return 0;
  steady = gs_frame_period(&tc->signals.frames);
  if (!gs_frame_leads(tid, of_game->tid, steady, of_game->steady, now - of_game->begin_ns,
                      of_game->period_ns))
    return 0;
  /* Two threads may both take the lead in one moment: one of them has it from the next frame on. */
  before_ns = of_game->begin_ns;
  of_game->tid = tid;
  of_game->steady = steady;
  of_game->begin_ns = now;
  of_game->frames++;
  if (steady) of_game->period_ns = tc->signals.frames.period_ns;
  detected[cpu].value[GS_DETECTOR_COUNTER_gpu_frames]++;
  game_drew(state, game, now);
  input_frame_submitted(of_game, before_ns, now);
  return 0;
}

/* One that may begin a frame. */
static __always_inline int submitted(u32 cpu, u64 file, u32 command) {
  struct task_struct* p = bpf_get_current_task_btf();
  struct task_ctx* tc = bpf_task_storage_get(&task_ctxs, p, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
  u64 now = bpf_ktime_get_ns(), before;
  bool begins = false;

  detected[cpu].value[GS_DETECTOR_COUNTER_gpu_submits]++;
  if (!tc) return 0;
  before = tc->signals.submit_ns;
  tc->signals.submit_ns = now;
  if (!tc->game) draws_for_screen(tc, now);
  if (now - tc->signals.flip_ns >= GS_SEC) begins = gs_frame_submit(&tc->signals.frames, before, now);
  gs_submitter_seen(&submitters[cpu], bpf_jiffies64(), file, command, p->pid, p->nvcsw, begins);
  return begins ? frame_began(tc, p->pid, cpu, now) : 0;
}

static __noinline int flipped(void) {
  struct task_ctx* tc = task_here();
  u64 now = bpf_ktime_get_ns();
  u32 tgid = bpf_get_current_pid_tgid() >> 32;

  detector_counts(gpu_flips);
  bpf_map_update_elem(&screen_owners, &tgid, &now, BPF_ANY);
  if (!tc) return 0;
  tc->signals.flip_ns = now;
  gs_frame_begins(&tc->signals.frames, now);
  return frame_began(tc, bpf_get_current_pid_tgid(), detector_cpu(), now);
}

static __noinline int mode_command(u32 command, unsigned long arg) {
  struct gs_signals* signals;
  u32 flags = 0;

  switch (command) {
    case MODE_ATOMIC:
      /* The first member. Where it cannot be read the driver cannot either. */
      if (bpf_probe_read_user(&flags, sizeof(flags), (const void*)arg) || flags & ATOMIC_TEST_ONLY) return 0;
      return flipped();
    case MODE_PAGE_FLIP:
    case MODE_DIRTYFB:
      return flipped();
    case SYNCOBJ_WAIT:
    case SYNCOBJ_TIMELINE_WAIT:
      detector_counts(gpu_fence_waits);
      signals = signals_here();
      if (signals) signals->fence_ns = bpf_ktime_get_ns();
      return 0;
  }
  return 0;
}

/* The daemon is told once of each card that it does not know, and looks at it. */
static __always_inline void ask(struct gs_gpu_card* card, u32 minor) {
  struct gs_gpu_card_event* event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

  if (!event) return;
  card->asked = 1;
  event->kind = GS_EVENT_GPU_CARD;
  event->minor = minor;
  bpf_ringbuf_submit(event, 0);
}

static __noinline int unknown_command(struct gs_gpu_card* card, u32 minor) {
  struct task_ctx* tc = task_here();
  u64 now = bpf_ktime_get_ns();

  detector_counts(gpu_commands);
  if (tc) {
    tc->signals.command_ns = now;
    if (!tc->game) draws_for_screen(tc, now);
  }
  if (card && !card->asked) ask(card, minor);
  return 0;
}

/* What the hook is called with: a file, a command, its argument. Not inlined: most calls end before this. */
static __noinline int looked_at(const unsigned long long* arguments, u32 cpu) {
  struct file* file = (struct file*)arguments[0];
  u32 cmd = arguments[1], command = cmd & 0xff, bit = command - COMMAND_FIRST;
  u32 device = file->f_inode->i_rdev, minor; /* 0 for what is no device */
  struct gs_gpu_card* card;

  if ((cmd & TYPE_MASK) == TYPE_NVIDIA)
    return device >> MINOR_BITS == MAJOR_NVIDIA ? unknown_command(NULL, 0) : 0;
  if (device >> MINOR_BITS != MAJOR_DRM) return 0;
  minor = device & ((1U << MINOR_BITS) - 1);
  if (bit < GS_GPU_COMMANDS) {
    card = bpf_map_lookup_elem(&gpu_cards, &minor);
    if (!card) return unknown_command(NULL, 0);
    if (card->submits[bit / 64 & 1] >> bit % 64 & 1) return submitted(cpu, (u64)file, cmd);
    return card->submits[0] | card->submits[1] ? 0 : unknown_command(card, minor);
  }
  if (command < MODE_PAGE_FLIP) return 0;
  if (command < SYNCOBJ_WAIT && minor >= PRIMARY_NODES) return 0;
  return mode_command(command, arguments[2]);
}

static __always_inline int seen(const unsigned long long* arguments) {
  u32 cmd = arguments[1], type = cmd & TYPE_MASK, cpu;
  struct task_struct* p;
  u64 tick;

  if (type != TYPE_DRM && type != TYPE_NVIDIA) return 0;
  cpu = detector_cpu();
  tick = bpf_jiffies64();
  p = bpf_get_current_task_btf();
  if (!gs_submitter_goes_on(&submitters[cpu], tick, arguments[0], cmd, p->pid, p->nvcsw))
    return looked_at(arguments, cpu);
  detected[cpu].value[GS_DETECTOR_COUNTER_gpu_submits]++;
  return 0;
}

SEC("fentry/security_file_ioctl")
int gpu_ioctl(unsigned long long* arguments) {
  return seen(arguments);
}

/* 32-bit programs: many games. */
SEC("fentry/security_file_ioctl_compat")
int gpu_ioctl_compat(unsigned long long* arguments) {
  return seen(arguments);
}
