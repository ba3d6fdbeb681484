// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "service/policy/config.h"
#include "service/policy/profile_control.h"
#include "service/policy/profile_store.h"
#include "service/util/glob.h"
#include "service/util/suggest.h"
#include "tests/fakes/backend.h"
#include "tests/policy/random.h"
#include "tests/service/folder.h"

namespace gamesched::policy {
namespace {

Config parsed(const std::string& text) {
  auto config = parse(text, "f", {});
  EXPECT_TRUE(config) << config.error().message;
  return config.value_or(Config{});
}

TEST(AProfile, IsMergedKeyByKeyOverFiles) {
  Config config = parsed(
      "[profiles.fast]\ndescription = \"a\"\npower_profile = \"performance\"\n"
      "tunables = { slice_max_ns = 3000000, slice_min_ns = 1000000 }\n");
  config = parse("profiles.fast.tunables.slice_min_ns = 500000\nprofiles.fast.power_profile = \"none\"\n",
                 "g", config)
               .value();
  const Profile& fast = config.profiles.at("fast");
  EXPECT_EQ(fast.description, "a");
  EXPECT_EQ(fast.power_profile, "");
  EXPECT_EQ(fast.tunables, (kernel::TunableValues{{"slice_max_ns", 3'000'000}, {"slice_min_ns", 500'000}}));
}

TEST(AProfile, NamesWhatIsWrong) {
  const std::pair<const char*, const char*> table[] = {
      {"profile = \"blanced\"\n", "f:1:11: there is no profile \"blanced\"; did you mean \"balanced\"?"},
      {"[profiles.Fast]\n", "f:1:1: \"Fast\" is no name of a profile"},
      {"[profiles.\"../x\"]\n", "f:1:1: \"../x\" is no name of a profile"},
      {"[profiles.a]\nscheduler = 1\n", "f:2:13: scheduler must be true or false"},
      {"[profiles.a]\npower_profile = \"max\"\n", "f:2:17: power_profile must be"},
      {"[profiles.a]\ncolour = 1\n", "f:2:1: there is no key \"colour\""},
      {"[profiles.a.tunables]\nslice_mx_ns = 1\n",
       "f:2:1: there is no key \"slice_mx_ns\"; did you mean \"slice_max_ns\"?"},
      {"[profiles.a.tunables]\nslice_max_ns = 1\n",
       "f:2:16: slice_max_ns must be a whole number from 500000 to 20000000"},
      {"profiles = 3\n", "f:1:12: profiles must be a table"},
      {"[[game]]\nprofile = \"balanced\"\n", "f:1:1: [[game]] needs at least one of"},
      {"[[game]]\napp_id = \"1\"\nprofile = \"of\"\n", "f:3:11: there is no profile \"of\""},
      {"[[game]]\napp_id = []\n", "f:2:10: app_id must not be empty"},
      {"[[game]]\napp_id = 620\n", "f:2:10: app_id must be a text in quotes"},
      {"[game]\napp_id = \"1\"\n", "f:1:1: game must be written as [[game]]"},
  };
  for (const auto& [text, begin] : table) {
    const auto config = parse(text, "f", {});
    ASSERT_FALSE(config) << text;
    EXPECT_TRUE(config.error().message.starts_with(begin)) << text << " -> " << config.error().message;
  }
}

TEST(AProfile, MayBeNamedBeforeItIsWritten) {
  EXPECT_EQ(parsed("profile = \"mine\"\n[profiles.mine]\n").profile, "mine");
}

TEST(TheProfiles, OfTheDistributionAreGood) {
  const std::string file = std::string(GAMESCHED_SOURCE_ROOT) + "/packaging/data/profiles.toml";
  std::ifstream in(file);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  const auto config = parse(text, file, {});
  ASSERT_TRUE(config) << config.error().message;
  for (const char* name : {"balanced", "competitive", "streaming", "battery", "off"}) {
    ASSERT_TRUE(config->profiles.contains(name)) << name;
    EXPECT_FALSE(config->profiles.at(name).description.empty()) << name;
  }
  EXPECT_TRUE(config->profiles.at("balanced").tunables.empty());
  EXPECT_FALSE(config->profiles.at("off").scheduler);
}

TEST(AGameRule, NeedsAllItsConditionsAndOneOfEachList) {
  const Config config = parsed(
      "[[game]]\napp_id = [\"620\", \"400\"]\nprofile = \"balanced\"\n"
      "[[game]]\nexecutable = \"*.EXE\"\npath = \"/srv/*/Games/*\"\nname = \"b\"\n");
  const auto rule = [&](GameFacts facts) { return find_rule(config.games, facts); };
  EXPECT_EQ(rule({.app_id = "400", .executable = {}, .path = {}}), &config.games[0]);
  EXPECT_EQ(rule({.app_id = "4", .executable = {}, .path = {}}), nullptr);
  EXPECT_EQ(rule({.app_id = {}, .executable = "doom.exe", .path = "/srv/a/Games/doom/doom.exe"}),
            &config.games[1]);
  EXPECT_EQ(rule({.app_id = {}, .executable = "doom.exe", .path = "/opt/doom.exe"}), nullptr);
  EXPECT_EQ(rule({.app_id = {}, .executable = {}, .path = {}}), nullptr);
}

TEST(AGameRule, OfALaterFileComesFirst) {
  Config config = parsed("[[game]]\napp_id = \"1\"\nname = \"old\"\n");
  config = parse("[[game]]\napp_id = \"1\"\nname = \"new\"\n", "g", config).value();
  EXPECT_EQ(find_rule(config.games, {.app_id = "1", .executable = {}, .path = {}})->name, "new");
}

TEST(AConfig, ShownIsTheSameReadAgain) {
  const Config config = parsed(
      "profile = \"mine\"\n[profiles.mine]\nscheduler = false\ntunables.slice_max_ns = 3000000\n"
      "[[game]]\napp_id = \"1\"\nname = \"a \\\"quoted\\\" name\"\ntarget_fps = 60\n");
  auto again = parse(to_toml(config), "f", {});
  ASSERT_TRUE(again) << again.error().message;
  again->games[0].where = config.games[0].where;
  EXPECT_EQ(*again, config);
}

class AProfileControl : public testing::Test {
 protected:
  fakes::FakeBackend backend;
  Config config = parsed(
      "[profiles.fast.tunables]\nslice_max_ns = 3000000\n[profiles.slow]\n[profiles.off]\nscheduler = "
      "false\n");
  ProfileControl control{backend, config, std::nullopt};

  Hold hold(const char* profile, const char* holder = ":1.1", uid_t uid = 7) {
    return {.profile = profile, .reason = "r", .application = "a", .holder = holder, .uid = uid};
  }
};

TEST_F(AProfileControl, PrefersHoldsToTheGameToWhatWasChosen) {
  EXPECT_EQ(control.active(), "balanced");
  ASSERT_TRUE(control.choose("slow", 7));
  EXPECT_EQ(control.active(), "slow");
  control.set_game_profile("fast");
  EXPECT_EQ(control.active(), "fast");
  const auto cookie = control.hold(hold("off"));
  ASSERT_TRUE(cookie);
  EXPECT_EQ(control.active(), "off");
  ASSERT_TRUE(control.release(*cookie, ":1.1", 7));
  EXPECT_EQ(control.active(), "fast");
  control.set_game_profile("");
  EXPECT_EQ(control.active(), "slow");
}

TEST_F(AProfileControl, SetsTheTunablesOfTheProfileInEffect) {
  ASSERT_TRUE(control.choose("fast", 7));
  EXPECT_EQ(backend.tunables, config.profiles.at("fast").tunables);
  control.holder_left(":1.1");
  ASSERT_TRUE(control.hold(hold("slow")));
  EXPECT_TRUE(backend.tunables.empty());
  control.holder_left(":1.1");
  EXPECT_EQ(backend.tunables, config.profiles.at("fast").tunables);
}

TEST_F(AProfileControl, FollowsTheConfiguration) {
  ASSERT_TRUE(control.choose("fast", 7));
  config.profiles["fast"].tunables["slice_max_ns"] = 4'000'000;
  control.configure(config);
  EXPECT_EQ(backend.tunables.at("slice_max_ns"), 4'000'000U);
  config.profiles.erase("fast");
  control.configure(config);
  EXPECT_EQ(control.active(), "balanced");
  EXPECT_TRUE(backend.tunables.empty());
}

TEST_F(AProfileControl, LimitsTheHoldsOfEachUserAndOfAll) {
  for (std::size_t i = 0; i < max_holds_per_user; ++i) ASSERT_TRUE(control.hold(hold("slow")));
  EXPECT_EQ(control.hold(hold("slow")).error().code, Error::Code::LimitsExceeded);
  for (uid_t uid = 100; control.holds().all().size() < max_holds; ++uid) {
    for (std::size_t i = 0; i < max_holds_per_user; ++i) ASSERT_TRUE(control.hold(hold("slow", ":1.2", uid)));
  }
  EXPECT_EQ(control.hold(hold("slow", ":1.3", 99)).error().code, Error::Code::LimitsExceeded);
  control.holder_left(":1.1");
  EXPECT_TRUE(control.hold(hold("slow", ":1.3", 99)));
}

TEST(Cookies, AreNeitherZeroNorGivenTwice) {
  uint32_t next[] = {5, 5, 0, 6}, at = 0;
  Holds holds([&] { return next[at++]; });
  EXPECT_EQ(holds.add({.profile = "a", .reason = {}, .application = {}, .holder = ":1"}).value(), 5U);
  EXPECT_EQ(holds.add({.profile = "a", .reason = {}, .application = {}, .holder = ":1"}).value(), 6U);
}

class AProfileStore : public tests::Folder {};

TEST_F(AProfileStore, RemembersNamesAndNothingElse) {
  const ProfileStore store(path() / "profile");
  EXPECT_EQ(store.read().value(), std::nullopt);
  ASSERT_TRUE(store.write("fast"));
  EXPECT_EQ(store.read().value(), "fast");
  for (const char* text : {"", "\n", "../x\n", "a b\n", "a\n\n", "A\n"}) {
    write("profile", text);
    EXPECT_FALSE(store.read()) << text;
  }
}

TEST(AGlob, Matches) {
  const std::tuple<const char*, const char*, bool> table[] = {
      {"", "", true},           {"*", "", true},
      {"a*c", "abbc", true},    {"a*c", "abb", false},
      {"*.exe", "x.exe", true}, {"?", "", false},
      {"a?c", "abc", true},     {"*/common/*", "/a/common/b", true},
      {"**", "x", true},        {"a", "ab", false},
      {"*a*b", "xaxxb", true},  {"*a*b", "xbxxa", false},
  };
  for (const auto& [pattern, text, expected] : table)
    EXPECT_EQ(glob_matches(pattern, text, Case::Sensitive), expected) << pattern << " " << text;
  EXPECT_TRUE(glob_matches("*.EXE", "a.exe", Case::Ignored));
  EXPECT_FALSE(glob_matches("*.EXE", "a.exe", Case::Sensitive));
}

TEST(AGlob, TakesNoLongOnWhatWasMadeToTakeLong) {
  std::string pattern, text(4096, 'a');
  for (int i = 0; i < 100; ++i) pattern += "*a";
  EXPECT_FALSE(glob_matches(pattern + "b", text, Case::Sensitive));
}

TEST(Patterns, MatchWhereOneOfThemDoes) {
  tests::Random random(__FILE__, __LINE__);
  const auto word = [&](std::string_view letters) {
    std::string text;
    for (uint64_t length = random.between(1, 6); length > 0; --length)
      text += letters[random.between(0, letters.size() - 1)];
    return text;
  };
  int matched = 0;
  for (int round = 0; round < 20000; ++round) {
    const std::string one = word("abAB*?/\xc3"), other = word("abAB*?/\xc3"), text = word("abABc/\x83\xc3");
    const Patterns patterns{one, other};
    for (const Case letters : {Case::Sensitive, Case::Ignored}) {
      const bool expected = glob_matches(one, text, letters) || glob_matches(other, text, letters);
      EXPECT_EQ(patterns.match(text, letters), expected) << one << " " << other << " " << text;
      matched += expected;
    }
  }
  EXPECT_GT(matched, 1000);
}

TEST(ASuggestion, IsTheNearestOrTheList) {
  const std::string_view known[] = {"attach", "linger_s", "enabled"};
  EXPECT_EQ(suggestion("linger", known), "; did you mean \"linger_s\"?");
  EXPECT_EQ(suggestion("xyz", known), "; known are attach, linger_s and enabled");
  EXPECT_EQ(nearest(std::string(1000, 'x'), known), "");
}

}  // namespace
}  // namespace gamesched::policy
