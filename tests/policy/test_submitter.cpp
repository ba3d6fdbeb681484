// SPDX-License-Identifier: GPL-2.0-or-later
#include "bpf/policy/submitter.h"

#include <gtest/gtest.h>

#include "bpf/policy/frame.h"

namespace gamesched::tests {
namespace {

constexpr u64 tick_ns = 4 * GS_MSEC;
constexpr u64 card = 0xffff888100000000;
constexpr u32 submit = 0x40106469;

// One CPU, and what gpu.bpf.c does of each submit.
struct Cpu {
  gs_submitter last{};
  int looked_at = 0;
};

struct Thread {
  u32 tid = 7;
  gs_frames frames{};
  u64 submit_ns = 0;
  u32 sleeps = 0;
  int begun = 0;
};

void submits(Cpu& cpu, Thread& thread, u64 now, u64 file = card, u32 command = submit) {
  const u64 tick = now / tick_ns;
  if (gs_submitter_goes_on(&cpu.last, tick, file, command, thread.tid, thread.sleeps)) return;
  cpu.looked_at++;
  const bool begins = gs_frame_submit(&thread.frames, thread.submit_ns, now);
  thread.submit_ns = now;
  thread.begun += begins;
  gs_submitter_seen(&cpu.last, tick, file, command, thread.tid, thread.sleeps, begins);
}

// `each` submits at the begin of each frame, 100 us apart.
void draw(Cpu& cpu, Thread& thread, u64& now, double hz, int frames, int each, bool sleeps) {
  for (int frame = 0; frame < frames; ++frame) {
    thread.sleeps += sleeps;
    for (int i = 0; i < each; ++i) submits(cpu, thread, now + static_cast<u64>(i) * 100 * GS_USEC);
    now += static_cast<u64>(1e9 / hz);
  }
}

TEST(Submitter, OfAThreadThatWaitsForItsFramesTheFirstSubmitIsLookedAt) {
  for (const double hz : {60.0, 144.0, 240.0, 500.0}) {
    Cpu cpu;
    Thread thread;
    u64 now = 100 * GS_SEC;
    draw(cpu, thread, now, hz, 200, 8, true);
    EXPECT_EQ(thread.begun, 200) << hz;
    // And some until it is known to sleep.
    EXPECT_LE(cpu.looked_at, 200 + 60) << hz;
    EXPECT_NEAR(static_cast<double>(gs_frame_period(&thread.frames)), 1e9 / hz, 1e9 / hz / 50) << hz;
  }
}

TEST(Submitter, OfAThreadThatNeverSleepsNoFrameIsMissed) {
  for (const double hz : {60.0, 144.0, 240.0, 500.0}) {
    Cpu cpu;
    Thread thread;
    u64 now = 100 * GS_SEC;
    draw(cpu, thread, now, hz, 200, 8, false);
    EXPECT_GE(thread.begun, 195) << hz;
    EXPECT_NEAR(static_cast<double>(gs_frame_period(&thread.frames)), 1e9 / hz, 1e9 / hz / 50) << hz;
  }
}

TEST(Submitter, AThreadThatStopsSleepingIsNoticed) {
  Cpu cpu;
  Thread thread;
  u64 now = 100 * GS_SEC;
  draw(cpu, thread, now, 500, 100, 4, true);
  draw(cpu, thread, now, 500, 100, 4, false);
  EXPECT_GE(thread.begun, 195);
  draw(cpu, thread, now, 500, 100, 4, true);
  const int before = cpu.looked_at;
  draw(cpu, thread, now, 500, 100, 4, true);
  EXPECT_LE(cpu.looked_at - before, 160) << "and that it sleeps again";
}

TEST(Submitter, WhatIsAnotherThreadsFilesOrCommandsIsLookedAt) {
  Cpu cpu;
  Thread one, other{.tid = 8};
  const u64 now = 100 * GS_SEC;
  one.sleeps = other.sleeps = 1;
  submits(cpu, one, now);
  submits(cpu, one, now);
  EXPECT_EQ(cpu.looked_at, 1);
  submits(cpu, other, now);
  EXPECT_EQ(cpu.looked_at, 2);
  submits(cpu, one, now);
  EXPECT_EQ(cpu.looked_at, 3);
  submits(cpu, one, now, card + 1);
  EXPECT_EQ(cpu.looked_at, 4);
  submits(cpu, one, now, card + 1, submit + 1);
  EXPECT_EQ(cpu.looked_at, 5);
  submits(cpu, one, now + tick_ns, card + 1, submit + 1);
  EXPECT_EQ(cpu.looked_at, 5) << "the next tick";
  submits(cpu, one, now + 2 * tick_ns, card + 1, submit + 1);
  EXPECT_EQ(cpu.looked_at, 6) << "the one after it";
}

}  // namespace
}  // namespace gamesched::tests
