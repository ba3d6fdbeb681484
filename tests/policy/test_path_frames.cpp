// SPDX-License-Identifier: GPL-2.0-or-later
//
// The frame's path in small games with a job system.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/policy/path_game.h"
#include "tests/policy/random.h"

namespace gamesched::tests {
namespace {

constexpr u64 ms = GS_MSEC;

// Rows of the header's table: F renders, wakes A, B and the streaming thread S, waits for A and B; then wakes
// the logger L and sleeps until its next frame's timer.
class Frames : public testing::Test {
 protected:
  // A is done after a_ms, B after b_ms; who is last wakes F.
  void frame(u64 a_ms, u64 b_ms) {
    const u64 start = game.now;
    game.timer_wakes_first(f);
    game.now += ms / 2;
    game.wakes(f, a);
    game.wakes(f, b);
    if (!streaming) {
      game.wakes(f, s);
      streaming = true;
      streams_until = game.now + 30 * ms;
    }
    game.sleeps(f);
    GameThread& first = a_ms < b_ms ? a : b;
    GameThread& last = a_ms < b_ms ? b : a;
    game.now += std::min(a_ms, b_ms) * ms;
    game.sleeps(first);
    game.now = start + ms / 2 + std::max(a_ms, b_ms) * ms;
    game.wakes(last, f);
    game.sleeps(last);
    game.now += ms;
    game.wakes(f, l);
    game.sleeps(f);
    game.now += ms / 5;
    game.sleeps(l);
    game.now = start + PathGame::frame_ns - ms;
    if (streaming && game.now >= streams_until) {
      game.sleeps(s);
      streaming = false;
    }
    game.now = start + PathGame::frame_ns;
  }

