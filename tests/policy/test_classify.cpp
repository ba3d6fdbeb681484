// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <functional>

#include "bpf/policy/classify.h"
#include "tests/policy/random.h"

namespace gamesched::tests {
namespace {

constexpr u64 never = ~0ULL;

gs_facts nobody() {
  return {.ages = {never, never, never, never, never, never, never, never, never, never},
          .burst_avg_ns = 200 * GS_USEC,
          .frame_period_ns = 16'666'667,
          .burst_floor_ns = 8 * GS_MSEC,
          .interactive_burst_ns = GS_MSEC,
          .sched_idle = false,
          .game = false,
          .played = false,
          .window = false,
          .audio_server = false,
          .audio_owes = false,
          .helps_launch = false,
          .input_woke = false,
          .periodic = false,
          .named_frame = false,
          .named_compositor = false,
          .named_audio = false,
          .named_network = false};
}

gs_facts of_game() {
  gs_facts facts = nobody();
  facts.game = facts.played = true;
  return facts;
}

// As the scheduler does: what starts a path puts its thread on it.
u32 lane_of(const gs_facts& facts, u32 path = 0) {
  const u32 evidence = gs_evidence(&facts, path);
  return gs_lane(&facts, evidence, path || (facts.game && gs_starts_path(&facts, evidence)));
}

struct Row {
  const char* who;
  std::function<void(gs_facts&)> is;
  u32 evidence;
  u32 lane;
};

void check(const gs_facts& base, const Row& row) {
  gs_facts facts = base;
  row.is(facts);
  EXPECT_EQ(gs_evidence(&facts, 0), row.evidence) << row.who;
  EXPECT_EQ(lane_of(facts), row.lane) << row.who;
}

TEST(Classify, AThreadOfTheGameThatIsPlayed) {
  const Row rows[] = {
      {"submits", [](auto& f) { f.ages.submit = 4 * GS_MSEC; }, GS_EVIDENCE_GPU, GS_LANE_FRAME},
      {"submitted long ago", [](auto& f) { f.ages.submit = GS_SEC; }, 0, GS_LANE_INTERACTIVE},
      {"submits, a frame's work at a time",
       [](auto& f) { f.ages.submit = GS_MSEC, f.burst_avg_ns = 15 * GS_MSEC; }, GS_EVIDENCE_GPU,
       GS_LANE_FRAME},
      {"uploads textures", [](auto& f) { f.ages.submit = GS_MSEC, f.burst_avg_ns = 17 * GS_MSEC; }, 0,
       GS_LANE_NORMAL},
      {"commands NVIDIA's card", [](auto& f) { f.ages.command = GS_MSEC; }, GS_EVIDENCE_COMMAND,
       GS_LANE_FRAME},
      {"flips without a compositor", [](auto& f) { f.ages.flip = GS_MSEC; }, GS_EVIDENCE_FLIP, GS_LANE_FRAME},
      {"waits for the GPU", [](auto& f) { f.ages.fence = GS_MSEC; }, GS_EVIDENCE_FENCE, GS_LANE_FRAME},
      {"waits for the GPU now and then, computes",
       [](auto& f) { f.ages.fence = GS_MSEC, f.burst_avg_ns = 2 * GS_MSEC; }, 0, GS_LANE_NORMAL},
      {"is called RenderThread, and no hook tells", [](auto& f) { f.named_frame = true; }, GS_EVIDENCE_NAME,
       GS_LANE_FRAME},
      {"audio call-back", [](auto& f) { f.ages.audio = 5 * GS_MSEC; }, GS_EVIDENCE_AUDIO, GS_LANE_GAME_AUDIO},
      {"the one thread that does everything",
       [](auto& f) {
         f.ages.audio = f.ages.submit = f.ages.net = GS_MSEC;
         f.audio_owes = true, f.burst_avg_ns = 9 * GS_MSEC;
       },
       GS_EVIDENCE_GPU, GS_LANE_FRAME},
      {"network tick", [](auto& f) { f.ages.net = 16 * GS_MSEC; }, GS_EVIDENCE_NETWORK, GS_LANE_GAME_NETWORK},
      {"downloads a patch", [](auto& f) { f.ages.bulk = GS_MSEC; }, 0, GS_LANE_INTERACTIVE},
      {"one thread for its server and a download, which was last",
       [](auto& f) { f.ages.net = 16 * GS_MSEC, f.ages.bulk = GS_MSEC; }, GS_EVIDENCE_NETWORK,
       GS_LANE_GAME_NETWORK},
      {"the same, its server was last", [](auto& f) { f.ages.net = GS_MSEC, f.ages.bulk = 16 * GS_MSEC; },
       GS_EVIDENCE_NETWORK, GS_LANE_GAME_NETWORK},
      {"is called FMOD mixer thread, and no hook tells", [](auto& f) { f.named_audio = true; },
       GS_EVIDENCE_AUDIO | GS_EVIDENCE_NAME, GS_LANE_GAME_AUDIO},
      {"is called SteamNetworking, and no hook tells", [](auto& f) { f.named_network = true; },
       GS_EVIDENCE_NETWORK | GS_EVIDENCE_NAME, GS_LANE_GAME_NETWORK},
      {"brings another game input", [](auto& f) { f.ages.brings = f.ages.serves = 0; }, 0,
       GS_LANE_INTERACTIVE},
      {"answers input", [](auto& f) { f.input_woke = f.window = true; }, GS_EVIDENCE_INPUT, GS_LANE_FRAME},
      {"keeps time", [](auto& f) { f.periodic = true; }, GS_EVIDENCE_PERIODIC, GS_LANE_FRAME},
      {"short bursts, hand on the input", [](auto& f) { f.window = true; }, 0, GS_LANE_GAME},
      {"short bursts, no input", [](auto&) {}, 0, GS_LANE_INTERACTIVE},
      {"long bursts, hand on the input", [](auto& f) { f.window = true, f.burst_avg_ns = 5 * GS_MSEC; }, 0,
       GS_LANE_NORMAL},
      {"SCHED_IDLE, whatever it does",
       [](auto& f) { f.sched_idle = f.periodic = true, f.ages.submit = f.ages.audio = GS_MSEC; },
       GS_EVIDENCE_PERIODIC | GS_EVIDENCE_GPU | GS_EVIDENCE_AUDIO, GS_LANE_BACKGROUND},
  };
  for (const Row& row : rows) check(of_game(), row);
}

TEST(Classify, AnErrandIsGivenInTheMiddleOfACall) {
  constexpr u64 never = ~0ULL, now = 100 * GS_USEC, before = GS_ERRAND_NS + 1;
  EXPECT_TRUE(gs_gives_errand(false, never, never, now)) << "flips";
  EXPECT_FALSE(gs_gives_errand(false, never, never, before)) << "has flipped, and writes to a disk";
  EXPECT_TRUE(gs_gives_errand(true, now, never, never)) << "a game's, submits";
  EXPECT_TRUE(gs_gives_errand(true, never, now, never)) << "a game's, of whose driver no more is known";
  EXPECT_FALSE(gs_gives_errand(true, before, before, never));
  EXPECT_FALSE(gs_gives_errand(false, now, now, never)) << "a browser's, submits";
  EXPECT_TRUE(gs_gives_errand(false, now, never, GS_SEC)) << "a compositor that had nothing to draw, submits";
}

TEST(Classify, AnErrandIsGivenByAnIoctlOfGraphicsAlone) {
  constexpr u32 atomic = 0xc03864bc, nvidia = 0xc020462a, ntsync = 0xc0284e82;
  EXPECT_TRUE(gs_asks_graphics(16, false, atomic));
  EXPECT_TRUE(gs_asks_graphics(54, true, atomic));
  EXPECT_TRUE(gs_asks_graphics(16, false, nvidia));
  EXPECT_FALSE(gs_asks_graphics(16, false, ntsync)) << "Wine's";
  EXPECT_FALSE(gs_asks_graphics(1, false, atomic)) << "write()";
  EXPECT_FALSE(gs_asks_graphics(54, false, atomic)) << "setsockopt()";
}

TEST(Classify, AThreadOfNoGame) {
  const Row rows[] = {
      {"a browser's, submits", [](auto& f) { f.ages.submit = 4 * GS_MSEC; }, 0, GS_LANE_INTERACTIVE},
      {"a compositor", [](auto& f) { f.ages.flip = f.ages.submit = 16 * GS_MSEC; }, GS_EVIDENCE_FLIP,
       GS_LANE_COMPOSITOR},
      {"a compositor that had nothing to draw", [](auto& f) { f.ages.flip = 10 * GS_SEC; }, GS_EVIDENCE_FLIP,
       GS_LANE_COMPOSITOR},
      {"flips, and computes", [](auto& f) { f.ages.flip = GS_MSEC, f.burst_avg_ns = 9 * GS_MSEC; },
       GS_EVIDENCE_FLIP, GS_LANE_NORMAL},
      {"a remapper", [](auto& f) { f.ages.brings = 10 * GS_SEC; }, GS_EVIDENCE_BRINGS, GS_LANE_COMPOSITOR},
      {"has brought input long ago", [](auto& f) { f.ages.brings = GS_BRINGS_KEEP_NS + 1; }, 0,
       GS_LANE_INTERACTIVE},
      {"an X server", [](auto& f) { f.ages.serves = 16 * GS_MSEC; }, GS_EVIDENCE_SERVES, GS_LANE_COMPOSITOR},
      {"an X server that nobody waits for any more", [](auto& f) { f.ages.serves = GS_SEC; }, 0,
       GS_LANE_INTERACTIVE},
      {"an X server that computes",
       [](auto& f) { f.ages.serves = f.ages.brings = 0, f.burst_avg_ns = 2 * GS_MSEC; }, 0, GS_LANE_NORMAL},
      {"a player's call-back", [](auto& f) { f.ages.audio = 20 * GS_MSEC; }, GS_EVIDENCE_AUDIO,
       GS_LANE_AUDIO},
      {"of an audio server", [](auto& f) { f.audio_server = true; }, GS_EVIDENCE_AUDIO, GS_LANE_AUDIO},
      {"of an audio server, made up for a hiccup",
       [](auto& f) { f.audio_server = true, f.burst_avg_ns = 6 * GS_MSEC; }, GS_EVIDENCE_AUDIO,
       GS_LANE_AUDIO},
      {"of an audio server, computes",
       [](auto& f) { f.audio_server = f.audio_owes = true, f.burst_avg_ns = 6 * GS_MSEC; }, 0,
       GS_LANE_NORMAL},
      {"voice chat", [](auto& f) { f.ages.net = 20 * GS_MSEC; }, GS_EVIDENCE_NETWORK, GS_LANE_NETWORK},
      {"the game's server, woken by its message",
       [](auto& f) { f.ages.net = 20 * GS_MSEC, f.spoken_to = true; },
       GS_EVIDENCE_NETWORK | GS_EVIDENCE_ANSWERS, GS_LANE_GAME_NETWORK},
      {"the same, computes",
       [](auto& f) { f.ages.net = 20 * GS_MSEC, f.spoken_to = true, f.burst_avg_ns = 2 * GS_MSEC; }, 0,
       GS_LANE_NORMAL},
      {"a mirror on this machine that the game downloads from",
       [](auto& f) { f.ages.net = f.ages.bulk = GS_MSEC, f.spoken_to = true; }, 0, GS_LANE_INTERACTIVE},
      {"woken while the game speaks, holds no conversation", [](auto& f) { f.spoken_to = true; }, 0,
       GS_LANE_INTERACTIVE},
      {"a download", [](auto& f) { f.ages.net = 9 * GS_MSEC, f.ages.bulk = GS_MSEC; }, 0,
       GS_LANE_INTERACTIVE},
      {"a download that talks besides", [](auto& f) { f.ages.net = GS_MSEC, f.ages.bulk = 9 * GS_MSEC; }, 0,
       GS_LANE_INTERACTIVE},
      {"is called RenderThread", [](auto& f) { f.named_frame = true; }, 0, GS_LANE_INTERACTIVE},
      {"is called kwin_wayland, and no hook tells", [](auto& f) { f.named_compositor = true; },
       GS_EVIDENCE_FLIP | GS_EVIDENCE_NAME, GS_LANE_COMPOSITOR},
      {"short bursts", [](auto&) {}, 0, GS_LANE_INTERACTIVE},
      {"just too long", [](auto& f) { f.burst_avg_ns = GS_MSEC; }, 0, GS_LANE_NORMAL},
      {"SCHED_IDLE", [](auto& f) { f.sched_idle = true, f.burst_avg_ns = 5 * GS_MSEC; }, 0,
       GS_LANE_BACKGROUND},
  };
  for (const Row& row : rows) check(nobody(), row);
}

TEST(Classify, AGameIsStartedAtOnceAndNotForLong) {
  gs_facts starter = nobody();
  starter.burst_avg_ns = 3 * GS_MSEC;
  EXPECT_EQ(lane_of(starter), GS_LANE_NORMAL);
  starter.ages.launch = GS_LAUNCH_KEEP_NS;
  EXPECT_EQ(lane_of(starter), GS_LANE_GAME_NETWORK) << "however much it computes";
  EXPECT_EQ(gs_evidence(&starter, 0), GS_EVIDENCE_LAUNCH);
  starter.ages.launch = GS_LAUNCH_KEEP_NS + 1;
  EXPECT_EQ(lane_of(starter), GS_LANE_NORMAL);
  gs_facts bus = nobody();
  bus.helps_launch = true;
  EXPECT_EQ(lane_of(bus), GS_LANE_GAME_NETWORK);
}

TEST(Classify, OfAGameInTheBackgroundAudioAndNetworkAreAnybodys) {
  gs_facts facts = of_game();
  facts.played = false;
  facts.ages.audio = GS_MSEC;
  EXPECT_EQ(lane_of(facts), GS_LANE_AUDIO);
  facts.ages.audio = never;
  facts.ages.net = GS_MSEC;
  EXPECT_EQ(lane_of(facts), GS_LANE_NETWORK);
}

TEST(Classify, TheShortWayForNobodyLeadsToTheSameLane) {
  for (const bool sched_idle : {false, true}) {
    for (const u64 burst_ns :
         {u64{0}, nobody().interactive_burst_ns - 1, nobody().interactive_burst_ns, u64{GS_SEC}}) {
      gs_facts facts = nobody();
      facts.sched_idle = sched_idle;
      facts.burst_avg_ns = burst_ns;
      EXPECT_EQ(gs_lane_of_nobody(sched_idle, burst_ns, facts.interactive_burst_ns), lane_of(facts))
          << burst_ns;
      EXPECT_EQ(gs_evidence(&facts, 0), 0U) << burst_ns;
    }
  }
}

TEST(Classify, WhatThePathFoundIsKept) {
  gs_facts facts = of_game();
  EXPECT_EQ(gs_evidence(&facts, GS_EVIDENCE_PEER), GS_EVIDENCE_PEER);
  EXPECT_EQ(lane_of(facts, GS_EVIDENCE_PEER), GS_LANE_FRAME);
}

TEST(Classify, ALongBurstEndsUrgency) {
  EXPECT_FALSE(gs_ends_urgency(GS_LANE_FRAME, 16 * GS_MSEC, true, 16'666'667, 8 * GS_MSEC));
  EXPECT_TRUE(gs_ends_urgency(GS_LANE_FRAME, 17 * GS_MSEC, false, 16'666'667, 8 * GS_MSEC));
  EXPECT_FALSE(gs_ends_urgency(GS_LANE_GAME_AUDIO, 20 * GS_MSEC, false, 16'666'667, 8 * GS_MSEC));
  EXPECT_TRUE(gs_ends_urgency(GS_LANE_AUDIO, 6 * GS_MSEC, true, 16'666'667, 8 * GS_MSEC));
}

TEST(Classify, ALongBurstEndsALaneForShortOnes) {
  for (const u32 lane : {GS_LANE_GAME, GS_LANE_NETWORK, GS_LANE_INTERACTIVE}) {
    EXPECT_FALSE(gs_ends_brevity(lane, GS_MSEC - 1, GS_MSEC));
    EXPECT_TRUE(gs_ends_brevity(lane, GS_MSEC, GS_MSEC));
  }
  for (const u32 lane : {GS_LANE_FRAME, GS_LANE_GAME_NETWORK, GS_LANE_NORMAL, GS_LANE_BACKGROUND})
    EXPECT_FALSE(gs_ends_brevity(lane, GS_SEC, GS_MSEC)) << "others say when these end";
}

TEST(Classify, AudioThatOwedTooMuchIsAudioAgainOnceItOwesLess) {
  EXPECT_TRUE(gs_is_audio_again(GS_LANE_NORMAL, true, never, false)) << "a server's";
  EXPECT_TRUE(gs_is_audio_again(GS_LANE_INTERACTIVE, false, GS_MSEC, false)) << "a player's";
  EXPECT_FALSE(gs_is_audio_again(GS_LANE_NORMAL, true, GS_MSEC, true)) << "not before";
  EXPECT_FALSE(gs_is_audio_again(GS_LANE_NORMAL, false, GS_SEC, false)) << "not when it has stopped";
  EXPECT_FALSE(gs_is_audio_again(GS_LANE_NORMAL, false, never, false)) << "nor who never was";
  EXPECT_FALSE(gs_is_audio_again(GS_LANE_BACKGROUND, true, GS_MSEC, false));
  EXPECT_FALSE(gs_is_audio_again(GS_LANE_GAME_AUDIO, true, GS_MSEC, false)) << "it is urgent";
}

// Whatever is seen of a thread: who is no game's and neither sounds nor flips is never urgent, and a thread
// that computes without end is never urgent by what detectors saw.
TEST(ClassifyProperties, UrgencyIsEarned) {
  Random random(__FILE__, __LINE__);
  for (int i = 0; i < 200'000; ++i) {
    const auto age = [&] { return random.between(0, 3 - 1) ? random.between(0, 2 * GS_SEC - 1) : never; };
    const auto maybe = [&] { return random.between(0, 2 - 1) == 1; };
    gs_facts facts = nobody();
    facts.ages = {age(), age(), age(), age(), age(), age(), age(), age(), age(), age()};
    facts.burst_avg_ns = random.between(0, 40 * GS_MSEC - 1);
    facts.sched_idle = maybe(), facts.game = maybe(), facts.played = maybe(), facts.window = maybe();
    facts.audio_server = maybe(), facts.audio_owes = maybe(), facts.named_frame = maybe();
    facts.spoken_to = !facts.game && maybe();
    const u32 evidence = gs_evidence(&facts, 0), lane = lane_of(facts);
    ASSERT_LT(lane, GS_NR_LANES);
    if (facts.sched_idle) {
      ASSERT_EQ(lane, GS_LANE_BACKGROUND);
    }
    if (!facts.game && !(evidence & (GS_EVIDENCE_AUDIO | GS_EVIDENCE_FLIP | GS_EVIDENCE_LAUNCH |
                                     GS_EVIDENCE_ANSWERS | GS_EVIDENCE_BRINGS | GS_EVIDENCE_SERVES))) {
      ASSERT_FALSE(gs_lane_urgent(lane));
    }
    if (facts.burst_avg_ns > 17 * GS_MSEC && facts.ages.flip == never &&
        !(evidence & (GS_EVIDENCE_AUDIO | GS_EVIDENCE_LAUNCH))) {
      ASSERT_FALSE(gs_lane_urgent(lane));
    }
    if (facts.audio_owes) {
      ASSERT_FALSE(gs_lane_audio(lane));
    }
    if (lane == GS_LANE_COMPOSITOR) {
      ASSERT_TRUE(evidence & (GS_EVIDENCE_FLIP | GS_EVIDENCE_BRINGS | GS_EVIDENCE_SERVES));
    }
    if (lane == GS_LANE_GAME_NETWORK && !(evidence & GS_EVIDENCE_LAUNCH)) {
      ASSERT_LT(facts.burst_avg_ns, facts.interactive_burst_ns);
    }
  }
}

}  // namespace
}  // namespace gamesched::tests
