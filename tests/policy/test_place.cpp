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

// A real-time thread that comes to a CPU, or another one.
class Taker {
 public:
  static constexpr u32 its_tid = 1000;

  Taker(u64 turn_ns, u64 period_ns) : turn_ns_(turn_ns), period_ns_(period_ns) {
    gs_takes(&taker, its_tid, had_ns_, turn_ns, now_);
    for (int i = 0; i < 20; ++i) comes();
  }

  u64 now() const { return now_; }

  bool comes(bool another_between = false) {
    if (another_between) gs_takes(&taker, its_tid + 1, GS_SEC, GS_SEC, now_ + period_ns_ / 2);
    now_ += period_ns_;
    had_ns_ += turn_ns_;
    gs_takes(&taker, its_tid, had_ns_, turn_ns_, now_);
    return followed_by(0);
  }

  bool followed_by(u64 burst_ns, u64 later_ns = 0) const {
    return gs_follows_taker(&taker, burst_ns, now_ + later_ns);
  }

  gs_taker taker{};

 private:
  u64 turn_ns_;
  u64 period_ns_;
  u64 now_ = GS_SEC;
  u64 had_ns_ = 0;
};

TEST(FollowsTaker, WhenBothAreGoneBeforeItComesAgain) {
  constexpr u64 turn = 20 * GS_USEC;
  const Taker mouse(turn, GS_MSEC);
  EXPECT_TRUE(mouse.followed_by(300 * GS_USEC));
  EXPECT_TRUE(mouse.followed_by(GS_MSEC * 3 / 4 - turn));
  EXPECT_FALSE(mouse.followed_by(GS_MSEC * 3 / 4 - turn + 1));
}

TEST(FollowsTaker, NobodyWhoKeepsTheCpu) {
  constexpr u64 period = GS_FOLLOWED_PERIOD_NS;
  EXPECT_TRUE(Taker(20 * GS_USEC, period).followed_by(GS_BRIEF_NS));
  EXPECT_FALSE(Taker(20 * GS_USEC, period).followed_by(GS_BRIEF_NS + 1)) << "who was pre-empted waits";
  EXPECT_TRUE(Taker(GS_BRIEF_NS, period).followed_by(0));
  EXPECT_FALSE(Taker(GS_BRIEF_NS + 4, period).followed_by(0));
}

TEST(FollowsTaker, OnlyWhereEventsComeInHundredsASecond) {
  EXPECT_TRUE(Taker(20 * GS_USEC, GS_FOLLOWED_PERIOD_NS).followed_by(0));
  EXPECT_FALSE(Taker(20 * GS_USEC, GS_FOLLOWED_PERIOD_NS + 1).followed_by(0));
  EXPECT_FALSE(Taker(20 * GS_USEC, 8 * GS_MSEC).followed_by(0)) << "a 125 Hz mouse's thread";
}

TEST(FollowsTaker, NobodyWhoHasBegunToKeepIt) {
  constexpr u64 period = 3 * GS_MSEC, nearly_all = period - 100 * GS_USEC;
  Taker taker(20 * GS_USEC, period);
  for (u64 turn = 1; turn <= 2; ++turn)
    gs_takes(&taker.taker, Taker::its_tid, taker.taker.had_ns + nearly_all, 20 * GS_USEC,
             taker.now() + turn * period);
  EXPECT_FALSE(taker.followed_by(0)) << "twice it computed until it came again";
}

TEST(FollowsTaker, NotWhereOthersComeToo) {
  Taker mouse(20 * GS_USEC, GS_MSEC);
  EXPECT_FALSE(mouse.comes(true)) << "nobody knows when it comes again";
  EXPECT_TRUE(mouse.comes()) << "another one came once";
  for (int i = 0; i < 20; ++i) {
    mouse.comes(true);
    EXPECT_FALSE(mouse.comes());
  }
  for (u64 until = mouse.now() + GS_TAKEN_LATELY_NS - 2 * GS_MSEC; mouse.now() < until;)
    EXPECT_FALSE(mouse.comes());
  mouse.comes();
  EXPECT_TRUE(mouse.comes()) << "it has gone elsewhere";
}

TEST(FollowsTaker, NotForLongAfterTwoHadToWait) {
  constexpr u64 in_time = GS_FOLLOW_NS, late = in_time + 1;
  Taker mouse(20 * GS_USEC, GS_MSEC);
  for (const u64 wait_ns : {in_time, late, in_time, late})
    gs_has_followed(&mouse.taker, wait_ns, mouse.now());
  EXPECT_TRUE(mouse.followed_by(0));
  gs_has_followed(&mouse.taker, late, mouse.now());
  EXPECT_FALSE(mouse.followed_by(0));
  EXPECT_FALSE(mouse.followed_by(0, GS_NO_FOLLOWER_NS - 1));
  EXPECT_TRUE(mouse.followed_by(0, GS_NO_FOLLOWER_NS));
}

