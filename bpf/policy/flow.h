/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Flows: whether a socket carries a live conversation, a bulk transfer, or neither, without a look at what it
 * carries.
 *
 * Problem: a late answer of the game server is a late frame, and a voice packet that waits is heard. The
 * launcher that updates beside the game moves a thousand times as much, and nobody waits for it.
 *
 * How: messages and bytes of each direction are counted over a window of 268 ms, then judged.
 *
 * Live: both directions were heard in 5 s, at 8 messages a second and more, no direction's mean above 1200
 * bytes (what fits into a packet everywhere), less than half a mebibyte a second in all. TCP and the ports of
 * services (below 1024, name discovery) have to talk so for three windows; other UDP is believed at once,
 * from the first small message on, until a window says otherwise.
 *
 * Bulk: 2 MiB a second and more, by TCP or QUIC (UDP to the web's ports). Once is enough, and a window below
 * half of that ends it.
 *
 *   shooter, UDP, 64 out and 64 in a second of 80 and 500 bytes     live at once
 *   voice, muted: 50 in of 120 bytes, a report out every 2 s        live
 *   MMO over TCP, 10 and 10 a second of 60 bytes                    live after 0.8 s
 *   launcher's update, TCP, 40 MB a second                          bulk after 0.3 s
 *   the same by QUIC: 1350 in, small acknowledgements out           bulk
 *   film by QUIC, 0.6 MB a second                                   neither
 *   a look-up of a name                                             neither
 *
 * A thread that moves a part of it is told once a window.
 *
 * Limits: a window ends with a message. A slow download is no bulk; it takes no time to speak of either.
 * A game that is streamed from another machine is neither, its controller's channel is live.
 */
#ifndef GS_POLICY_FLOW_H
#define GS_POLICY_FLOW_H

#include "bpf/policy/base.h"

/* What a thread is told is good for nearly twice as long (classify.h). */
#define GS_FLOW_WINDOW_NS (1ULL << 28)
#define GS_FLOW_SILENCE_NS (5 * GS_SEC) /* reports of a voice channel come this often */
#define GS_FLOW_MEAN_MAX 1200           /* bytes; QUIC's least datagram, larger ones carry files and films */
#define GS_FLOW_LIVE_RATE_MAX (512ULL << 10)
#define GS_FLOW_BULK_RATE (2ULL << 20)
#define GS_FLOW_LIVE_MESSAGES 8 /* a second: slower than any game's server answers */
#define GS_FLOW_WINDOWS_SURE 3
#define GS_FLOW_WINDOWS_MAX 6

enum gs_flow_verdict {
  GS_FLOW_OTHER = 0,
  GS_FLOW_LIVE = 1,
  GS_FLOW_BULK = 2,
};

enum gs_flow_kind {
  GS_FLOW_TCP = 0,
  GS_FLOW_UDP = 1,         /* to a port of nobody's */
  GS_FLOW_UDP_SERVICE = 2, /* to a port of a known service */
  GS_FLOW_QUIC = 3,        /* UDP to the web's ports */
};

/* One direction. */
struct gs_flow_side {
  u64 bytes;    /* in this window */
  u64 heard_ns; /* the end of the last window with a message; 0: none yet */
  u32 messages; /* in this window */
  u32 told_tid; /* the thread that was last told, in this window */
};

/* One for each socket. */
struct gs_flow {
  u64 window_end_ns;           /* 0: no message yet */
  struct gs_flow_side side[2]; /* 0: sent, 1: received */
  u8 kind, verdict;
  u8 talked; /* windows in which it talked, less those in which it did not */
  u8 unused[5];
};

GS_POLICY bool gs_flow_port_of_web(u32 port) {
  return port == 443 || port == 80;
}

/* Below 1024 the administrator's; above, what finds names and printers. */
GS_POLICY bool gs_flow_port_of_service(u32 port) {
  return (port && port < 1024) || port == 1900 || port == 3702 || port == 5353 || port == 5355;
}

/* Ports in host order; 0: not known. */
GS_POLICY u32 gs_flow_kind_of(bool udp, u32 local_port, u32 remote_port) {
  if (!udp) return GS_FLOW_TCP;
  if (gs_flow_port_of_web(local_port) || gs_flow_port_of_web(remote_port)) return GS_FLOW_QUIC;
  if (gs_flow_port_of_service(local_port) || gs_flow_port_of_service(remote_port)) return GS_FLOW_UDP_SERVICE;
  return GS_FLOW_UDP;
}

GS_POLICY bool gs_flow_small(const struct gs_flow_side* side) {
  return side->bytes <= (u64)side->messages * GS_FLOW_MEAN_MAX;
}

GS_POLICY void gs_flow_judge(struct gs_flow* flow, u64 now_ns, u64 elapsed_ns) {
  /* Longer is a pause; and so the products fit into 64 bits. */
  bool paused = elapsed_ns > 4 * GS_FLOW_WINDOW_NS;
  u64 messages = (u64)flow->side[0].messages + flow->side[1].messages;
  u64 bytes = gs_min(flow->side[0].bytes + flow->side[1].bytes, 1ULL << 33);
  u64 bulk_rate = flow->verdict == GS_FLOW_BULK ? GS_FLOW_BULK_RATE / 2 : GS_FLOW_BULK_RATE;
  bool small = gs_flow_small(&flow->side[0]) && gs_flow_small(&flow->side[1]);
  bool both = flow->side[0].heard_ns && flow->side[1].heard_ns &&
              now_ns - flow->side[0].heard_ns < GS_FLOW_SILENCE_NS &&
              now_ns - flow->side[1].heard_ns < GS_FLOW_SILENCE_NS;
  u32 sure = flow->kind == GS_FLOW_UDP ? 1 : GS_FLOW_WINDOWS_SURE, verdict = GS_FLOW_OTHER;

  if (paused) {
    flow->talked = 0;
  } else if (both && small && messages * GS_SEC >= GS_FLOW_LIVE_MESSAGES * elapsed_ns &&
             bytes * GS_SEC <= GS_FLOW_LIVE_RATE_MAX * elapsed_ns) {
    if (flow->talked < GS_FLOW_WINDOWS_MAX) flow->talked++;
  } else {
    flow->talked = flow->talked > 2 && small ? flow->talked - 2 : 0;
  }
  if (flow->talked >= sure) verdict = GS_FLOW_LIVE;
  if (!paused && (flow->kind == GS_FLOW_TCP || flow->kind == GS_FLOW_QUIC) &&
      bytes * GS_SEC >= bulk_rate * elapsed_ns)
    verdict = GS_FLOW_BULK;
  flow->verdict = (u8)verdict;
}

GS_POLICY void gs_flow_side_ends(struct gs_flow_side* side, u64 window_end_ns) {
  if (side->messages) side->heard_ns = window_end_ns;
}

GS_POLICY void gs_flow_side_begins(struct gs_flow_side* side) {
  side->bytes = 0;
  side->messages = side->told_tid = 0;
}

/* A window is over, or the first begins, with a message of so many bytes. */
GS_POLICY void gs_flow_window(struct gs_flow* flow, u64 now_ns, u64 bytes) {
  if (!flow->window_end_ns) {
    if (flow->kind == GS_FLOW_UDP && bytes <= GS_FLOW_MEAN_MAX) flow->verdict = GS_FLOW_LIVE;
  } else {
    gs_flow_side_ends(&flow->side[0], flow->window_end_ns);
    gs_flow_side_ends(&flow->side[1], flow->window_end_ns);
    gs_flow_judge(flow, now_ns, now_ns - flow->window_end_ns + GS_FLOW_WINDOW_NS);
    gs_flow_side_begins(&flow->side[0]);
    gs_flow_side_begins(&flow->side[1]);
  }
  flow->window_end_ns = now_ns + GS_FLOW_WINDOW_NS;
}

GS_POLICY bool gs_flow_window_ends(const struct gs_flow* flow, u64 now_ns) {
  return now_ns >= flow->window_end_ns;
}

/* One more message of so many bytes, `received` or sent. */
GS_POLICY void gs_flow_counts(struct gs_flow* flow, bool received, u64 bytes) {
  struct gs_flow_side* side = &flow->side[received];

  side->bytes += bytes;
  side->messages++;
}

/* Whether the thread knows: it was the last to be told, in this window. */
GS_POLICY bool gs_flow_knows(const struct gs_flow* flow, bool received, u32 tid) {
  return flow->side[received].told_tid == tid;
}

/* For a thread that does not know. Whether there is anything to tell. */
GS_POLICY bool gs_flow_tells(struct gs_flow* flow, bool received, u32 tid) {
  flow->side[received].told_tid = tid;
  return flow->verdict != GS_FLOW_OTHER;
}

#endif
