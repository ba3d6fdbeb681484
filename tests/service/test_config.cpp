// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "service/policy/config.h"
#include "service/policy/enabled_store.h"
#include "tests/service/folder.h"

namespace gamesched::policy {
namespace {

const std::string good = "# ours\nattach = \"always\"\nlinger_s = 30\nenabled = false\n";

Config with(AttachMode attach, uint32_t linger_s, bool enabled) {
  Config config;
  config.attach = attach;
  config.linger_s = linger_s;
  config.enabled = enabled;
  return config;
}

TEST(AConfig, IsReadWhole) {
  const auto config = parse(good, "f", {});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(*config, with(AttachMode::Always, 30, false));
}

TEST(AConfig, NamesFileLineAndColumnOfWhatIsWrong) {
  const std::pair<const char*, const char*> table[] = {
      {"attach = \"sometimes\"\n", "f:1:10: attach must be"},
      {"attach = 1\n", "f:1:10: attach must be"},
      {"\n\nlinger_s = -1\n", "f:3:12: linger_s must be"},
      {"linger_s = 3601\n", "f:1:12: linger_s must be"},
      {"linger_s = 1.5\n", "f:1:12: linger_s must be"},
      {"linger_s = 9223372036854775807\n", "f:1:12: linger_s must be"},
      {"enabled = 1\n", "f:1:11: enabled must be"},
      {"enabled = true\n  watchdog = 5\n", "f:2:3: there is no key \"watchdog\"; known are attach, "},
      {"[detectors]\ngpus = false\n", "f:2:1: there is no key \"gpus\"; did you mean \"gpu\"?"},
      {"[detectors]\ngpu = 0\n", "f:2:7: gpu must be"},
      {"atach = \"game\"\n", "f:1:1: there is no key \"atach\"; did you mean \"attach\"?"},
      {"[section]\nattach = \"game\"\n", "f:1:2: there is no key \"section\""},
      {"attach = \"game\"\nattach = \"never\"\n", "f:2:"},
      {"attach = \n", "f:1:"},
      {"attach = \"ga", "f:1:"},
      {"\xff\xfe", "f:1:1: "},
  };
  for (const auto& [text, begin] : table) {
    const auto config = parse(text, "f", {});
    ASSERT_FALSE(config) << text;
    EXPECT_TRUE(config.error().message.starts_with(begin)) << text << " -> " << config.error().message;
    EXPECT_EQ(config.error().message.find('\n'), std::string::npos);
  }
}

TEST(AConfig, SwitchesDetectorsOffAndLaterFilesOnAgain) {
  const auto first = parse("[detectors]\ngpu = false\naudio = false\n", "f", {});
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->detectors_off, (std::set<std::string>{"audio", "gpu"}));
  const auto second = parse("[detectors]\ngpu = true\n", "g", *first);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->detectors_off, (std::set<std::string>{"audio"}));
}

TEST(AConfig, CutAtAnyByteIsWrongOrMakesSense) {
  const Config base;
  for (std::size_t length = 0; length <= good.size(); ++length) {
    const auto config = parse(good.substr(0, length), "f", base);
    if (config) {
      EXPECT_LE(config->linger_s, 30U);
    } else {
      EXPECT_TRUE(config.error().message.starts_with("f:"));
    }
  }
}

TEST(AConfig, WithAnyByteReplacedIsWrongOrInItsBounds) {
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const unsigned char byte : std::string("\1\"[=9\n\x80\xff") + '\0') {
      std::string text = good;
      text[at] = static_cast<char>(byte);
      const auto config = parse(text, "f", {});
      if (config) {
        EXPECT_LE(config->linger_s, Config::max_linger_s);
      }
    }
  }
}

TEST(AConfig, OfTheDistributionIsTheDefault) {
  const Loaded loaded = load({std::string(GAMESCHED_SOURCE_ROOT) + "/service/policy", "/nonexistent"});
  EXPECT_EQ(loaded.errors, std::vector<std::string>{});
  EXPECT_EQ(loaded.files.size(), 1U);
  EXPECT_EQ(loaded.config, Config{});
}