  PathGame game;
  GameThread f{1}, a{2}, b{3}, s{4}, l{5};
  bool streaming = false;
  u64 streams_until = 0;
};

TEST_F(Frames, WhoEndsTheWaitIsAWakerWhoDidAPartOfItAPeer) {
  for (int i = 0; i < 10; ++i) frame(3, 6);
  EXPECT_TRUE(b.is(GS_EVIDENCE_WAKER));
  EXPECT_FALSE(a.is(GS_EVIDENCE_WAKER));
  EXPECT_TRUE(a.is(GS_EVIDENCE_PEER));
  EXPECT_TRUE(a.on_frame_path(game.now));
  EXPECT_TRUE(b.on_frame_path(game.now));
  EXPECT_EQ(a.hop, 1U);
  EXPECT_EQ(b.hop, 1U);
}

TEST_F(Frames, AStreamingThreadAndALoggerStayOrdinary) {
  for (int i = 0; i < 100; ++i) {
    frame(3, 6);
    EXPECT_FALSE(s.on_frame_path(game.now)) << "frame " << i;
    EXPECT_FALSE(l.on_frame_path(game.now)) << "frame " << i;
  }
  EXPECT_EQ(s.evidence_ever, 0U);
  EXPECT_EQ(l.evidence_ever, 0U);
}

TEST_F(Frames, APeerIsKnownOneFrameLate) {
  frame(3, 6);
  EXPECT_FALSE(a.is(GS_EVIDENCE_PEER));
  frame(3, 6);
  EXPECT_TRUE(a.is(GS_EVIDENCE_PEER));
}

TEST_F(Frames, WhoeverIsLastThePathStays) {
  Random random(__FILE__, __LINE__);
  frame(3, 6);
  frame(6, 3);
  for (int i = 0; i < 500; ++i) {
    const u64 a_ms = random.between(1, 5);
    frame(a_ms, random.chance(0.5) ? a_ms + 3 : (a_ms > 1 ? a_ms - 1 : 6));
    EXPECT_TRUE(a.on_frame_path(game.now)) << "frame " << i;
    EXPECT_TRUE(b.on_frame_path(game.now)) << "frame " << i;
    EXPECT_FALSE(s.on_frame_path(game.now)) << "frame " << i;
    EXPECT_FALSE(l.on_frame_path(game.now)) << "frame " << i;
  }
  EXPECT_TRUE(a.is(GS_EVIDENCE_WAKER) && a.is(GS_EVIDENCE_PEER));
  EXPECT_TRUE(b.is(GS_EVIDENCE_WAKER) && b.is(GS_EVIDENCE_PEER));
}

TEST_F(Frames, ThePathIsKeptForEightFramesAndNoLonger) {
  for (int i = 0; i < 10; ++i) frame(3, 6);
  game.now += 6 * PathGame::frame_ns;
  EXPECT_TRUE(b.on_frame_path(game.now));
  game.now += 2 * PathGame::frame_ns;
  EXPECT_FALSE(a.on_frame_path(game.now));
  EXPECT_FALSE(b.on_frame_path(game.now));
}

// Woken like a part of the job, but F goes on without it: it sleeps while F runs already.
TEST(JobSystem, LeavesOutWhoIsDoneAfterTheWait) {
  PathGame game;
  GameThread f(1), part(2), late(3);
  for (int frame = 0; frame < 20; ++frame) {
    const u64 start = game.now;
    game.timer_wakes_first(f);
    game.wakes(f, part);
    game.wakes(f, late);
    game.sleeps(f);
    game.now += 2 * ms;
    game.wakes(part, f);
    game.sleeps(part);
    game.now += ms;
    game.sleeps(late);
    game.now += ms;
    game.sleeps(f);
    game.now = start + PathGame::frame_ns;
  }
  EXPECT_TRUE(part.on_frame_path(game.now));
  EXPECT_EQ(late.evidence_ever, 0U);
}

// What a thread of a pool does in a frame of which it gets no part: F finds all done when it comes to wait.
void frame_without_a_wait(PathGame& game, GameThread& f, GameThread& helper, u64 helper_takes) {
  const u64 start = game.now;
  game.timer_wakes_first(f);
  game.wakes(f, helper);
  game.now += ms;
  game.sleeps(f);
  game.now = std::max(game.now, start + helper_takes);
  if (helper_takes < PathGame::frame_ns) game.sleeps(helper);
  game.now = start + PathGame::frame_ns;
}

class Recalled : public testing::Test {
 protected:
  void prove() {
    game.timer_wakes_first(f);
    game.wakes(f, helper);
    game.sleeps(f);
    game.now += ms;
    game.wakes(helper, f);
    game.sleeps(helper);
    game.sleeps(f);
    game.now += PathGame::frame_ns - ms;
  }
  void idle_frames(int frames) {
    for (int i = 0; i < frames; ++i) {
      game.timer_wakes_first(f);
      game.sleeps(f);
      game.now += PathGame::frame_ns;
    }
  }
  bool taken_for_it() {
    game.timer_wakes_first(f);
    game.wakes(f, helper);
    return helper.frame_lane;
  }

