// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "bpf/policy/balance.h"
#include "tests/policy/random.h"

namespace gamesched::tests {
namespace {

// An LLC whose every thread has weight 100 and always has work: its clock goes at CPUs / threads.
struct Llc {
  double cpus, hogs;
  u64 now_v = 0;
  double thread_time = 0;  // what one of its threads has had
  gs_pace pace = {};

  double rate() const { return hogs <= cpus ? 1 : cpus / hogs; }
  void run(u64 ns) {
    now_v += static_cast<u64>(rate() * static_cast<double>(ns));
    thread_time += rate() * static_cast<double>(ns);
  }
};

bool takes(double own_hogs, double other_hogs) {
  Llc own{.cpus = 2, .hogs = own_hogs}, other{.cpus = 2, .hogs = other_hogs};
  for (Llc* llc : {&own, &other}) {
    gs_pace_begin(&llc->pace, llc->now_v, 0);
    llc->run(GS_BALANCE_NS);
    gs_pace_measure(&llc->pace, llc->now_v, GS_BALANCE_NS);
  }
  return gs_pace_takes_from(&own.pace, &other.pace, GS_BALANCE_NS);
}

TEST(BalanceTable, EveryRow) {
  EXPECT_TRUE(takes(4, 8));
  EXPECT_FALSE(takes(8, 4)) << "from those who have less to those who have more, never back";
  EXPECT_FALSE(takes(6, 6));
  EXPECT_TRUE(takes(4, 5));
  EXPECT_FALSE(takes(16, 17));
}

TEST(Balance, IsDueOnceAnInterval) {
  gs_pace pace;
  for (const u64 now : {u64{0}, u64{GS_SEC}, u64{UINT64_MAX - 5}}) {
    gs_pace_begin(&pace, 0, now);
    EXPECT_FALSE(gs_pace_due(&pace, now + GS_BALANCE_NS - 1));
    EXPECT_TRUE(gs_pace_due(&pace, now + GS_BALANCE_NS));
  }
}

TEST(Balance, NobodyTakesFromWhereNothingWasMeasuredLately) {
  const gs_pace own{.since_ns = GS_SEC, .since_v = 0, .pace = 1024};
  const gs_pace unknown{.since_ns = GS_SEC, .since_v = 0, .pace = 0};
  const gs_pace slow{.since_ns = GS_SEC, .since_v = 0, .pace = 100};
  EXPECT_FALSE(gs_pace_takes_from(&own, &unknown, GS_SEC));
  EXPECT_TRUE(gs_pace_takes_from(&own, &slow, GS_SEC));
  EXPECT_FALSE(gs_pace_takes_from(&own, &slow, GS_SEC + 2 * GS_BALANCE_NS)) << "that one is idle";
}

// Whatever the start, threads of two LLCs have had nearly the same after some seconds.
TEST(Balance, EvensOutAndStaysEven) {
  Random random(__FILE__, __LINE__);
  for (int run = 0; run < 200; ++run) {
    std::vector<Llc> llcs;
    const u64 count = random.between(2, 4);
    for (u64 i = 0; i < count; ++i) {
      const auto cpus = static_cast<double>(random.between(1, 8));
      llcs.push_back({.cpus = cpus, .hogs = cpus + static_cast<double>(random.between(1, 40))});
    }
    u64 moves = 0;
    const u64 steps = 400;
    std::vector<double> half(count);
    for (u64 step = 1; step <= steps; ++step) {
      for (Llc& llc : llcs) llc.run(GS_BALANCE_NS);
      for (Llc& llc : llcs) {
        gs_pace_measure(&llc.pace, llc.now_v, step * GS_BALANCE_NS);
        for (Llc& other : llcs) {
          if (&other == &llc || other.hogs <= other.cpus) continue;
          if (!gs_pace_takes_from(&llc.pace, &other.pace, step * GS_BALANCE_NS)) continue;
          llc.hogs++;
          other.hogs--;
          moves++;
          break;
        }
      }
      if (step == steps / 2)
        for (u64 i = 0; i < count; ++i) half[i] = llcs[i].thread_time;
    }
    EXPECT_LE(moves, steps * count);
    std::vector<double> later;
    for (u64 i = 0; i < count; ++i) later.push_back(llcs[i].thread_time - half[i]);
    // One thread more here and one fewer there is all that small LLCs can differ by.
    double step_of_one = 1;
    for (const Llc& llc : llcs) step_of_one = std::max(step_of_one, (llc.hogs + 1) / llc.hogs);
    EXPECT_LE(*std::ranges::max_element(later) / *std::ranges::min_element(later),
              1.13 * step_of_one * step_of_one);
  }
}

}  // namespace
}  // namespace gamesched::tests
