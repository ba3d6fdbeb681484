// SPDX-License-Identifier: GPL-2.0-or-later
//
// The registry with real processes and a fake kernel.
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <set>

#include "service/games/journal.h"
#include "service/games/limits.h"
#include "service/games/registry.h"
#include "tests/fakes/backend.h"
#include "tests/service/folder.h"

namespace gamesched::games {
namespace {

// A child that waits to be ended.
class Child {
 public:
  Child() : pid_(fork()) {
    if (pid_ == 0) {
      for (;;) pause();
    }
  }
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, 0)) {}
  ~Child() { end(); }
  void end() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  pid_t pid() const { return pid_; }
  UniqueFd pidfd() const { return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0))); }

 private:
  pid_t pid_;
};

class ARegistry : public tests::Folder {
 protected:
  Loop loop;
  fakes::FakeBackend backend;
  std::unique_ptr<Registry> registry = make_registry();
  std::vector<std::string> told;

  std::unique_ptr<Registry> make_registry() {
    auto made = std::make_unique<Registry>(loop, backend);
    made->on_added = [this](const Game& game) { told.push_back("+" + game.options.name); };
    made->on_ended = [this](const Game& game, EndReason reason) {
      told.push_back(std::string(to_string(reason)) + " " + game.options.name);
    };
    return made;
  }
  Result<GameId> add(const Child& child, const std::string& name = "game", uid_t by = 1000,
                     const std::string& holder = "") {
    UniqueFd pidfd = child.pidfd();
    const auto facts = inspect(pidfd.get());
    if (!facts) return std::unexpected(facts.error());
    return registry->add(std::move(pidfd), *facts, by, {.name = name, .app_id = "", .target_fps = 0}, 77,
                         holder);
  }
  template <typename Condition>
  void run_until(Condition condition) {
    for (int turn = 0; turn < 100 && !condition(); ++turn) loop.run_once(usec_per_sec);
    EXPECT_TRUE(condition());
  }
};

TEST_F(ARegistry, TellsTheKernelAndEndsWithTheProcess) {
  Child child;
  const auto id = add(child);
  ASSERT_TRUE(id);
  EXPECT_EQ(backend.games, (std::map<uint32_t, pid_t>{{1, child.pid()}}));
  EXPECT_EQ(registry->find(*id)->since_realtime_usec, 77U);
  child.end();
  run_until([&] { return registry->size() == 0; });
  EXPECT_TRUE(backend.games.empty());
  EXPECT_EQ(told, (std::vector<std::string>{"+game", "ended game"}));
}

TEST_F(ARegistry, UsesSlotsAgainButNeverIds) {
  Child a, b;
  const GameId first = add(a).value();
  const GameId second = add(b).value();
  ASSERT_TRUE(registry->remove(first, 0));
  const GameId third = add(a).value();
  EXPECT_EQ((std::set<GameId>{first, second, third}).size(), 3U);
  EXPECT_EQ(registry->find(third)->slot, 1U);
  EXPECT_EQ(registry->find(second)->slot, 2U);
}

TEST_F(ARegistry, RefusesTheSameProcessTwice) {
  Child child;
  const GameId id = add(child).value();
  const auto again = add(child);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Error::Code::AlreadyRegistered);
  EXPECT_TRUE(again.error().message.ends_with(object_path(id)));
  EXPECT_EQ(registry->size(), 1U);
}

TEST_F(ARegistry, AReusedProcessIdEndsTheOldGameFirst) {
  Child child;
  UniqueFd pidfd = child.pidfd();
  ProcessFacts facts = inspect(pidfd.get()).value();
  facts.start_ticks -= 1;  // the process that had this id before; its end was not seen yet
  ASSERT_TRUE(
      registry->add(pidfd.duplicate(), facts, 1000, {.name = "old", .app_id = "", .target_fps = 0}, 0));
  ASSERT_TRUE(add(child, "new"));
  EXPECT_EQ(told, (std::vector<std::string>{"+old", "ended old", "+new"}));
  EXPECT_EQ(backend.games, (std::map<uint32_t, pid_t>{{1, child.pid()}}));
}

