// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/cli/live_view.h"

#include <algorithm>
#include <array>
#include <format>
#include <ftxui/dom/elements.hpp>
#include <ftxui/screen/screen.hpp>
#include <string_view>

#include "desktop/cli/advice.h"
#include "service/util/lanes.h"

namespace gamesched::cli::live {
namespace {

using ftxui::Element;
using ftxui::Elements;

constexpr int least_columns = 60, least_rows = 12;
constexpr std::size_t most_games = 6;
constexpr int reason_rows = 2;  // at 80 columns the longest of the service's reasons fits

struct Column {
  const char* title;
  int width;  // < 0: to the left; 0: what is left
};

Element cell(const std::string& words, int width) {
  if (width == 0) return ftxui::text(words) | ftxui::flex_shrink | ftxui::xflex;
  const Element inner = ftxui::text(words);
  const int columns = width < 0 ? -width : width;
  return (width < 0 ? ftxui::hbox({inner, ftxui::filler()}) : ftxui::hbox({ftxui::filler(), inner})) |
         ftxui::size(ftxui::WIDTH, ftxui::EQUAL, columns);
}

template <std::size_t N>
Element line(const std::array<Column, N>& columns, const std::array<std::string, N>& words) {
  Elements cells;
  for (std::size_t i = 0; i < N; i++) {
    if (i > 0) cells.push_back(ftxui::text(" "));
    cells.push_back(cell(words[i], columns[i].width));
  }
  return ftxui::hbox(std::move(cells));
}

template <std::size_t N>
Element head(const std::array<Column, N>& columns) {
  std::array<std::string, N> titles;
  for (std::size_t i = 0; i < N; i++) titles[i] = columns[i].title;
  return line(columns, titles) | ftxui::bold;
}

// Short, and of three digits or more as they are: a rate is looked at, not added up.
std::string rate(double hz) {
  if (hz == 0) return "-";
  if (hz < 10) return std::format("{:.1f}", hz);
  if (hz < 100'000) return std::format("{:.0f}", hz);
  return std::format("{:.0f}k", hz / 1000);
}

std::string wait(uint64_t usec) {
  if (usec == 0) return "-";
  if (usec < 1000) return std::format("{} us", usec);
  return std::format("{:.1f} ms", static_cast<double>(usec) / 1000);
}

std::string number(uint64_t value) {
  return value == 0 ? "-" : std::to_string(value);
}

std::string duration(uint64_t since_usec, uint64_t now_usec) {
  const uint64_t seconds = now_usec > since_usec ? (now_usec - since_usec) / 1'000'000 : 0;
  return seconds < 3600 ? std::format("{}:{:02}", seconds / 60, seconds % 60)
                        : std::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

Element state_word(const std::string& state, bool colours) {
  Element words = ftxui::text(state) | ftxui::bold;
  if (!colours) return words;
  if (state == "active") return words | ftxui::color(ftxui::Color::Green);
  if (state == "degraded" || state == "conflict") return words | ftxui::color(ftxui::Color::Yellow);
  if (state == "ejected" || state == "unsupported" || state == "not running")
    return words | ftxui::color(ftxui::Color::Red);
  return words;
}

Elements state_lines(const Live& live, bool colours) {
  const Service* const service = live.status.service ? &*live.status.service : nullptr;
  const std::string state = service ? service->state : live.problem.empty() ? "not running" : "not known";
  Elements first{ftxui::text("gamesched is "), state_word(state, colours)};
  if (service && !service->profile.empty()) first.push_back(ftxui::text("   profile " + service->profile));
  first.push_back(ftxui::filler());
  first.push_back(ftxui::text(live.status.kernel.scheduler.empty()
                                  ? "kernel's own scheduler"
                                  : "scheduler " + live.status.kernel.scheduler));
  std::string why = service                ? service->reason
                    : live.problem.empty() ? "gameschedd is not running."
                                           : live.problem;
  if (const std::string to_do = live.problem.empty() ? advice(live.status) : ""; !to_do.empty())
    why += (why.ends_with('.') ? " To do: " : ". To do: ") + to_do;
  return {ftxui::hbox(std::move(first)),
          ftxui::paragraphAlignLeft(why) | ftxui::size(ftxui::HEIGHT, ftxui::LESS_THAN, reason_rows)};
}

Elements game_lines(const Live& live, std::size_t scrolled) {
  static constexpr std::array<Column, 9> columns{{{"GAME", 0},
                                                  {"TIME", 8},
                                                  {"FPS", 4},
                                                  {"AUDIO", 5},
                                                  {"FRAME", 5},
                                                  {"SCREEN", 6},
                                                  {"NET", 4},
                                                  {"BOOSTED", 7},
                                                  {"THREADS", 7}}};
  const auto& games = live.status.games;
  if (games.empty()) return {ftxui::text("No game is running.")};
  Elements lines{head(columns)};
  const std::size_t first = std::min(scrolled, games.size() - 1);
  for (std::size_t i = first; i < std::min(games.size(), first + most_games); i++) {
    const Game& game = games[i];
    const auto threads = [&](std::initializer_list<const char*> lanes) {
      uint64_t sum = 0;
      for (const char* const lane : lanes) {
        const auto found = game.lanes.find(lane);
        if (found != game.lanes.end()) sum += found->second;
      }
      return number(sum);
    };
    Element row =
        line(columns, {(game.foreground ? "> " : "  ") + game.name, duration(game.since_usec, live.now_usec),
                       number(game.target_fps), threads({"game_audio", "audio"}), threads({"frame"}),
                       threads({"compositor"}), threads({"game_network"}), number(boosted_threads(game)),
                       number(known_threads(game))});
    lines.push_back(std::move(row));
  }
  const std::size_t shown = std::min(games.size() - first, most_games);
  if (shown < games.size())
    lines.push_back(
        ftxui::text(std::format("{} of {} games; more with the arrow keys", shown, games.size())) |
        ftxui::dim);
  return lines;
}

Elements lane_lines(const Live& live) {
  static constexpr std::array<Column, 6> columns{
      {{"LANE", -14}, {"THREADS", 9}, {"RUNS/s", 10}, {"WAIT p50", 10}, {"p99", 10}, {"LONGEST", 10}}};
  Elements lines;
  for (const LaneRow& row : lane_rows(live)) {
    if (row.threads == 0 && row.runs_hz == 0) continue;
    lines.push_back(line(columns, {row.lane, number(row.threads), rate(row.runs_hz), wait(row.wait_p50_us),
                                   wait(row.wait_p99_us), wait(row.longest_us)}));
  }
  if (!lines.empty()) lines.insert(lines.begin(), head(columns));
  return lines;
}

// In as many columns as there is room for, those that count something first.
Elements counter_lines(const Live& live, int columns, int rows) {
  constexpr int column_width = 38;
  std::vector<CounterRow> counters = counter_rows(live);
  std::ranges::stable_partition(counters, [](const CounterRow& row) { return row.hz > 0; });
  if (counters.empty() || rows < 2) return {};
  const auto across = static_cast<std::size_t>(std::max(1, columns / (column_width + 2)));
  const auto down = static_cast<std::size_t>(rows - 1);
  const std::size_t shown = std::min(counters.size(), across * down);
  static constexpr std::array<Column, 2> pair{{{"", 0}, {"", 7}}};
  Elements lines{ftxui::text("COUNTERS, a second") | ftxui::bold};
  for (std::size_t row = 0; row < std::min(down, (shown + across - 1) / across); row++) {
    Elements cells;
    for (std::size_t column = 0; column < across; column++) {
      const std::size_t i = row * across + column;
      const Element words =
          i < shown ? line(pair, {counters[i].name, rate(counters[i].hz)}) : ftxui::text("");
      cells.push_back(words | ftxui::size(ftxui::WIDTH, ftxui::EQUAL, column_width));
      cells.push_back(ftxui::text("  "));
    }
    lines.push_back(ftxui::hbox(std::move(cells)));
  }
  return lines;
}

}  // namespace

std::string picture(const Live& live, const Window& window, bool colours) {
  auto screen = ftxui::Screen(std::max(window.columns, 1), std::max(window.rows, 1));
  if (window.columns < least_columns || window.rows < least_rows) {
    ftxui::Render(screen,
                  ftxui::paragraphAlignLeft(std::format("This terminal is too small: {}x{} at least. q: quit",
                                                        least_columns, least_rows)));
    return screen.ToString();
  }
  Elements all = state_lines(live, colours);
  int left = window.rows - 1 - reason_rows - 1;  // and the last line
  const auto add = [&](Elements lines) {
    if (lines.empty() || left < 3) return;
    all.push_back(ftxui::text(""));
    left--;
    for (Element& each : lines) {
      if (left-- > 0) all.push_back(std::move(each));
    }
  };
  if (live.status.service) {
    add(game_lines(live, window.scrolled));
    add(lane_lines(live));
    add(counter_lines(live, window.columns, left - 1));
  }
  all.push_back(ftxui::filler());
  all.push_back(ftxui::text("q: quit") | ftxui::dim);
  ftxui::Render(screen, ftxui::vbox(std::move(all)));
  return screen.ToString();
}

}  // namespace gamesched::cli::live
