// SPDX-License-Identifier: GPL-2.0-or-later
//
// The controller's rules, one by one, in a world of made-up facts.
#include <gtest/gtest.h>

#include "service/policy/controller.h"

namespace gamesched::policy {
namespace {

using Value = kernel::SchedState::Value;

// A world in which decisions come true at once.
class AController : public testing::Test {
 protected:
  Controller controller{Config{}, true};
  Facts facts{.now_usec = 100 * usec_per_sec,
              .games = 0,
              .expected_until_usec = 0,
              .kernel = {Value::Disabled, "", 0},
              .support = {true, ""},
              .attached = false,
              .missing_detectors = {}};

  Decision decide() { return controller.decide(facts); }

  // Carries decisions out until there is none; the last one.
  Decision settle() {
    for (int i = 0; i < 5; ++i) {
      const Decision decision = decide();
      if (decision.action == Action::None) return decision;
      if (decision.action == Action::Attach) attach();
      if (decision.action == Action::Detach) detach();
    }
    ADD_FAILURE() << "never settles";
    return {};
  }
  void attach() {
    facts.attached = true;
    facts.kernel = {Value::Enabled, "gamesched", facts.kernel.enable_seq + 1};
    controller.attach_done(facts.now_usec);
    ++enables;
  }
  void detach() {
    facts.attached = false;
    facts.kernel = {Value::Disabled, "", facts.kernel.enable_seq};
  }
  std::optional<Ejection> eject(const std::string& reason = "runnable task stall") {
    detach();
    return controller.exited({.error = true, .kind = 1025, .reason = reason, .message = "cc1plus[7] waited"},
                             facts.now_usec);
  }
  void pass(uint64_t usec) { facts.now_usec += usec; }
  State state() const { return controller.status(facts).state; }
  std::string reason() const { return controller.status(facts).reason; }

