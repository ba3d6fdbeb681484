// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the tray shows for which facts.
#include <gtest/gtest.h>

#include <set>

#include "desktop/tray/model.h"
#include "desktop/tray/words.h"

namespace gamesched::tray {
namespace {

constexpr uint64_t minute_usec = 60'000'000;
constexpr uint64_t now_usec = 1'000 * minute_usec;

Facts facts_of(const char* state) {
  Facts facts;
  facts.running = true;
  facts.state = state;
  facts.reason = "Because.";
  facts.enabled = true;
  return facts;
}

std::string plain(std::string text) {
  for (const char* isolate : {"\u2068", "\u2069"}) {
    for (std::size_t at = 0; (at = text.find(isolate)) != std::string::npos;)
      text.erase(at, std::char_traits<char>::length(isolate));
  }
  return text;
}

const Entry* find(const std::vector<Entry>& menu, const std::string& label) {
  for (const Entry& entry : menu) {
    if (plain(entry.label) == label) return &entry;
  }
  return nullptr;
}

TEST(TrayModel, EveryStateHasAnIconAndATitleOfItsOwn) {
  std::set<std::string> icons;
  std::set<std::string> titles;
  for (const char* state : {"active", "standby", "off", "degraded", "ejected", "unsupported", "conflict"}) {
    const View view = view_of(facts_of(state), now_usec);
    EXPECT_EQ(view.icon, std::string("gamesched-") + state);
    icons.insert(view.icon);
    titles.insert(view.title);
  }
  const View absent = view_of({}, now_usec);
  icons.insert(absent.icon);
  titles.insert(absent.title);
  EXPECT_EQ(icons.size(), 8U);
  EXPECT_EQ(titles.size(), 8U);
}

TEST(TrayModel, OnlyWhatNeedsSomebodyAsksForAttention) {
  for (const char* state : {"active", "standby", "off", "degraded", "unsupported", "later"})
    EXPECT_FALSE(view_of(facts_of(state), now_usec).attention) << state;
  for (const char* state : {"ejected", "conflict"})
    EXPECT_TRUE(view_of(facts_of(state), now_usec).attention) << state;
}

TEST(TrayModel, AskedWithoutAnAnswerItShowsWhyThereIsNone) {
  Facts facts = facts_of("");
  facts.reason.clear();
  facts.problem = "Timeout was reached";
  const View view = view_of(facts, now_usec);
  EXPECT_EQ(view.text, "Timeout was reached");
  const Entry* on = find(view.menu, "Schedule games");
  ASSERT_NE(on, nullptr);
  EXPECT_FALSE(on->sensitive) << "nobody knows which way it would switch";
}

TEST(TrayModel, TheSwitchSaysWhatItIsAndAsksForTheOpposite) {
  for (const bool enabled : {false, true}) {
    Facts facts = facts_of(enabled ? "standby" : "off");
    facts.enabled = enabled;
    const View view = view_of(facts, now_usec);
    const Entry* on = find(view.menu, "Schedule games");
    ASSERT_NE(on, nullptr);
    EXPECT_EQ(on->checked, enabled);
    EXPECT_EQ(on->action, (Action{.verb = Verb::SetEnabled, .enabled = !enabled}));
    facts.asking = true;
    EXPECT_FALSE(find(view_of(facts, now_usec).menu, "Schedule games")->sensitive) << "one click at a time";
  }
}

TEST(TrayModel, ProfilesAreRadiosAndTheOneInEffectIsTold) {
  Facts facts = facts_of("active");
  facts.profiles = {{"balanced", "as usual"}, {"fast", ""}};
  facts.profile = "fast";
  facts.active_profile = "fast";
  View view = view_of(facts, now_usec);
  const Entry* menu = find(view.menu, "Profile");
  ASSERT_NE(menu, nullptr);
  ASSERT_EQ(menu->children.size(), 2U);
  EXPECT_EQ(plain(menu->children[0].label), "balanced: as usual");
  EXPECT_FALSE(menu->children[0].checked);
  EXPECT_TRUE(menu->children[1].checked);
  EXPECT_EQ(menu->children[0].action, (Action{.verb = Verb::SetProfile, .profile = "balanced"}));

  facts.active_profile = "battery";
  view = view_of(facts, now_usec);
  EXPECT_NE(find(find(view.menu, "Profile")->children, "In effect now: battery"), nullptr);
}

TEST(TrayModel, GamesWithTheirTime) {
  Facts facts = facts_of("active");
  facts.games = {{"/1", "Doom", now_usec - 125 * minute_usec}, {"/2", "", now_usec - minute_usec / 2}};
  const View view = view_of(facts, now_usec);
  EXPECT_NE(find(view.menu, "Doom, for 2 h 5 min"), nullptr);
  EXPECT_NE(find(view.menu, "a game, for less than a minute"), nullptr);
  EXPECT_EQ(find(view.menu, "No game is running"), nullptr);
  EXPECT_EQ(plain(view.text), "a game and 1 more");
}

TEST(TrayModel, GamesWithTheirBoostedThreads) {
  Facts facts = facts_of("active");
  facts.games = {{"/1", "Doom", now_usec - 5 * minute_usec, 12},
                 {"/2", "Quake", now_usec - 5 * minute_usec, 1}};
  const View view = view_of(facts, now_usec);
  EXPECT_NE(find(view.menu, "Doom, for 5 min, 12 threads boosted"), nullptr);
  EXPECT_NE(find(view.menu, "Quake, for 5 min, 1 thread boosted"), nullptr);
}

TEST(TrayModel, ManyGamesAreCut) {
  Facts facts = facts_of("active");
  for (int i = 0; i < 100; ++i) facts.games.push_back({"/" + std::to_string(i), "Doom", now_usec});
  const View view = view_of(facts, now_usec);
  EXPECT_LT(view.menu.size(), 24U);
  EXPECT_NE(find(view.menu, "and 88 more"), nullptr);
}

TEST(TrayModel, ActiveAsksForNoReason) {
  const View view = view_of(facts_of("active"), now_usec);
  for (const Entry& entry : view.menu) EXPECT_NE(entry.kind, Entry::Kind::Submenu) << entry.label;
}

TEST(TrayModel, NoTwoSeparatorsMeetAndNoneIsAtAnEnd) {
  for (const char* state : {"active", "standby", "", "later"}) {
    for (const bool running : {true, false}) {
      Facts facts = facts_of(state);
      facts.running = running;
      const View view = view_of(facts, now_usec);
      bool before = true;
      for (const Entry& entry : view.menu) {
        const bool separator = entry.kind == Entry::Kind::Separator;
        EXPECT_FALSE(before && separator) << state;
        before = separator;
      }
      EXPECT_FALSE(before);
    }
  }
}

TEST(TrayModel, Durations) {
  EXPECT_EQ(duration(now_usec, now_usec), "less than a minute");
  EXPECT_EQ(duration(now_usec + minute_usec, now_usec), "less than a minute") << "the clock was set back";
  EXPECT_EQ(duration(now_usec - minute_usec, now_usec), "1 min");
  EXPECT_EQ(duration(now_usec - 59 * minute_usec, now_usec), "59 min");
  EXPECT_EQ(duration(now_usec - 60 * minute_usec, now_usec), "1 h");
  EXPECT_EQ(duration(now_usec - 61 * minute_usec, now_usec), "1 h 1 min");
}

TEST(TrayModel, LinesAreWrappedBetweenWords) {
  using Lines = std::vector<std::string>;
  EXPECT_EQ(wrapped("", 10), Lines{});
  EXPECT_EQ(wrapped("one two three", 7), (Lines{"one two", "three"}));
  EXPECT_EQ(wrapped("  one  two ", 20), (Lines{"one two"}));
  EXPECT_EQ(wrapped("incomprehensibilities are", 5), (Lines{"incomprehensibilities", "are"}));
  EXPECT_EQ(wrapped("äöü äöü", 7), (Lines{"äöü äöü"})) << "characters, not bytes";
}

TEST(TrayModel, AConflictIsNewsOnce) {
  ConflictNews news;
  EXPECT_FALSE(news.of({}).has_value());
  EXPECT_TRUE(news.of(facts_of("conflict")).has_value());
  EXPECT_FALSE(news.of(facts_of("conflict")).has_value());
  EXPECT_FALSE(news.of({}).has_value());
  EXPECT_FALSE(news.of(facts_of("conflict")).has_value())
      << "the service was restarted, the conflict was not";
  EXPECT_FALSE(news.of(facts_of("standby")).has_value());
  EXPECT_TRUE(news.of(facts_of("conflict")).has_value());
}

TEST(TrayModel, AnEjectionTellsWhatFollows) {
  const Notice again = notice_of({"stall", "", 30});
  EXPECT_NE(again.text.find("tried again in 30 seconds"), std::string::npos) << again.text;
  const Notice last = notice_of({"stall", "", 0});
  EXPECT_NE(last.text.find("until you switch it on"), std::string::npos) << last.text;
}

TEST(TrayModel, OneNoticeAMinute) {
  NoticeLimit limit;
  EXPECT_TRUE(limit.allows(0));
  EXPECT_FALSE(limit.allows(minute_usec - 1));
  EXPECT_TRUE(limit.allows(minute_usec));
  EXPECT_FALSE(limit.allows(minute_usec + 1)) << "what is dropped does not count, what is shown does";
}

}  // namespace
}  // namespace gamesched::tray
