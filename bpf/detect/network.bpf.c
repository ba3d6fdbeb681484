// SPDX-License-Identifier: GPL-2.0-only
/*
 * Network: threads that talk to a server live, and threads that move a bulk, from their first message.
 *
 * Hooks. Each message of an internet socket goes through inet_sendmsg() and inet_recvmsg(), or their twins
 * for IPv6: send, sendmsg, sendmmsg, write, splice and io_uring alike. sock_sendmsg() sees only some of these
 * (the system calls have it inlined, sendmmsg to one address skips it), and it sees local sockets, which are
 * no network and would pay. What was received is known when the call returns.
 *
 * State lies on the socket: it goes with it, no user can fill a map to another's harm, and a socket that two
 * threads use is one conversation. No payload is looked at; a port is, once.
 *
 * The clock of the windows is the tick: reading it is one load, and a quarter of a second is many ticks.
 */
#include "bpf/shared/detector.bpf.h"
#include "bpf/shared/detector_counts.bpf.h"
#include "bpf/policy/flow.h"

#include <bpf/bpf_endian.h>

char LICENSE[] SEC("license") = "GPL";

#define IPPROTO_TCP_ 6
#define IPPROTO_UDP_ 17
#define IPPROTO_MPTCP_ 262
#define MSG_PEEK_ 2

/* How long a tick is; written by the daemon before the load. */
const volatile unsigned long long tick_ns = 4 * GS_MSEC;

struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct gs_flow);
} flows SEC(".maps");

/* Of a datagram to an address that the message names; it has been copied to the kernel. */
static __always_inline u32 port_named(const struct msghdr* message) {
  u16 port = 0;

  if (message->msg_name) bpf_probe_read_kernel(&port, sizeof(port), message->msg_name + 2);
  return bpf_ntohs(port);
}

static __noinline struct gs_flow* flow_begins(struct sock* sk, const struct msghdr* message, bool received) {
  u32 protocol, remote;
  struct gs_flow* flow;

  if (!sk || !message) return NULL;
  protocol = sk->sk_protocol;
  if (protocol != IPPROTO_TCP_ && protocol != IPPROTO_UDP_ && protocol != IPPROTO_MPTCP_) return NULL;
  flow = bpf_sk_storage_get(&flows, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
  if (!flow) return NULL;
  remote = bpf_ntohs(sk->__sk_common.skc_dport);
  if (!remote && !received && protocol == IPPROTO_UDP_) remote = port_named(message);
  flow->kind = gs_flow_kind_of(protocol == IPPROTO_UDP_, sk->__sk_common.skc_num, remote);
  return flow;
}

static __noinline int window_ends(struct gs_flow* flow, u64 now, u64 bytes) {
  gs_flow_window(flow, now, bytes);
  return 0;
}

/* What its conversation is. */
static __noinline int tell(struct gs_flow* flow, struct task_struct* p, bool received) {
  struct gs_signals* signals;
  u64 now;

  if (!gs_flow_tells(flow, received, p->pid) || p->flags & PF_KTHREAD) return 0;
  signals = signals_here();
  if (!signals) return 0;
  now = bpf_ktime_get_ns();
  if (flow->verdict == GS_FLOW_LIVE)
    signals->net_ns = now;
  else
    signals->bulk_ns = now;
  return 0;
}

static __always_inline void message(struct socket* socket, const struct msghdr* header, bool received,
                                    u64 bytes) {
  struct sock* sk = socket->sk;
  struct task_struct* p;
  struct gs_flow* flow;
  u64 now;

  if (!sk) return;
  detector_counts(net_messages);
  flow = bpf_sk_storage_get(&flows, sk, NULL, 0);
  if (!flow) flow = flow_begins(sk, header, received);
  if (!flow) return;
  now = bpf_jiffies64() * tick_ns;
  if (gs_flow_window_ends(flow, now)) window_ends(flow, now, bytes);
  gs_flow_counts(flow, received, bytes);
  p = bpf_get_current_task_btf();
  if (!gs_flow_knows(flow, received, p->pid)) tell(flow, p, received);
}

SEC("fentry/inet_sendmsg")
int BPF_PROG(net_sends, struct socket* socket, struct msghdr* header, size_t size) {
  message(socket, header, false, size);
  return 0;
}

SEC("fentry/inet6_sendmsg")
int BPF_PROG(net_sends6, struct socket* socket, struct msghdr* header, size_t size) {
  message(socket, header, false, size);
  return 0;
}

SEC("fexit/inet_recvmsg")
int BPF_PROG(net_received, struct socket* socket, struct msghdr* header, size_t size, int flags, int bytes) {
  if (bytes > 0 && !(flags & MSG_PEEK_)) message(socket, header, true, bytes);
  return 0;
}

SEC("fexit/inet6_recvmsg")
int BPF_PROG(net_received6, struct socket* socket, struct msghdr* header, size_t size, int flags, int bytes) {
  if (bytes > 0 && !(flags & MSG_PEEK_)) message(socket, header, true, bytes);
  return 0;
}
