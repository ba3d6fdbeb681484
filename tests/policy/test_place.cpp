// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "bpf/policy/place.h"
#include "tests/policy/defaults.h"
#include "tests/policy/random.h"

namespace gamesched::tests {
namespace {

constexpr u64 stay = 32 * GS_MSEC, interval = 100 * GS_MSEC;

gs_moves fresh() {
  return {.moved_ns = 0, .tokens_due_ns = 0, .cpu = GS_NO_CPU, .home = GS_NO_CPU, .unused = 0};
}

bool may(const gs_moves& moves, u64 now) {
  return gs_may_move(&moves, now, stay, interval);
}

TEST(MovesTable, EveryRow) {
  gs_moves moves = fresh();
  u64 now = GS_SEC;
  EXPECT_FALSE(gs_runs_on(&moves, 3, now, interval)) << "its first CPU";
  EXPECT_TRUE(may(moves, now));
  EXPECT_TRUE(gs_runs_on(&moves, 4, now, interval));
  EXPECT_FALSE(may(moves, now + 10 * GS_MSEC)) << "moved 10 ms ago";
  EXPECT_TRUE(may(moves, now + 40 * GS_MSEC)) << "once before";
  for (u32 cpu = 5; cpu < 8; ++cpu) gs_runs_on(&moves, cpu, now, interval);
  EXPECT_FALSE(may(moves, now + 40 * GS_MSEC)) << "four times: no token";
  EXPECT_TRUE(may(moves, now + 4 * interval));
}

TEST(Moves, ATokenIsSpentByMovingAlone) {
  gs_moves moves = fresh();
  gs_runs_on(&moves, 1, GS_SEC, interval);
  const gs_moves before = moves;
  for (u64 now = GS_SEC; now < 2 * GS_SEC; now += GS_MSEC) {
    EXPECT_TRUE(may(moves, now));
    EXPECT_FALSE(gs_runs_on(&moves, 1, now, interval));
  }
  EXPECT_EQ(moves.tokens_due_ns, before.tokens_due_ns);
  EXPECT_EQ(moves.moved_ns, 0U);
}

TEST(Moves, ThoseThatAreForcedDoNotPutItIntoDebt) {
  gs_moves moves = fresh();
  for (u32 cpu = 0; cpu < 1000; ++cpu) gs_runs_on(&moves, cpu % 8, GS_SEC + cpu, interval);
  EXPECT_FALSE(may(moves, GS_SEC + stay));
  EXPECT_TRUE(may(moves, GS_SEC + interval + 1000)) << "one token has come since";
}

// Of its own choice: no more than the saved ones and one an interval, and none within stay of another.
TEST(Moves, AreBoundedHoweverOftenItWakes) {
  Random random(__FILE__, __LINE__);
  for (int run = 0; run < 200; ++run) {
    gs_moves moves = fresh();
    u64 now = GS_SEC, last = 0, moved = 0, cpu = 0;
    const u64 begin = now;
    gs_runs_on(&moves, 0, now, interval);
    while (now - begin < 5 * GS_SEC) {
      now += random.between(GS_USEC, 20 * GS_MSEC);
      if (!may(moves, now) || random.chance(0.3)) continue;
      cpu = (cpu + 1) % 16;
      ASSERT_TRUE(gs_runs_on(&moves, static_cast<u32>(cpu), now, interval));
      if (last) {
        EXPECT_GE(now - last, stay);
      }
      last = now;
      moved++;
    }
    EXPECT_LE(moved, GS_MOVES_AT_ONCE + (now - begin) / interval + 1);
    EXPECT_GE(moved, (now - begin) / interval - 5) << "nor fewer than they may be";
  }
}

TEST(Moves, CanBeLeftFree) {
  gs_moves moves = fresh();
  for (u32 cpu = 0; cpu < 100; ++cpu) {
    EXPECT_TRUE(gs_may_move(&moves, GS_SEC, 0, 0));
    gs_runs_on(&moves, cpu, GS_SEC, 0);
  }
}

TEST(GameCpus, AreForTheGameAndWhoShowsIt) {
  for (u32 lane = 0; lane < GS_NR_LANES; ++lane) {
    EXPECT_EQ(gs_wants_game_cpu(lane, true), lane != GS_LANE_BACKGROUND) << lane;
    EXPECT_EQ(gs_wants_game_cpu(lane, false), lane == GS_LANE_COMPOSITOR) << lane;
  }
}

TEST(TakenLately, ByARealTimeThreadThatComesBack) {
  EXPECT_FALSE(gs_taken_lately(GS_SEC, 0)) << "never";
  EXPECT_TRUE(gs_taken_lately(GS_SEC, GS_SEC));
  EXPECT_TRUE(gs_taken_lately(GS_SEC + 8 * GS_MSEC, GS_SEC)) << "a 125 Hz mouse's thread";
  EXPECT_FALSE(gs_taken_lately(GS_SEC + GS_TAKEN_LATELY_NS, GS_SEC));
}

TEST(PlaceScore, OnlyAVictimHasOne) {
  for (u32 waking = 0; waking <= GS_LANE_GAME_NETWORK; ++waking)
    for (u32 running = 0; running <= 0xff; ++running)
      EXPECT_EQ(gs_place_score(waking, running, GS_LANE_NONE, true, true, true, 0) > 0,
                gs_victim_score(waking, running, 0) > 0)
          << waking << " from " << running;
}

// Each preference in its order, whatever those after it say.
TEST(PlaceScore, PrefersInTheWrittenOrder) {
  Random random(__FILE__, __LINE__);
  const auto any_victim = [&] { return static_cast<u32>(random.between(GS_LANE_GAME, GS_LANE_BACKGROUND)); };
  const auto sibling = [&](bool urgent) {
    if (urgent) return static_cast<u32>(random.between(0, GS_LANE_GAME_NETWORK));
    return static_cast<u32>(random.chance(0.3) ? GS_LANE_NONE
                                               : random.between(GS_LANE_GAME, GS_LANE_BACKGROUND));
  };
  for (int i = 0; i < 10000; ++i) {
    const auto score = [&](bool best, bool quiet, bool lonely, bool ran_here) {
      return gs_place_score(GS_LANE_FRAME, any_victim(), sibling(!lonely), best, !quiet, ran_here,
                            random.any());
    };
    const auto any = [&] { return random.chance(.5); };
    EXPECT_GT(score(true, any(), any(), any()), score(false, any(), any(), any()));
    const bool best = any();
    EXPECT_GT(score(best, true, any(), any()), score(best, false, any(), any()));
    const bool quiet = any();
    EXPECT_GT(score(best, quiet, true, any()), score(best, quiet, false, any()));
    const bool lonely = any();
    EXPECT_GT(score(best, quiet, lonely, true), score(best, quiet, lonely, false));
  }
}

}  // namespace
}  // namespace gamesched::tests