TEST_F(ARegistry, LeavesNothingWhenTheKernelRefuses) {
  Child child;
  backend.add_error = Error{Error::Code::System, "no memory"};
  EXPECT_FALSE(add(child));
  EXPECT_EQ(registry->size(), 0U);
  EXPECT_TRUE(told.empty());
  child.end();
  loop.run_once(0);
  backend.add_error.reset();
  Child other;
  EXPECT_TRUE(add(other));
}

TEST_F(ARegistry, EndsWhatAHolderThatLeftHeldAndNothingElse) {
  Child a, b, c;
  ASSERT_TRUE(add(a, "held", 1000, ":1.7"));
  const GameId others = add(b, "another's", 1000, ":1.70").value();
  const GameId free = add(c, "free", 1000).value();
  registry->end_held_by(":1.7");
  EXPECT_EQ(told.back(), "was left by who registered it held");
  EXPECT_EQ(registry->size(), 2U);
  EXPECT_NE(registry->find(others), nullptr);
  EXPECT_NE(registry->find(free), nullptr);
}

TEST_F(ARegistry, WhoRegisteredAGameMayEndIt) {
  Child child;
  const uid_t registrar = getuid() + 5;
  const GameId id = add(child, "game", registrar).value();
  EXPECT_FALSE(registry->remove(id, registrar + 1));
  EXPECT_TRUE(registry->remove(id, registrar));
}

TEST_F(ARegistry, OnlyItsUserOrRootEndsAGame) {
  Child child;
  const GameId id = add(child).value();
  const uid_t owner = registry->find(id)->uid;
  const auto unknown = registry->remove(id + 1, owner + 1);
  const auto foreign = registry->remove(id, owner + 1);
  ASSERT_FALSE(unknown);
  ASSERT_FALSE(foreign);
  EXPECT_EQ(unknown.error().code, foreign.error().code);
  EXPECT_EQ(unknown.error().message, foreign.error().message);
  EXPECT_TRUE(registry->remove(id, owner));
  EXPECT_EQ(told.back(), "unregistered game");
}

