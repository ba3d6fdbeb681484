// SPDX-License-Identifier: GPL-2.0-only
/*
 * Input: the window of an event's lane is open before the reader of the event wakes.
 *
 * Hook. input_handle_event() is what input_event() calls for each event that a device supports, with the
 * device's lock held and interrupts off: nothing else of ours runs on this CPU meanwhile, so plain counters
 * are exact. At input_event() itself a second event may interrupt the hook, and the kernel skips a program
 * that would nest. Delivery happens at the SYN_REPORT that ends a packet, further down in the same call.
 *
 * Work. With no game, an event is counted, and that is all. Else: what the device is comes from a per-CPU
 * cache (cache.h), behind that from the table of devices, and the first time from the device itself
 * (device.h); the packet's end extends one window (window.h) and marks this CPU. The daemon is told of a
 * device's events once a second at the most (rate.h). A device in high-rate mode that was the last one here
 * skips all look-ups. The clock is read once.
 *
 * A full ring holds nothing up: events that no record tells of are counted.
 */
#include "bpf/shared/maps.bpf.h"
#include "bpf/policy/cache.h"
#include "bpf/policy/device.h"
#include "bpf/policy/rate.h"
#include "bpf/policy/window.h"

char LICENSE[] SEC("license") = "GPL";

/* Window lengths by enum gs_input_lane, written by the daemon from its tunables. */
unsigned long long window_ns[GS_NR_INPUT_LANES];
unsigned int nr_games;           /* written by the daemon */
unsigned int devices_generation; /* changes when a device goes, or its lane becomes known */

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, GS_INPUT_DEVICES);
  __type(key, u64);
  __type(value, struct gs_input_device);
} input_devices SEC(".maps");

/* What the daemon knows of devices in GS_INPUT_ASK: by number, which no other device gets until the next
 * boot. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, GS_INPUT_DEVICES);
  __type(key, u32);
  __type(value, u32); /* enum gs_input_lane */
} input_answers SEC(".maps");

/* Several rings, so that CPUs do not wait for each other; the daemon makes them. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, GS_INPUT_RINGS);
  __type(key, u32);
  __array(
      values, struct {
        __uint(type, BPF_MAP_TYPE_RINGBUF);
        __uint(max_entries, GS_INPUT_RING_BYTES);
      });
} input_rings SEC(".maps");

static __always_inline struct gs_input_record* reserve(u32 cpu) {
  u32 ring_number = cpu % GS_INPUT_RINGS;
  void* ring = bpf_map_lookup_elem(&input_rings, &ring_number);

  return ring ? bpf_ringbuf_reserve(ring, sizeof(struct gs_input_record), 0) : NULL;
}

/* One record for all that is pending. */
static __noinline int report(struct gs_input_cpu* cpu, struct gs_input_slot* slot, u64 now) {
  struct gs_input_record* record;

  if (!cpu || !slot || !slot->pending) return 0;
  record = reserve(bpf_get_smp_processor_id());
  if (!record) {
    cpu->events_dropped += slot->pending;
    cpu->records_dropped++;
  } else {
    record->time_ns = now;
    record->device = slot->device;
    record->id = slot->id;
    record->events = slot->pending;
    record->kind = GS_INPUT_EVENTS;
    record->lane = slot->lane;
    bpf_ringbuf_submit(record, 0);
    cpu->events_reported += slot->pending;
  }
  slot->pending = 0;
  slot->period_pending = 0;
  slot->told_ns = now;
  return 0;
}

static __always_inline void tell(struct gs_input_cpu* cpu, u32 kind, u64 device, u32 id, u32 lane, u64 now) {
  struct gs_input_record* record = reserve(bpf_get_smp_processor_id());

  if (!record) {
    cpu->records_dropped++;
    return;
  }
  record->time_ns = now;
  record->device = device;
  record->id = id;
  record->events = 0;
  record->kind = kind;
  record->lane = lane;
  bpf_ringbuf_submit(record, 0);
}

/* N of the device's name "inputN": the number that user space knows it by. */
static __always_inline u32 number_of(struct input_dev* dev) {
  char name[16] = {};
  u32 number = 0, i;

  bpf_probe_read_kernel_str(name, sizeof(name), dev->dev.kobj.name);
  for (i = 5; i < sizeof(name); i++) {
    if (name[i] < '0' || name[i] > '9') break;
    number = number * 10 + (name[i] - '0');
  }
  return number;
}

static __always_inline u32 lane_of(struct input_dev* dev) {
  struct gs_device_bits bits = {.properties = dev->propbit[0], .types = dev->evbit[0]};
  u32 i;

  for (i = 0; i < GS_KEY_WORDS; i++) bits.keys[i] = dev->keybit[i];
  return gs_device_lane(&bits);
}

/* Finds out what a device is, from the table of devices or from itself, and keeps it in a slot of this CPU.
 */