  int enables = 0;
};

TEST_F(AController, SleepsWithoutATimerWhenNoGameRuns) {
  const Decision decision = decide();
  EXPECT_EQ(decision.action, Action::None);
  EXPECT_FALSE(decision.wake_at_usec);
  EXPECT_EQ(state(), State::Standby);
}

TEST_F(AController, AttachesForAGameThatAnnouncesItself) {
  facts.expected_until_usec = facts.now_usec + 3 * usec_per_sec;
  EXPECT_EQ(settle().wake_at_usec, facts.expected_until_usec);
  EXPECT_EQ(enables, 1);
  EXPECT_EQ(reason(), "A game is about to start.");
  facts.games = 1;
  EXPECT_FALSE(settle().wake_at_usec);
  pass(10 * usec_per_sec);
  settle();
  EXPECT_EQ(state(), State::Active);
}

TEST_F(AController, DetachesWhenAnAnnouncedGameDoesNotCome) {
  facts.expected_until_usec = facts.now_usec + 3 * usec_per_sec;
  settle();
  pass(3 * usec_per_sec);
  EXPECT_EQ(decide().action, Action::Detach);
  EXPECT_FALSE(settle().wake_at_usec);
  EXPECT_EQ(state(), State::Standby);
}

TEST_F(AController, AnAnnouncedGameChangesNothingWhereNoneWouldBeScheduled) {
  facts.expected_until_usec = facts.now_usec + 3 * usec_per_sec;
  controller.set_enabled(false);
  EXPECT_EQ(decide().action, Action::None);
  Config never;
  never.attach = AttachMode::Never;
  controller = Controller(never, true);
  EXPECT_EQ(decide().action, Action::None);
}

TEST_F(AController, AttachesForTheFirstGameAndThenSleeps) {
  facts.games = 1;
  EXPECT_EQ(decide().action, Action::Attach);
  const Decision decision = settle();
  EXPECT_FALSE(decision.wake_at_usec);
  EXPECT_EQ(state(), State::Active);
  EXPECT_EQ(reason(), "Scheduling 1 game.");
  facts.games = 2;
  EXPECT_EQ(settle().action, Action::None);
  EXPECT_EQ(enables, 1);
}

TEST_F(AController, LingersAfterTheLastGame) {
  facts.games = 1;
  settle();
  facts.games = 0;
  const Decision decision = settle();
  EXPECT_EQ(decision.wake_at_usec, facts.now_usec + 5 * usec_per_sec);
  EXPECT_EQ(state(), State::Active);
  pass(5 * usec_per_sec - 1);
  EXPECT_EQ(decide().action, Action::None);
  pass(1);
  EXPECT_EQ(decide().action, Action::Detach);
  settle();
  EXPECT_EQ(state(), State::Standby);
  EXPECT_FALSE(settle().wake_at_usec);
}

TEST_F(AController, KeepsTheSchedulerOverAShortGap) {
  facts.games = 1;
  settle();
  facts.games = 0;
  settle();
  pass(usec_per_sec);
  facts.games = 1;
  EXPECT_FALSE(settle().wake_at_usec);
  EXPECT_EQ(enables, 1);
}

TEST_F(AController, DetachesAtOnceWithNoLinger) {
  controller.configure({.linger_s = 0});
  facts.games = 1;
  settle();
  facts.games = 0;
  EXPECT_EQ(decide().action, Action::Detach);
}

TEST_F(AController, NeverAttachesForALinger) {
  facts.games = 1;
  settle();
  facts.games = 0;
  settle();
  controller.set_enabled(false);
  settle();
  controller.set_enabled(true);
  EXPECT_EQ(decide().action, Action::None);
  EXPECT_EQ(state(), State::Standby);
}

TEST_F(AController, AlwaysMeansWithoutGamesToo) {
  controller.configure({.attach = AttachMode::Always});
  EXPECT_FALSE(settle().wake_at_usec);
  EXPECT_EQ(enables, 1);
  EXPECT_EQ(state(), State::Active);
}

TEST_F(AController, NeverMeansNever) {
  controller.configure({.attach = AttachMode::Never});
  facts.games = 3;
  EXPECT_EQ(settle().action, Action::None);
  EXPECT_EQ(enables, 0);
  EXPECT_EQ(state(), State::Off);
  EXPECT_NE(reason().find("never"), std::string::npos);
}

TEST_F(AController, DetachesWhenSwitchedOffOrConfiguredAway) {
  facts.games = 1;
  settle();
  controller.set_enabled(false);
  EXPECT_EQ(decide().action, Action::Detach);
  settle();
  EXPECT_EQ(state(), State::Off);
  controller.set_enabled(true);
  pass(min_between_enables_usec);
  settle();
  EXPECT_EQ(state(), State::Active);
  controller.configure({.attach = AttachMode::Never});
  EXPECT_EQ(decide().action, Action::Detach);
}

TEST_F(AController, KeepsEnablesApart) {
  facts.games = 1;
  settle();
  controller.set_enabled(false);
  settle();
  controller.set_enabled(true);
  const uint64_t first = facts.now_usec;
  pass(1);
  Decision decision = decide();
  EXPECT_EQ(decision.action, Action::None);
  EXPECT_EQ(decision.wake_at_usec, first + min_between_enables_usec);
  EXPECT_EQ(state(), State::Standby);
  pass(min_between_enables_usec - 1);
  EXPECT_EQ(decide().action, Action::Attach);
}

TEST_F(AController, BacksOffOneAndFiveSecondsAndThenStaysOff) {
  facts.games = 1;
  settle();
  pass(10 * usec_per_sec);

  auto ejection = eject();
  ASSERT_TRUE(ejection);
  EXPECT_EQ(ejection->retry_in_s, 1U);
  EXPECT_EQ(ejection->detail, "cc1plus[7] waited");
  EXPECT_EQ(state(), State::Ejected);
  EXPECT_EQ(settle().wake_at_usec, facts.now_usec + 1 * usec_per_sec);
  pass(usec_per_sec);
  settle();
  EXPECT_EQ(state(), State::Active);
  pass(10 * usec_per_sec);

  EXPECT_EQ(eject()->retry_in_s, 5U);
  EXPECT_EQ(settle().wake_at_usec, facts.now_usec + 5 * usec_per_sec);
  pass(5 * usec_per_sec);
  settle();
  EXPECT_EQ(enables, 3);
  pass(10 * usec_per_sec);

  EXPECT_EQ(eject()->retry_in_s, 0U);
  EXPECT_FALSE(settle().wake_at_usec);
  pass(ejection_memory_usec * 2);
  facts.games = 0;
  settle();
  facts.games = 1;
  settle();
  EXPECT_EQ(enables, 3);
  EXPECT_EQ(state(), State::Ejected);
  EXPECT_NE(reason().find("gameschedctl on"), std::string::npos);

  controller.set_enabled(true);
  settle();
  EXPECT_EQ(enables, 4);
  EXPECT_EQ(state(), State::Active);
  pass(usec_per_sec);
  EXPECT_EQ(eject()->retry_in_s, 1U);
}

TEST_F(AController, EjectionsFarApartBackOffThirtySecondsButGoOn) {
  facts.games = 1;
  settle();
  const uint32_t expected[] = {1, 5, 30, 30};
  for (const uint32_t seconds : expected) {
    pass(ejection_window_usec / 2 + usec_per_sec);
    EXPECT_EQ(eject()->retry_in_s, seconds);
    pass(seconds * usec_per_sec);
    settle();
    EXPECT_EQ(state(), State::Active);
  }
  pass(ejection_memory_usec + 1);
  EXPECT_EQ(eject()->retry_in_s, 1U);
}

TEST_F(AController, AnEjectionWithoutGamesEndsItsBackOffInTheStatus) {
  facts.games = 1;
  settle();
  pass(10 * usec_per_sec);
  eject();
  facts.games = 0;
  EXPECT_EQ(settle().wake_at_usec, facts.now_usec + usec_per_sec);
  EXPECT_EQ(state(), State::Ejected);
  pass(usec_per_sec);
  EXPECT_FALSE(settle().wake_at_usec);
  EXPECT_EQ(state(), State::Standby);
}

TEST_F(AController, ARestartRequestIsNoEjection) {
  facts.games = 1;
  settle();
  for (int i = 0; i < 10; ++i) {
    pass(min_between_enables_usec);
    detach();
    EXPECT_FALSE(controller.exited({.error = false, .restart = true, .reason = "CPU hotplug", .message = ""},
                                   facts.now_usec));
    EXPECT_EQ(decide().action, Action::Attach);
    settle();
  }
  EXPECT_EQ(state(), State::Active);
}

TEST_F(AController, LeavesAnotherSchedulerAloneAndLooksAgain) {
  facts.kernel = {Value::Enabled, "scx_lavd", 1};
  Decision decision = settle();
  EXPECT_FALSE(decision.wake_at_usec) << "no timer while no game runs";
  EXPECT_EQ(state(), State::Conflict);
  EXPECT_NE(reason().find("scx_lavd"), std::string::npos);
  facts.games = 1;
  decision = settle();
  EXPECT_EQ(decision.wake_at_usec, facts.now_usec + conflict_recheck_usec);
  EXPECT_EQ(enables, 0);
  EXPECT_EQ(state(), State::Conflict);
  detach();  // it leaves
  settle();
  EXPECT_EQ(state(), State::Active);
}

TEST_F(AController, WithAlwaysFollowsAnotherSchedulerWithoutAGame) {
  controller.configure({.attach = AttachMode::Always});
  facts.kernel = {Value::Enabled, "scx_lavd", 1};
  EXPECT_EQ(settle().wake_at_usec, facts.now_usec + conflict_recheck_usec);
  EXPECT_NE(reason().find("within seconds"), std::string::npos);
  detach();
  settle();
  EXPECT_EQ(state(), State::Active);
}

TEST_F(AController, HasNoTimerInAConflictWhenTheKernelTellsItsEnd) {
  controller.configure({.attach = AttachMode::Always});
  facts.changes_are_told = true;
  facts.kernel = {Value::Enabled, "scx_lavd", 1};
  EXPECT_FALSE(settle().wake_at_usec);
  facts.games = 1;
  EXPECT_FALSE(settle().wake_at_usec);
  // Told while the other one is still on its way out.
  facts.kernel = {Value::Disabling, "", 1};
  EXPECT_EQ(settle().wake_at_usec, facts.now_usec + transition_recheck_usec);
  detach();
  settle();
  EXPECT_EQ(state(), State::Active);
}

TEST_F(AController, StaysOffAtOnceWhenItWasEvictedAtTheKeyboard) {
  facts.games = 1;
  settle();
  detach();
  const auto ejection = controller.exited(
      {.error = true, .by_administrator = true, .kind = 67, .reason = "disabled by sysrq-S", .message = ""},
      facts.now_usec);
  ASSERT_TRUE(ejection);
  EXPECT_EQ(ejection->retry_in_s, 0U);
  pass(3600 * usec_per_sec);
  EXPECT_EQ(decide().action, Action::None);
  EXPECT_EQ(state(), State::Ejected);
}

TEST_F(AController, OffIsOffWhateverElseRuns) {
  controller.set_enabled(false);
  facts.kernel = {Value::Enabled, "scx_lavd", 1};
  EXPECT_EQ(state(), State::Off);
}

TEST_F(AController, WaitsWhileTheKernelChangesSchedulers) {
  facts.games = 1;
  for (const Value value : {Value::Enabling, Value::Disabling}) {
    facts.kernel.value = value;
    const Decision decision = decide();
    EXPECT_EQ(decision.action, Action::None);
    EXPECT_EQ(decision.wake_at_usec, facts.now_usec + transition_recheck_usec);
    EXPECT_EQ(state(), State::Standby);
  }
}

TEST_F(AController, BelievesTheKernelThatNothingRuns) {
  facts.games = 1;
  settle();
  facts.kernel = {Value::Disabled, "", 1};  // yet attached() still says so
  EXPECT_NE(state(), State::Active);
  EXPECT_EQ(decide().action, Action::Detach);
}

TEST_F(AController, UnsupportedSaysWhyAndDoesNothing) {
  facts.support = {false, "This kernel has no sched_ext."};
  facts.kernel.value = Value::Unsupported;
  facts.games = 1;
  EXPECT_EQ(settle().action, Action::None);
  EXPECT_FALSE(settle().wake_at_usec);
  EXPECT_EQ(state(), State::Unsupported);
  EXPECT_EQ(reason(), "This kernel has no sched_ext.");
  facts.support.reason.clear();
  EXPECT_FALSE(reason().empty());
}

TEST_F(AController, GivesUpAtOnceWhereTheKernelRefusesForGood) {
  for (const Error::Code code : {Error::Code::Unsupported, Error::Code::Permission}) {
    controller.set_enabled(true);
    facts.games = 1;
    EXPECT_EQ(decide().action, Action::Attach);
    controller.attach_failed({code, "Not here."}, facts.now_usec);
    EXPECT_EQ(decide().action, Action::None);
    EXPECT_FALSE(decide().wake_at_usec);
    EXPECT_EQ(state(), State::Unsupported);
    EXPECT_EQ(reason(), "Not here.");
    pass(min_between_enables_usec);
  }
}

TEST_F(AController, TriesAFailedAttachThreeTimesASession) {
  facts.games = 1;
  int tries = 0;
  for (int i = 0; i < 10; ++i) {
    const Decision decision = decide();
    if (decision.action == Action::Attach) {
      ++tries;
      controller.attach_failed({Error::Code::System, "out of memory"}, facts.now_usec);
      EXPECT_EQ(state(), State::Unsupported);
      EXPECT_NE(reason().find("out of memory"), std::string::npos);
      continue;
    }
    if (!decision.wake_at_usec) break;
    ASSERT_GT(*decision.wake_at_usec, facts.now_usec);
    facts.now_usec = *decision.wake_at_usec;
  }
  EXPECT_EQ(tries, 3);
  facts.games = 0;
  decide();
  pass(min_between_enables_usec);
  facts.games = 1;
  EXPECT_EQ(decide().action, Action::Attach) << "a new session is a new chance";
}

TEST_F(AController, ANewSessionDoesNotSwitchOnWhatIsOff) {
  facts.games = 1;
  for (int i = 0; i < 3; ++i)
    controller.attach_failed({Error::Code::System, "out of memory"}, facts.now_usec);
  controller.set_enabled(false);
  facts.games = 0;
  decide();
  facts.games = 1;
  decide();
  EXPECT_FALSE(controller.enabled());
  EXPECT_EQ(state(), State::Off);
}

TEST_F(AController, SomebodyElseBeingFasterIsNoFailure) {
  facts.games = 1;
  for (int i = 0; i < 10; ++i) {
    controller.attach_failed({Error::Code::Busy, "busy"}, facts.now_usec);
    const Decision decision = decide();
    EXPECT_EQ(decision.wake_at_usec, facts.now_usec + min_between_enables_usec);
    pass(min_between_enables_usec);
    EXPECT_EQ(decide().action, Action::Attach);
  }
}

TEST_F(AController, DegradedNamesTheMissing) {
  facts.games = 1;
  facts.missing_detectors = {"input", "gpu"};
  EXPECT_EQ(state(), State::Standby);
  settle();
  EXPECT_EQ(state(), State::Degraded);
  EXPECT_NE(reason().find("input, gpu"), std::string::npos);
}

TEST_F(AController, CleansTheKernelsWords) {
  facts.games = 1;
  settle();
  const auto ejection = eject("bad\n\x1b[31m" + std::string(4000, 'x'));
  EXPECT_EQ(ejection->reason.find('\n'), std::string::npos);
  EXPECT_LE(ejection->reason.size(), 256U);
  EXPECT_LE(reason().size(), 512U);
}

TEST_F(AController, AlwaysHasASentence) {
  for (const Value value :
       {Value::Unsupported, Value::Disabled, Value::Enabling, Value::Enabled, Value::Disabling}) {
    for (const bool attached : {false, true}) {
      for (const bool enabled : {false, true}) {
        for (const AttachMode mode : {AttachMode::Game, AttachMode::Always, AttachMode::Never}) {
          for (const std::size_t games : {0, 1}) {
            Controller c({.attach = mode}, enabled);
            facts.kernel.value = value;
            facts.attached = attached;
            facts.games = games;
            c.decide(facts);
            const Status status = c.status(facts);
            EXPECT_GT(status.reason.size(), 15U);
            EXPECT_EQ(status.reason.back(), '.');
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace gamesched::policy