TEST_F(ARegistry, BoundsGamesOfAUserAndOfAll) {
  std::vector<Child> children(kernel::Backend::max_games + 1);
  std::size_t next = 0;
  for (uid_t by = 1000; by < 1000 + kernel::Backend::max_games / max_games_per_user; ++by) {
    for (std::size_t i = 0; i < max_games_per_user; ++i) ASSERT_TRUE(add(children[next++], "g", by));
    if (by == 1000) {
      EXPECT_EQ(add(children.back(), "g", by).error().code, Error::Code::LimitsExceeded);
    }
  }
  EXPECT_EQ(backend.games.size(), kernel::Backend::max_games);
  EXPECT_EQ(add(children.back(), "g", 4'000'000'000).error().code, Error::Code::LimitsExceeded);
  children[0].end();
  run_until([&] { return registry->size() < kernel::Backend::max_games; });
  EXPECT_TRUE(add(children.back(), "g", 4'000'000'000));
}

TEST_F(ARegistry, GivesTheKernelBackWhatItHeld) {
  Child child;
  ASSERT_TRUE(add(child));
  registry.reset();
  EXPECT_TRUE(backend.games.empty());
}

TEST_F(ARegistry, IsTakenUpAgainFromItsRecord) {
  Child stays, ends;
  const GameId id = add(stays, "stays").value();
  const GameId gone = add(ends, "ends").value();
  const Journal journal(path() / "games.json");
  ASSERT_TRUE(journal.write(*registry, "bus"));
  const uint64_t ticks = registry->find(id)->start_ticks;
  registry.reset();
  ends.end();

  registry = make_registry();
  told.clear();
  EXPECT_EQ(journal.adopt_into(*registry, "bus").value(), 1U);
  ASSERT_NE(registry->find(id), nullptr);
  EXPECT_EQ(registry->find(id)->start_ticks, ticks);
  EXPECT_EQ(told, std::vector<std::string>{"+stays"});
  EXPECT_GT(registry->next_id(), gone) << "an id is never used twice, over restarts too";
}

TEST_F(ARegistry, TakesUpAHeldGameOnlyOnTheBusOfItsHolder) {
  Child child;
  const GameId id = add(child, "held", 1000, ":1.7").value();
  const Journal journal(path() / "games.json");
  ASSERT_TRUE(journal.write(*registry, "this bus"));
  registry = make_registry();
  EXPECT_EQ(journal.adopt_into(*registry, "the bus after it").value(), 0U);
  EXPECT_EQ(journal.adopt_into(*registry, "this bus").value(), 1U);
  EXPECT_EQ(registry->find(id)->holder, ":1.7");
  registry->end_held_by(":1.7");
  EXPECT_EQ(registry->size(), 0U);
}

TEST_F(ARegistry, BelievesNoHolderThatIsNoUniqueName) {
  Child child;
  ASSERT_TRUE(add(child, "held", 1000, ":1.7',arg0=''"));
  const Journal journal(path() / "games.json");
  ASSERT_TRUE(journal.write(*registry, "bus"));
  registry = make_registry();
  EXPECT_EQ(journal.adopt_into(*registry, "bus").value(), 0U);
}

TEST(ARecord, CutAtAnyByteIsRefused) {
  Record record{.next_id = 9, .bus_id = "b", .games = {}};
  Game game;
  game.id = 3;
  game.slot = 1;
  game.pid = 42;
  game.uid = 4'000'000'000;
  game.registered_by = 65534;
  game.start_ticks = 5;
  game.since_realtime_usec = 6;
  game.options.name = "☃";
  game.options.app_id = "a";
  game.options.target_fps = 60;
  game.holder = ":1.1";
  game.source = Source::Detected;
  record.games.push_back(game);
  const std::string text = to_json(record);
  const auto back = from_json(text);
  ASSERT_TRUE(back);
  ASSERT_EQ(back->games.size(), 1U);
  EXPECT_EQ(back->games[0].uid, 4'000'000'000U);
  EXPECT_EQ(back->games[0].options.name, "☃");
  EXPECT_EQ(back->games[0].source, Source::Detected);
  EXPECT_EQ(back->next_id, 9U);
  const std::size_t whole = text.find_last_not_of('\n') + 1;
  for (std::size_t length = 0; length < whole; ++length)
    EXPECT_FALSE(from_json(text.substr(0, length))) << length;
}

TEST(ARecord, LeavesOutNumbersThatDoNotFit) {
  for (const char* const change :
       {R"("pid": 9999999999)", R"("pid": -1)", R"("uid": 4294967296)", R"("uid": -1)", R"("uid": 1.5)",
        R"("name": null)", R"("id": 18446744073709551615)"}) {
    const std::string key = std::string(change).substr(0, std::string_view(change).find(':'));
    std::string entry =
        R"({"id": 1, "pid": 5, "uid": 6, "registered_by": 6, "start_ticks": 7, "since_usec": 8, "name": "n", "app_id": "", "target_fps": 0})";
    const std::size_t at = entry.find(key);
    const std::size_t end = entry.find_first_of(",}", at);
    entry.replace(at, end - at, change);
    const auto record = from_json(R"({"version": 1, "next_id": 2, "games": [)" + entry + "]}");
    ASSERT_TRUE(record) << entry;
    EXPECT_TRUE(change == std::string_view(R"("uid": 1.5)") || record->games.empty()) << entry;
  }
}

TEST(APath, IsReadInItsOneSpelling) {
  EXPECT_EQ(id_of_path(object_path(7)).value(), 7U);
  EXPECT_EQ(id_of_path(object_path(UINT64_MAX)).value(), UINT64_MAX);
  for (const char* const path :
       {"", "/", "/org/gamesched/Scheduler1/game", "/org/gamesched/Scheduler1/game/",
        "/org/gamesched/Scheduler1/game/07", "/org/gamesched/Scheduler1/game/+7",
        "/org/gamesched/Scheduler1/game/-7", "/org/gamesched/Scheduler1/game/7/",
        "/org/gamesched/Scheduler1/game/7 ", "/org/gamesched/Scheduler1/game/18446744073709551616"}) {
    EXPECT_EQ(id_of_path(path).error().code, Error::Code::NoSuchGame) << path;
  }
}

}  // namespace
}  // namespace gamesched::games