class ConfigFiles : public tests::Folder {
 protected:
  ConfigFolders folders{path() / "vendor", path() / "etc"};
  void SetUp() override {
    make("vendor");
    make("etc/gamesched.toml.d");
  }
};

TEST_F(ConfigFiles, LaterOnesWinKeyByKey) {
  write("vendor/gamesched.toml", "attach = \"always\"\nlinger_s = 1\nenabled = false\n");
  write("etc/gamesched.toml", "linger_s = 2\n");
  write("etc/gamesched.toml.d/20-b.toml", "linger_s = 4\n");
  write("etc/gamesched.toml.d/10-a.toml", "linger_s = 3\nenabled = true\n");
  write("etc/gamesched.toml.d/30-c.toml.bak", "linger_s = 5\n");
  const Loaded loaded = load(folders);
  EXPECT_TRUE(loaded.errors.empty());
  EXPECT_EQ(loaded.config, with(AttachMode::Always, 4, true));
  EXPECT_EQ(loaded.files.size(), 4U);
}

TEST_F(ConfigFiles, AWrongOneCountsNotAtAllAndTheOthersDo) {
  write("etc/gamesched.toml", "attach = \"never\"\n");
  write("etc/gamesched.toml.d/10-bad.toml", "linger_s = 7\nnonsense = 1\n");
  write("etc/gamesched.toml.d/20-good.toml", "enabled = false\n");
  const Loaded loaded = load(folders);
  ASSERT_EQ(loaded.errors.size(), 1U);
  EXPECT_NE(loaded.errors[0].find("10-bad.toml:2:1: "), std::string::npos) << loaded.errors[0];
  EXPECT_EQ(loaded.config, with(AttachMode::Never, 5, false));
}

TEST_F(ConfigFiles, ThatAreNoFilesAreErrorsAndNeverBlock) {
  make("etc/gamesched.toml");
  ASSERT_EQ(mkfifo((path() / "etc/gamesched.toml.d/10-pipe.toml").c_str(), 0600), 0);
  std::filesystem::create_symlink("nowhere", path() / "etc/gamesched.toml.d/20-dangling.toml");
  std::filesystem::create_symlink("/dev/zero", path() / "etc/gamesched.toml.d/30-zero.toml");
  write("etc/gamesched.toml.d/40-huge.toml", std::string(300'000, '#'));
  const Loaded loaded = load(folders);
  EXPECT_EQ(loaded.errors.size(), 5U);
  EXPECT_EQ(loaded.config, Config{});
}

TEST_F(ConfigFiles, MayAllBeAbsent) {
  const Loaded loaded = load({"/nonexistent/a", "/nonexistent/b"});
  EXPECT_TRUE(loaded.errors.empty());
  EXPECT_EQ(loaded.config, Config{});
}

TEST_F(ConfigFiles, EnabledIsRemembered) {
  const EnabledStore store(path() / "enabled");
  EXPECT_EQ(store.read().value(), std::nullopt);
  for (const bool on : {true, false}) {
    ASSERT_TRUE(store.write(on));
    EXPECT_EQ(store.read().value(), on);
  }
  const std::string text = "false\n";
  for (std::size_t length = 0; length < text.size(); ++length) {
    write("enabled", text.substr(0, length));
    EXPECT_FALSE(store.read()) << length;
  }
  EXPECT_FALSE(EnabledStore("/nonexistent/enabled").write(true));
}

TEST_F(ConfigFiles, EnabledIsWrittenOnlyWhenItChanges) {
  const EnabledStore store(path() / "enabled");
  ASSERT_TRUE(store.write(true));
  // A name of its own keeps the file: a new one cannot be the same.
  std::filesystem::create_hard_link(path() / "enabled", path() / "first");
  ASSERT_TRUE(store.write(true));
  EXPECT_TRUE(std::filesystem::equivalent(path() / "enabled", path() / "first"));
  ASSERT_TRUE(store.write(false));
  EXPECT_FALSE(std::filesystem::equivalent(path() / "enabled", path() / "first"));
}

}  // namespace
}  // namespace gamesched::policy
