// SPDX-License-Identifier: GPL-2.0-or-later
//
// A game's threads as bpf/sched/path.bpf.c sees them: who wakes whom, who goes to sleep. It does with path.h
// what path_thread_wakes() and path_thread_sleeps() do, for one game, in a clock that tests set.
#pragma once

#include <algorithm>

#include "bpf/policy/classify.h"
#include "bpf/policy/path.h"

namespace gamesched::tests {

struct GameThread {
  explicit GameThread(u32 number) : tid(number) { waiter.tid = number; }

  bool on_frame_path(u64 now) const { return gs_before(now, frame_until_ns); }
  bool is(u32 bit) const { return (evidence_ever & bit) != 0; }

  u32 tid;
  bool frame_lane = false;  // decided at its last wake-up
  u64 frame_until_ns = 0;
  u32 hop = 0, evidence_ever = 0;
  u8 recalls = 0;
  const GameThread* peer_of = nullptr;  // woken by this frame thread ..
  u32 peer_wait = 0;                    // .. for this wait of it
  const GameThread* done_for = nullptr;
  u32 done_wait = 0;
  gs_waiter waiter{};
};

class PathGame {
 public:
  static constexpr u64 frame_ns = 16'666'667;
  static constexpr u64 keep_ns = GS_PATH_KEEP_FRAMES * frame_ns;

  u64 now = GS_SEC;

  // The start of each frame: found by pattern.h or window.h.
  void timer_wakes_first(GameThread& thread) {
    join(thread, 0, GS_EVIDENCE_PERIODIC);
    woken(thread, nullptr);
  }
  void timer_wakes(GameThread& thread) { woken(thread, nullptr); }
  void wakes(GameThread& waker, GameThread& thread) { woken(thread, &waker); }

  void sleeps(GameThread& thread) {
    if (thread.peer_of != nullptr) {
      if (gs_path_done_in_time(&thread.peer_of->waiter, thread.peer_of->tid, thread.peer_wait)) {
        thread.done_for = thread.peer_of;
        thread.done_wait = thread.peer_wait;
      } else {
        gs_path_was_late(&thread.recalls);
      }
    }
    thread.peer_of = nullptr;
    if (!thread.frame_lane) return;
    thread.waiter.hop = thread.hop;
    gs_path_wait_begins(&thread.waiter);
  }

 private:
  void join(GameThread& thread, u32 hop, u32 evidence, u64 for_ns = keep_ns) {
    thread.hop = thread.on_frame_path(now) && thread.hop < hop ? thread.hop : hop;
    thread.frame_until_ns = std::max(thread.frame_until_ns, now + for_ns);
    thread.evidence_ever |= evidence;
  }

  void prove(GameThread& thread, u32 hop, u32 evidence) {
    join(thread, hop, evidence);
    thread.recalls = GS_PATH_RECALLS;
  }

  void woken(GameThread& thread, GameThread* waker) {
    if (thread.done_for != nullptr) {
      const gs_waiter& waited = thread.done_for->waiter;
      if (gs_path_was_waited_for(&waited, thread.done_for->tid, thread.done_wait))
        prove(thread, waited.hop + 1, GS_EVIDENCE_PEER);
      thread.done_for = nullptr;
    }
    thread.peer_of = nullptr;
    if (waker != nullptr) {
      if (thread.frame_lane && thread.hop < GS_PATH_HOPS_MAX) {
        prove(*waker, thread.hop + 1, GS_EVIDENCE_WAKER);
        if (waker->peer_of == &thread) waker->peer_of = nullptr;
      }
      if ((waker->frame_lane || waker->on_frame_path(now)) && waker->hop < GS_PATH_HOPS_MAX) {
        thread.peer_of = waker;
        thread.peer_wait = gs_path_next_wait(&waker->waiter);
        if (!thread.on_frame_path(now) && gs_path_recalled(&thread.recalls))
          join(thread, waker->hop + 1, GS_EVIDENCE_PEER, GS_PATH_RECALL_FRAMES * frame_ns);
      }
    }
    if (thread.waiter.waiting != 0) gs_path_wait_ends(&thread.waiter, waker != nullptr);
    thread.frame_lane = thread.on_frame_path(now);
  }
};

}  // namespace gamesched::tests