static __noinline int fill_slot(struct gs_input_cpu* cpu, struct input_dev* dev, u32 generation, u64 now) {
  u64 key = (u64)dev;
  struct gs_input_device* known = bpf_map_lookup_elem(&input_devices, &key);
  struct gs_input_device fresh = {};
  struct gs_input_slot* slot;
  u32 i, at, id, lane, *answer;

  if (!cpu || !dev) return 0;
  cpu->cache_misses++;
  if (!known) {
    fresh.id = number_of(dev);
    fresh.lane = lane_of(dev);
    cpu->first_sights++;
    /* Where the table is full the device is looked at again each time it has lost its slot. Another CPU may
     * have been first. */
    if (!bpf_map_update_elem(&input_devices, &key, &fresh, BPF_NOEXIST) && fresh.lane != GS_INPUT_NONE)
      tell(cpu, GS_INPUT_DEVICE_SEEN, key, fresh.id, fresh.lane, now);
    known = &fresh;
  }
  id = known->id;
  lane = known->lane;
  if (lane == GS_INPUT_ASK) {
    answer = bpf_map_lookup_elem(&input_answers, &id);
    if (answer) lane = *answer;
  }
  at = gs_cache_victim(&cpu->slots[0].used, sizeof(cpu->slots[0]), GS_INPUT_SLOTS) % GS_INPUT_SLOTS;
  for (i = 0; i < GS_INPUT_SLOTS; i++)
    if (cpu->slots[i].device == key) at = i;
  slot = &cpu->slots[at % GS_INPUT_SLOTS];
  if (slot->device != key || slot->id != id) {
    report(cpu, slot, now);
    __builtin_memset(slot, 0, sizeof(*slot));
    slot->device = key; /* whose first event ends a period: the daemon hears of it at once */
  }
  slot->id = id;
  slot->lane = lane;
  if (lane >= GS_NR_INPUT_LANES) slot->high_rate = 0; /* the fast path counts what has a lane */
  slot->generation = generation;
  return at;
}

/* A packet has ended: from here on its readers are woken. */
static __always_inline void open_window(struct gs_input_cpu* cpu, struct gs_shared_state* state, u32 lane,
                                        u64 now) {
  if (lane >= GS_NR_INPUT_LANES) return;
  cpu->sync_ns = now;
  cpu->sync_lane = lane;
  cpu->sync_tid = compat_in_interrupt() ? 0 : bpf_get_current_task_btf()->pid;
  state->window_until_ns[lane] = gs_window_extend(state->window_until_ns[lane], now, window_ns[lane]);
}

static __always_inline int end_period(struct gs_input_cpu* cpu, struct gs_input_slot* slot, u64 now) {
  u64 elapsed_ns = now - slot->period_start_ns;

  if (!gs_rate_period_over(elapsed_ns)) return 0;
  slot->high_rate = gs_rate_high(slot->high_rate, slot->pending - slot->period_pending, elapsed_ns);
  slot->period_start_ns = now;
  slot->period_pending = slot->pending;
  return gs_rate_tells(slot->told_ns, now) ? report(cpu, slot, now) : 0;
}

static __noinline int slow_path(struct gs_input_cpu* cpu, struct gs_shared_state* state,
                                struct input_dev* dev, bool sync) {
  u64 key = (u64)dev, now = bpf_ktime_get_ns();
  u32 i, at = GS_INPUT_SLOTS, generation = devices_generation;
  struct gs_input_slot* slot;

  if (!cpu || !state) return 0;
  for (i = 0; i < GS_INPUT_SLOTS; i++) {
    if (cpu->slots[i].device != key) continue;
    if (cpu->slots[i].generation == generation) at = i;
    break;
  }
  if (at < GS_INPUT_SLOTS)
    cpu->cache_hits++;
  else
    at = fill_slot(cpu, dev, generation, now);
  slot = &cpu->slots[at % GS_INPUT_SLOTS];
  slot->used = cpu->events;
  if (slot->lane >= GS_NR_INPUT_LANES) {
    cpu->events_no_input++;
    return 0;
  }
  slot->pending++;
  if (sync) open_window(cpu, state, slot->lane, now);
  if (slot->high_rate) cpu->hot = at;
  return end_period(cpu, slot, now);
}

SEC("fentry/input_handle_event")
int BPF_PROG(input_event_hook, struct input_dev* dev, unsigned int type, unsigned int code, int value) {
  u32 zero = 0, here = bpf_get_smp_processor_id();
  struct gs_input_cpu* cpu = bpf_map_lookup_elem(&input_cpus, &here);
  struct gs_shared_state* state;
  struct gs_input_slot* slot;
  bool sync = !(type | code); /* EV_SYN and SYN_REPORT are 0 */
  u64 now;

  if (!cpu) return 0;
  cpu->events++;
  if (!nr_games) {
    cpu->events_idle++;
    return 0;
  }
  slot = &cpu->slots[cpu->hot % GS_INPUT_SLOTS];
  if (slot->device != (u64)dev || !slot->high_rate || slot->generation != devices_generation)
    return slow_path(cpu, bpf_map_lookup_elem(&shared_state, &zero), dev, sync);
  slot->used = cpu->events;
  slot->pending++;
  if (!sync) return 0;
  state = bpf_map_lookup_elem(&shared_state, &zero);
  if (!state) return 0;
  now = bpf_ktime_get_ns();
  open_window(cpu, state, slot->lane, now);
  return end_period(cpu, slot, now);
}

/* The last reference to a device goes: its address may be another's from here on. */
SEC("fentry/input_dev_release")
int BPF_PROG(input_device_gone, struct device* device) {
  u64 key = (u64)device - bpf_core_field_offset(struct input_dev, dev);
  struct gs_input_device* known = bpf_map_lookup_elem(&input_devices, &key);
  u32 here = bpf_get_smp_processor_id(), id;
  struct gs_input_cpu* cpu = bpf_map_lookup_elem(&input_cpus, &here);
  bool told, asked;

  if (!known || !cpu) return 0;
  id = known->id;
  told = known->lane != GS_INPUT_NONE;
  asked = known->lane == GS_INPUT_ASK; /* the daemon keeps it until it goes, game or not */
  bpf_map_delete_elem(&input_devices, &key);
  __sync_fetch_and_add(&devices_generation, 1);
  if (asked || (told && nr_games))
    tell(cpu, GS_INPUT_DEVICE_GONE, key, id, GS_INPUT_NONE, bpf_ktime_get_ns());
  return 0;
}