TEST(PlaceScore, OnlyAVictimHasOne) {
  for (u32 waking = 0; waking <= GS_LANE_GAME_NETWORK; ++waking)
    for (u32 running = 0; running <= 0xff; ++running)
      EXPECT_EQ(gs_place_score(waking, running, false, GS_LANE_NONE, true, true, true, 0) > 0,
                gs_victim_score(waking, running, 0) > 0)
          << waking << " from " << running;
}

// Each preference in its order, whatever those after it say.
TEST(PlaceScore, PrefersInTheWrittenOrder) {
  Random random(__FILE__, __LINE__);
  const auto victim = [&](bool urgent) {
    return static_cast<u32>(urgent ? random.between(GS_LANE_COMPOSITOR, GS_LANE_GAME_NETWORK)
                                   : random.between(GS_LANE_GAME, GS_LANE_BACKGROUND));
  };
  const auto sibling = [&](bool urgent) {
    if (urgent) return static_cast<u32>(random.between(0, GS_LANE_GAME_NETWORK));
    return static_cast<u32>(random.chance(0.3) ? GS_LANE_NONE
                                               : random.between(GS_LANE_GAME, GS_LANE_BACKGROUND));
  };
  for (int i = 0; i < 10000; ++i) {
    const auto scored = [&](bool free, bool claimed, bool best, bool quiet, bool lonely, bool ran_here) {
      return gs_place_score(GS_LANE_FRAME, victim(!free), claimed, sibling(!lonely), best, !quiet, ran_here,
                            random.any());
    };
    const auto any = [&] { return random.chance(.5); };
    EXPECT_GT(scored(true, false, any(), any(), any(), any()),
              scored(false, any(), any(), any(), any(), any()));
    EXPECT_GT(scored(false, false, any(), any(), any(), any()),
              scored(false, true, any(), any(), any(), any()));
    const auto score = [&](bool free, bool best, bool quiet, bool lonely, bool ran_here) {
      return scored(free, false, best, quiet, lonely, ran_here);
    };
    const bool free = any();
    EXPECT_GT(score(free, true, any(), any(), any()), score(free, false, any(), any(), any()));
    const bool best = any();
    EXPECT_GT(score(free, best, true, any(), any()), score(free, best, false, any(), any()));
    const bool quiet = any();
    EXPECT_GT(score(free, best, quiet, true, any()), score(free, best, quiet, false, any()));
    const bool lonely = any();
    EXPECT_GT(score(free, best, quiet, lonely, true), score(free, best, quiet, lonely, false));
  }
}

// A CPU against which nothing speaks: `running` has computed there since just now.
u64 place(u32 running, bool claimed = false, u32 sibling = GS_LANE_NONE, bool best = true, bool taken = false,
          bool ran_here = false) {
  return gs_place_score(GS_LANE_FRAME, running, claimed, sibling, best, taken, ran_here, 0);
}

TEST(PlaceScore, IsGoodOnlyWhereNothingSpeaksAgainstIt) {
  EXPECT_TRUE(gs_place_is_good(place(GS_LANE_NORMAL)));
  EXPECT_TRUE(gs_place_is_good(place(GS_LANE_BACKGROUND)));
  EXPECT_FALSE(gs_place_is_good(place(GS_LANE_INTERACTIVE))) << "one that computes may be found";
  EXPECT_TRUE(gs_place_is_good(place(GS_LANE_INTERACTIVE, false, GS_LANE_NONE, true, false, true)))
      << "it ran here";
  EXPECT_FALSE(gs_place_is_good(place(GS_LANE_COMPOSITOR)));
  EXPECT_FALSE(gs_place_is_good(place(GS_LANE_NORMAL, true)));
  EXPECT_FALSE(gs_place_is_good(place(GS_LANE_NORMAL, false, GS_LANE_AUDIO)));
  EXPECT_FALSE(gs_place_is_good(place(GS_LANE_NORMAL, false, GS_LANE_NONE, false)));
  EXPECT_FALSE(gs_place_is_good(place(GS_LANE_NORMAL, false, GS_LANE_NONE, true, true)));
  EXPECT_FALSE(gs_place_is_good(0));
}

TEST(PlaceScore, IsFairWhereNobodyUrgentIsAndItSuits) {
  EXPECT_TRUE(gs_place_is_fair(place(GS_LANE_INTERACTIVE, false, GS_LANE_AUDIO, true, true)));
  EXPECT_FALSE(gs_place_is_fair(place(GS_LANE_COMPOSITOR)));
  EXPECT_FALSE(gs_place_is_fair(place(GS_LANE_NORMAL, false, GS_LANE_NONE, false)));
  EXPECT_FALSE(gs_place_is_fair(0));
}

}  // namespace
}  // namespace gamesched::tests
