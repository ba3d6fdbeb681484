// SPDX-License-Identifier: GPL-2.0-only
/*
 * Audio: threads that give or take periods of sound, from their first period.
 *
 * Devices. security_file_ioctl() is called for every ioctl (its compat twin for those of 32-bit programs) and
 * is a part of the kernel proper: it sees sound devices whose driver is a module, and such as are plugged in
 * later, without an attachment to modules, which CAP_BPF and CAP_PERFMON do not allow. Nearly every ioctl
 * ends at the first comparison.
 *
 * Servers. Most programs do not open a device but play to PipeWire or PulseAudio. A client of PipeWire is
 * woken through an eventfd that the server writes once a cycle; a client of PulseAudio's protocol reads the
 * server's requests from a socket. Both are known by who is at the other end (map audio_servers). What a
 * client wakes in its turn is not audio by that: under Wine an eventfd may be any event of the game. One
 * message on a socket makes no stream: a second has to follow soon.
 *
 * Decisions: bpf/policy/audio.h. Which device a stream is set up on is told to the daemon, which knows names.
 */
#include "bpf/shared/detector.bpf.h"
#include "bpf/shared/detector_counts.bpf.h"
#include "bpf/policy/audio.h"

char LICENSE[] SEC("license") = "GPL";

#define S_IFMT 00170000
#define S_IFCHR 0020000
#define TELL_EVERY_NS GS_SEC
/* A volume control that reads an event now and then is no stream; the longest buffers in use are half of it.
 */
#define STREAM_NS (200 * GS_MSEC)

/* When the daemon was last told of a device, by minor. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, GS_ALSA_MINORS);
  __type(key, u32);
  __type(value, u64);
} audio_devices SEC(".maps");

/* Events that a server has written: address of the context -> when last. An address that is used anew is
 * forgotten after STREAM_NS. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 1024);
  __type(key, u64);
  __type(value, u64);
} audio_wakers SEC(".maps");

/* On sockets to a server: when it was last read. */
struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, u64);
} audio_sockets SEC(".maps");

static __always_inline void took_period(u32 minor) {
  struct task_struct* p = bpf_get_current_task_btf();
  struct gs_signals* signals = signals_here();
  u16 switches = p->nvcsw;
  u64 now;

  if (!signals || (signals->audio_ns && signals->audio_switches == switches)) return;
  now = bpf_ktime_get_ns();
  if (signals->audio_ns)
    signals->audio_period_ns = gs_audio_period(signals->audio_period_ns, now - signals->audio_ns);
  signals->audio_ns = now;
  signals->audio_switches = switches;
  signals->audio_minor = minor;
  detector_counts(audio_periods);
}

static __noinline int tell_device(u32 minor) {
  u64 *told_ns = bpf_map_lookup_elem(&audio_devices, &minor), now = bpf_ktime_get_ns();
  struct gs_process_event_header* event;

  if (!told_ns || (*told_ns && now - *told_ns < TELL_EVERY_NS)) return 0;
  event = bpf_ringbuf_reserve(&process_events, sizeof(*event), 0);
  if (!event) return 0;
  *told_ns = now;
  event->kind = GS_PROCESS_SOUND;
  event->value = minor;
  bpf_ringbuf_submit(event, 0);
  return 0;
}

static __always_inline void asked(const struct file* file, u32 command) {
  const struct inode* inode = file->f_inode;
  u32 call, device;

  device = inode->i_rdev;
  if (device >> 20 != GS_ALSA_MAJOR || (inode->i_mode & S_IFMT) != S_IFCHR) return;
  call = gs_audio_call(command);
  if (call == GS_AUDIO_PERIOD) took_period(device & 0xfffff);
  if (call == GS_AUDIO_SETUP) tell_device(device & 0xfffff);
}

SEC("fentry/security_file_ioctl")
int BPF_PROG(audio_ioctl, struct file* file, unsigned int command) {
  if (gs_audio_is_pcm(command)) asked(file, command);
  return 0;
}

SEC("fentry/security_file_ioctl_compat")
int BPF_PROG(audio_ioctl_compat, struct file* file, unsigned int command) {
  if (gs_audio_is_pcm(command)) asked(file, command);
  return 0;
}

SEC("fentry/eventfd_write")
int BPF_PROG(audio_wakes, struct file* file) {
  u64 context = (u64)file->private_data, now;

  if (!is_audio_server(bpf_get_current_pid_tgid() >> 32)) return 0;
  now = bpf_ktime_get_ns();
  bpf_map_update_elem(&audio_wakers, &context, &now, BPF_ANY);
  return 0;
}

SEC("fentry/eventfd_read")
int BPF_PROG(audio_woken, struct kiocb* request) {
  u64 context = (u64)request->ki_filp->private_data;
  u64* written_ns = bpf_map_lookup_elem(&audio_wakers, &context);

  if (!written_ns || bpf_ktime_get_ns() - *written_ns > STREAM_NS) return 0;
  took_period(0);
  return 0;
}

SEC("fentry/unix_stream_recvmsg")
int BPF_PROG(audio_requested, struct socket* socket) {
  struct sock* sk = socket->sk;
  struct pid* peer;
  u64 *last_ns, before, now;

  if (!sk) return 0;
  peer = sk->sk_peer_pid;
  if (!peer || !is_audio_server(peer->numbers[0].nr)) return 0;
  last_ns = bpf_sk_storage_get(&audio_sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
  if (!last_ns) return 0;
  before = *last_ns;
  *last_ns = now = bpf_ktime_get_ns();
  if (before && now - before < STREAM_NS && !is_audio_server(bpf_get_current_pid_tgid() >> 32))
    took_period(0);
  return 0;
}
