// SPDX-License-Identifier: GPL-2.0-or-later
#include "bpf/policy/flow.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/policy/random.h"

namespace gamesched::tests {
namespace {

// One direction of a conversation: so many messages a second, of so many bytes.
struct Talk {
  double hz = 0;
  u64 bytes = 0;
  double jitter = 0.2;  // of the distance
};

struct Traffic {
  std::string name;
  bool udp = true;
  u32 port = 27015;
  Talk out, in;
  // A second of it, then as long a silence; 0: without a pause.
  double pause_s = 0;
};

struct Heard {
  double live = 0, bulk = 0;  // of the messages
  u32 first = 0, last = 0;
  int messages_until_live = 0;
};

u32 flow_hears(gs_flow& flow, u64 now_ns, bool received, u64 bytes) {
  if (gs_flow_window_ends(&flow, now_ns)) gs_flow_window(&flow, now_ns, bytes);
  gs_flow_counts(&flow, received, bytes);
  return flow.verdict;
}

bool flow_tells(gs_flow& flow, bool received, u32 tid) {
  return !gs_flow_knows(&flow, received, tid) && gs_flow_tells(&flow, received, tid);
}

Heard hear(const Traffic& traffic, double seconds, Random& random) {
  struct Message {
    double at_s;
    bool received;
    u64 bytes;
  };
  std::vector<Message> messages;
  for (const bool received : {false, true}) {
    const Talk& talk = received ? traffic.in : traffic.out;
    for (int beat = 0; talk.hz > 0 && beat < seconds * talk.hz; ++beat) {
      double at = (beat + 0.5 + random.real(-talk.jitter, talk.jitter)) / talk.hz;
      if (traffic.pause_s > 0) at += static_cast<int>(at) * traffic.pause_s;
      messages.push_back({at, received, talk.bytes});
    }
  }
  std::ranges::sort(messages, {}, &Message::at_s);
  gs_flow flow{};
  flow.kind = static_cast<u8>(gs_flow_kind_of(traffic.udp, 50'000, traffic.port));
  Heard heard;
  int live = 0, bulk = 0, number = 0;
  for (const Message& message : messages) {
    const u32 verdict =
        flow_hears(flow, GS_SEC + static_cast<u64>(message.at_s * GS_SEC), message.received, message.bytes);
    if (number++ == 0) heard.first = verdict;
    if (verdict == GS_FLOW_LIVE && live++ == 0) heard.messages_until_live = number;
    bulk += verdict == GS_FLOW_BULK;
    heard.last = verdict;
  }
  heard.live = static_cast<double>(live) / number;
  heard.bulk = static_cast<double>(bulk) / number;
  return heard;
}

TEST(Flow, LiveConversationsOverUdpAreLiveFromTheFirstMessage) {
  Random random(__FILE__, __LINE__);
  const Traffic rows[] = {
      {"shooter", true, 27015, {64, 80}, {64, 500}},
      {"shooter, large snapshots", true, 7777, {128, 90}, {128, 1150}},
      {"racing", true, 3074, {20, 120}, {20, 300}},
      {"voice", true, 50001, {50, 120}, {50, 140}},
      {"voice, muted", true, 50001, {0.5, 60}, {50, 140}},
      {"call with a picture", true, 3478, {120, 1000}, {250, 1100}},
      {"remote controller", true, 47999, {250, 40}, {10, 20}},
  };
  for (const Traffic& row : rows) {
    const Heard heard = hear(row, 20, random);
    EXPECT_EQ(heard.first, GS_FLOW_LIVE) << row.name;
    EXPECT_GT(heard.live, row.out.hz < 1 ? 0.85 : 0.999) << row.name;
  }
}

TEST(Flow, LiveConversationsOverTcpAreLiveWithinASecond) {
  Random random(__FILE__, __LINE__);
  for (const Traffic& row :
       {Traffic{"MMO", false, 3724, {10, 60}, {10, 180}}, Traffic{"strategy", false, 1119, {6, 40}, {8, 200}},
        Traffic{"by the web's port", false, 443, {20, 60}, {20, 200}}}) {
    const Heard heard = hear(row, 20, random);
    EXPECT_EQ(heard.first, GS_FLOW_OTHER) << row.name;
    EXPECT_LE(heard.messages_until_live, 1.3 * (row.out.hz + row.in.hz)) << row.name;
    EXPECT_EQ(heard.last, GS_FLOW_LIVE) << row.name;
  }
}

TEST(Flow, BulkTransfersAreBulkAndNeverLive) {
  Random random(__FILE__, __LINE__);
  const Traffic rows[] = {
      {"update", false, 443, {100, 100}, {640, 65536}},
      {"update in small reads", false, 80, {100, 100}, {10'000, 4096}},
      {"update in tiny reads", false, 80, {100, 100}, {5'000, 700}},
      {"upload", false, 443, {400, 65536}, {10, 200}},
      {"update by QUIC", true, 443, {2000, 40}, {4000, 1350}},
      {"QUIC, several datagrams at once", true, 443, {500, 40}, {500, 16 * 1350}},
      {"server of QUIC", true, 443, {4000, 1350}, {2000, 40}},
  };
  for (const Traffic& row : rows) {
    const Heard heard = hear(row, 5, random);
    EXPECT_GT(heard.bulk, 0.9) << row.name;
    EXPECT_EQ(heard.live, 0) << row.name;
  }
}

TEST(Flow, AllElseIsNeither) {
  Random random(__FILE__, __LINE__);
  const Traffic rows[] = {
      {"film by QUIC", true, 443, {150, 50}, {450, 1350}},
      {"film by TCP", false, 443, {20, 100}, {40, 16384}},
      {"web pages", false, 443, {10, 500}, {60, 8192}, 5},
      {"names", true, 53, {0.2, 50}, {0.2, 120}},
      {"discovery", true, 5353, {1, 200}, {4, 300}},
      {"slow download", false, 443, {10, 100}, {64, 16384}},
      {"chat", false, 5222, {0.2, 300}, {0.5, 300}},
      {"log to a server", false, 6514, {50, 300}, {0, 0}},
  };
  for (const Traffic& row : rows) {
    const Heard heard = hear(row, 60, random);
    EXPECT_EQ(heard.live, 0) << row.name;
    EXPECT_EQ(heard.bulk, 0) << row.name;
  }
}

TEST(Flow, AGuessThatWasWrongEndsWithItsWindow) {
  Random random(__FILE__, __LINE__);
  for (const Traffic& row : {Traffic{"one way", true, 9000, {50, 200}, {0, 0}},
                             Traffic{"torrent", true, 51413, {300, 1400}, {300, 300}},
                             Traffic{"game of another machine", true, 47998, {50, 30}, {3000, 1400}}}) {
    const Heard heard = hear(row, 20, random);
    EXPECT_LT(heard.live, 0.02) << row.name;
    EXPECT_EQ(heard.bulk, 0) << row.name;
  }
}

TEST(Flow, AnEndedTransferIsBulkNoMore) {
  gs_flow flow{};
  u64 now = GS_SEC;
  for (int i = 0; i < 1000; ++i) flow_hears(flow, now += GS_MSEC, true, 65536);
  EXPECT_EQ(flow.verdict, GS_FLOW_BULK);
  for (int i = 0; i < 10; ++i) flow_hears(flow, now += 100 * GS_MSEC, true, 100);
  EXPECT_EQ(flow.verdict, GS_FLOW_OTHER);
}

TEST(Flow, AThreadIsToldOnceInAWhileAndEachThreadAtOnce) {
  gs_flow flow{};
  u64 now = GS_SEC;
  int told = 0;
  flow.kind = GS_FLOW_UDP;
  for (int i = 0; i < 1000; ++i) {
    now += GS_MSEC;
    for (const bool received : {false, true}) {
      flow_hears(flow, now, received, 100);
      told += flow_tells(flow, received, 7 + received);
    }
  }
  EXPECT_NEAR(told, 2 * GS_SEC / GS_FLOW_WINDOW_NS, 4);
  EXPECT_TRUE(flow_tells(flow, false, 99));
  EXPECT_FALSE(flow_tells(flow, false, 99));
}

TEST(Flow, WhateverComesTheVerdictIsOne) {
  Random random(__FILE__, __LINE__);
  gs_flow flow{};
  u64 now = GS_SEC;
  for (int i = 0; i < 200'000; ++i) {
    if (random.chance(0.001)) {
      flow = {};
      flow.kind = static_cast<u8>(random.between(0, 3));
    }
    now += random.any() >> random.between(20, 63);
    EXPECT_LE(flow_hears(flow, now, random.chance(0.5), random.any() >> random.between(0, 63)), GS_FLOW_BULK);
  }
}

}  // namespace
}  // namespace gamesched::tests
