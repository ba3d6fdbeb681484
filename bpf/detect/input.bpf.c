// SPDX-License-Identifier: GPL-2.0-only
/*
 * Input: the window of an event's lane is open before the reader of the event wakes.
 *
 * input_event() sees every event of every device. Delivery happens at the SYN_REPORT that ends a packet,
 * further down in the same call, so the hook at its entry comes first. It reads the clock once, extends one
 * window and marks this CPU; the scheduler sees both when the reader wakes (bpf/policy/window.h).
 */
#include "bpf/shared/maps.bpf.h"
#include "bpf/policy/window.h"

char LICENSE[] SEC("license") = "GPL";

/* linux/input-event-codes.h */
#define EV_SYN 0x00
#define EV_REL 0x02
#define SYN_REPORT 0
#define KEY_A 30
#define BTN_LEFT 0x110
#define BTN_JOYSTICK 0x120
#define BTN_GAMEPAD 0x130
#define BTN_TOUCH 0x14a

/* Window lengths by enum gs_input_lane, written by the daemon from its tunables. */
unsigned long long window_ns[GS_NR_INPUT_LANES];

static __always_inline bool has_key(const struct input_dev* dev, u32 code) {
  return dev->keybit[code / 64] >> (code % 64) & 1;
}

SEC("fentry/input_event")
int BPF_PROG(input_event_hook, struct input_dev* dev, unsigned int type, unsigned int code, int value) {
  u32 zero = 0, lane;
  struct gs_input_cpu* cpu = bpf_map_lookup_elem(&input_cpus, &zero);
  struct gs_shared_state* state = bpf_map_lookup_elem(&shared_state, &zero);
  u64 now;

  if (!cpu || !state) return 0;
  cpu->events++;
  if (type != EV_SYN || code != SYN_REPORT) return 0;
  lane = gs_input_lane_of(has_key(dev, BTN_GAMEPAD) || has_key(dev, BTN_JOYSTICK), has_key(dev, BTN_LEFT),
                          dev->evbit[0] >> EV_REL & 1, has_key(dev, KEY_A), has_key(dev, BTN_TOUCH));
  if (lane >= GS_NR_INPUT_LANES) {
    cpu->events_no_input++;
    return 0;
  }
  now = bpf_ktime_get_ns();
  cpu->sync_ns = now;
  state->window_until_ns[lane] = gs_window_extend(state->window_until_ns[lane], now, window_ns[lane]);
  return 0;
}
