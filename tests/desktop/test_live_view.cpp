// SPDX-License-Identifier: GPL-2.0-or-later
//
// What `gameschedctl top` shows of what it knows.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "desktop/cli/live_view.h"

namespace gamesched::cli::live {
namespace {

constexpr uint64_t second = 1'000'000;

// Without escape sequences, a line of the window each, blanks at the end cut.
std::vector<std::string> lines_of(const std::string& picture) {
  std::string plain;
  for (std::size_t i = 0; i < picture.size(); i++) {
    if (picture[i] == '\033')
      i = picture.find_first_of("ABCDHJKm", i);
    else if (picture[i] != '\r')
      plain += picture[i];
  }
  std::vector<std::string> lines;
  std::istringstream in(plain);
  for (std::string line; std::getline(in, line);)
    lines.push_back(line.substr(0, line.find_last_not_of(' ') + 1));
  return lines;
}

std::vector<std::string> show(const Live& live, Window window = {}) {
  return lines_of(picture(live, window, false));
}

bool has(const std::vector<std::string>& lines, std::string_view words) {
  return std::ranges::any_of(lines, [&](const std::string& line) { return line.contains(words); });
}

std::string line_with(const std::vector<std::string>& lines, std::string_view words) {
  const auto found =
      std::ranges::find_if(lines, [&](const std::string& line) { return line.contains(words); });
  return found == lines.end() ? "" : *found;
}

Live active() {
  Live live;
  live.status.service = Service{.version = "1.0",
                                .state = "active",
                                .reason = "A game runs.",
                                .enabled = true,
                                .attach = "game",
                                .detectors = {},
                                .profile = "balanced",
                                .configuration_errors = {}};
  live.status.kernel = {"enabled", "gamesched"};
  live.now_usec = 1'000'000 * second;
  live.status.games = {
      {.path = "/1",
       .pid = 7,
       .uid = 0,
       .name = "Half-Life 2",
       .app_id = "",
       .source = "registered",
       .since_usec = live.now_usec - 3725 * second,
       .target_fps = 144,
       .foreground = true,
       .lanes = {{"frame", 12}, {"game_audio", 1}, {"audio", 2}, {"game", 40}, {"background", 3}}}};
  live.before = {10 * second, {{"frame_waits_64us", 100}, {"wakeups", 1000}, {"steals", 5}}};
  live.now = {12 * second,
              {{"frame_waits_64us", 288},
               {"frame_waits_1024us", 12},
               {"frame_longest_wait_ns", 2'500'000},
               {"wakeups", 3000},
               {"steals", 5},
               {"moves", 3}}};
  return live;
}

TEST(LiveView, StateGameLanesAndCounters) {
  const auto lines = show(active());
  ASSERT_EQ(lines.size(), 24U);
  EXPECT_TRUE(lines[0].starts_with("gamesched is active   profile balanced")) << lines[0];
  EXPECT_TRUE(lines[0].ends_with("scheduler gamesched"));
  EXPECT_EQ(lines[1], "A game runs.");
  std::istringstream game(line_with(lines, "Half-Life"));
  std::vector<std::string> words{std::istream_iterator<std::string>(game), {}};
  EXPECT_EQ(words, (std::vector<std::string>{">", "Half-Life", "2", "1:02:05", "144", "3", "12", "-", "-",
                                             "15", "58"}));
  // 200 waits in two seconds, 6 of 100 of them longer than 64 us.
  std::istringstream lane(line_with(lines, "frame "));
  words.assign(std::istream_iterator<std::string>(lane), {});
  EXPECT_EQ(words, (std::vector<std::string>{"frame", "12", "100", "64", "us", "1.0", "ms", "2.5", "ms"}));
  EXPECT_TRUE(has(lines, "wakeups")) << picture(active(), {}, false);
  EXPECT_TRUE(line_with(lines, "wakeups").contains("1000"));
  EXPECT_FALSE(has(lines, "_waits_"));
  EXPECT_EQ(lines.back(), "q: quit");
}

TEST(LiveView, CountersThatBeganAnewAreCountedFromThere) {
  Live live = active();
  live.before.counters["wakeups"] = 1'000'000;
  const auto rows = counter_rows(live);
  EXPECT_EQ(std::ranges::find(rows, "wakeups", &CounterRow::name)->hz, 1500);
}

TEST(LiveView, OneLookHasNoRates) {
  Live live = active();
  live.before = {};
  for (const CounterRow& row : counter_rows(live)) EXPECT_EQ(row.hz, 0) << row.name;
  for (const LaneRow& row : lane_rows(live)) EXPECT_EQ(row.runs_hz, 0) << row.lane;
}

TEST(LiveView, WhatIsBusyComesFirst) {
  Live live = active();
  for (int i = 0; i < 100; i++) live.now.counters["aaa_" + std::to_string(i)] = 0;
  EXPECT_TRUE(has(show(live), "wakeups"));
}

TEST(LiveView, EverySizeFits) {
  Live live = active();
  for (int i = 0; i < 20; i++) live.status.games.push_back(live.status.games[0]);
  live.status.service->reason = std::string(600, 'x') + " " + std::string(100, 'y');
  for (int rows = 1; rows <= 60; rows++) {
    for (const int columns : {1, 20, 59, 60, 80, 132, 300}) {
      const auto lines = show(live, {columns, rows});
      EXPECT_LE(lines.size(), static_cast<std::size_t>(rows)) << columns;
      for (const std::string& line : lines) EXPECT_LE(line.size(), static_cast<std::size_t>(columns)) << rows;
      if (columns >= 60 && rows >= 12) {
        EXPECT_EQ(lines.back(), "q: quit") << rows;
      }
    }
  }
  EXPECT_TRUE(has(show(live, {40, 24}), "too small"));
}

TEST(LiveView, MoreGamesThanFitCanBeScrolled) {
  Live live = active();
  for (int i = 2; i <= 9; i++) {
    live.status.games.push_back(live.status.games[0]);
    live.status.games.back().name = "Game " + std::to_string(i);
  }
  EXPECT_TRUE(has(show(live), "6 of 9 games"));
  EXPECT_FALSE(has(show(live), "Game 9"));
  EXPECT_TRUE(has(show(live, {80, 24, 3}), "Game 9"));
  EXPECT_TRUE(has(show(live, {80, 24, 1000}), "Game 9"));
}

TEST(LiveView, WithoutTheServiceItSaysWhatToDo) {
  Live live;
  live.status.kernel = {"disabled", ""};
  auto lines = show(live);
  EXPECT_TRUE(lines[0].starts_with("gamesched is not running"));
  EXPECT_TRUE(lines[0].ends_with("kernel's own scheduler"));
  EXPECT_TRUE(has(lines, "systemctl start gameschedd"));
  live.problem = "There is no connection to the system bus (x).";
  lines = show(live);
  EXPECT_TRUE(lines[0].starts_with("gamesched is not known"));
  EXPECT_EQ(lines[1], live.problem);
}

TEST(LiveView, StandbyHasNoGameAndNoLanes) {
  Live live = active();
  live.status.service->state = "standby";
  live.status.games.clear();
  live.before = live.now = {};
  const auto lines = show(live);
  EXPECT_TRUE(has(lines, "No game is running."));
  EXPECT_TRUE(has(lines, "gamesched-run %command%")) << lines[1] << lines[2];
  EXPECT_FALSE(has(lines, "LANE"));
  EXPECT_FALSE(has(lines, "COUNTERS"));
}

TEST(LiveView, ColoursOnlyWhereTheyAreWanted) {
  EXPECT_TRUE(picture(active(), {}, true).contains("\033[32m"));
  EXPECT_FALSE(picture(active(), {}, false).contains("\033[32m"));
}

TEST(LiveView, WideLettersTakeTheirPlace) {
  Live live = active();
  live.status.games[0].name = "原神原神原神原神原神原神原神原神原神原神原神原神原神原神原神原神原神";
  EXPECT_TRUE(line_with(show(live), "原神").ends_with("58"));
}

}  // namespace
}  // namespace gamesched::cli::live