  PathGame game;
  GameThread f{1}, helper{2};
};

TEST_F(Recalled, AfterALongTimeWithoutAJob) {
  prove();
  idle_frames(500);
  EXPECT_FALSE(helper.on_frame_path(game.now));
  EXPECT_TRUE(taken_for_it());
}

TEST_F(Recalled, NobodyWhoWasNeverWaitedFor) {
  for (int i = 0; i < 100; ++i) {
    frame_without_a_wait(game, f, helper, ms / 2);
    EXPECT_FALSE(helper.frame_lane);
  }
}

TEST_F(Recalled, WhileSomeWaitsAreForIt) {
  prove();
  for (int i = 0; i < 500; ++i) {
    if (i % 30 == 29) prove();
    frame_without_a_wait(game, f, helper, ms / 2);
    EXPECT_TRUE(helper.frame_lane) << "frame " << i;
  }
}

// As a logger that once happened to be done while F waited for others.
TEST_F(Recalled, NotForEverWithoutAProof) {
  prove();
  int frames = 0;
  for (; taken_for_it() && frames < 1000; ++frames) frame_without_a_wait(game, f, helper, ms / 2);
  EXPECT_GT(frames, 8);
  EXPECT_LT(frames, GS_PATH_KEEP_FRAMES + GS_PATH_RECALLS + 2);
}

// Streaming that was done in time once.
TEST_F(Recalled, HardlyEverWhenItIsLate) {
  prove();
  for (int i = 0; i < GS_PATH_KEEP_FRAMES + 1; ++i)
    frame_without_a_wait(game, f, helper, PathGame::frame_ns - ms);
  int frames = 0;
  for (; taken_for_it() && frames < 1000; ++frames) {
    game.sleeps(f);
    game.now += PathGame::frame_ns;
    game.timer_wakes_first(f);
    game.now += ms;
    game.sleeps(helper);
    game.sleeps(f);
    game.now += PathGame::frame_ns;
  }
  EXPECT_LT(frames, 8);
}

// A pool of threads that ends in any order: all of it is on the path within a few frames.
TEST(JobSystem, FindsItsWholePool) {
  Random random(__FILE__, __LINE__);
  for (const u32 size : {1U, 3U, 7U, 15U}) {
    PathGame game;
    GameThread f(1);
    std::vector<GameThread> pool;
    for (u32 i = 0; i < size; ++i) pool.emplace_back(2 + i);
    for (int frame = 0; frame < 50; ++frame) {
      const u64 start = game.now;
      game.timer_wakes_first(f);
      for (GameThread& thread : pool) game.wakes(f, thread);
      game.sleeps(f);
      std::vector<GameThread*> order;
      for (GameThread& thread : pool) order.push_back(&thread);
      std::ranges::shuffle(order, random.engine());
      for (GameThread* thread : order) {
        game.now += random.between(10 * GS_USEC, ms / 2);
        if (thread == order.back()) game.wakes(*thread, f);
        game.sleeps(*thread);
      }
      game.sleeps(f);
      game.now = start + PathGame::frame_ns;
      if (frame == 0) continue;
      for (const GameThread& thread : pool) {
        EXPECT_TRUE(thread.on_frame_path(game.now))
            << "thread " << thread.tid << " of " << size << ", frame " << frame;
        EXPECT_EQ(thread.hop, 1U);
      }
    }
  }
}

// The first waits for the second, which waits for the third and so on: the path is four hops long.
TEST(Chain, IsInheritedOverFourHops) {
  PathGame game;
  std::vector<GameThread> chain;
  for (u32 i = 0; i <= 7; ++i) chain.emplace_back(1 + i);
  for (int frame = 0; frame < 20; ++frame) {
    const u64 start = game.now;
    game.timer_wakes_first(chain[0]);
    for (size_t i = 1; i < chain.size(); ++i) {
      game.wakes(chain[i - 1], chain[i]);
      game.sleeps(chain[i - 1]);
      game.now += ms / 4;
    }
    for (size_t i = chain.size() - 1; i > 0; --i) {
      game.wakes(chain[i], chain[i - 1]);
      game.sleeps(chain[i]);
      game.now += ms / 4;
    }
    game.sleeps(chain[0]);
    game.now = start + PathGame::frame_ns;
  }
  for (size_t i = 0; i < chain.size(); ++i) {
    EXPECT_EQ(chain[i].on_frame_path(game.now), i <= 4) << "hop " << i;
    if (i <= 4) {
      EXPECT_EQ(chain[i].hop, i);
    }
  }
}

// A thread that is only woken by another ordinary one never comes near.
TEST(OrdinaryThreads, MakeNoPath) {
  PathGame game;
  GameThread audio_decoder(1), file_reader(2);
  for (int i = 0; i < 100; ++i) {
    game.timer_wakes(audio_decoder);
    game.wakes(audio_decoder, file_reader);
    game.sleeps(audio_decoder);
    game.now += ms;
    game.wakes(file_reader, audio_decoder);
    game.sleeps(file_reader);
    game.sleeps(audio_decoder);
    game.now += 9 * ms;
  }
  EXPECT_EQ(audio_decoder.evidence_ever, 0U);
  EXPECT_EQ(file_reader.evidence_ever, 0U);
}

}  // namespace
}  // namespace gamesched::tests
