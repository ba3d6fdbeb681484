// SPDX-License-Identifier: GPL-2.0-or-later
//
// Loop, attachment and a fake kernel together.
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <stdexcept>

#include "service/loop/loop.h"
#include "service/policy/attachment.h"
#include "service/util/fd.h"
#include "service/util/time.h"
#include "tests/fakes/backend.h"

namespace gamesched::policy {
namespace {

class AnAttachment : public testing::Test {
 protected:
  Loop loop;
  fakes::FakeBackend backend;
  std::size_t games = 0;
  Attachment attachment{loop, backend, Controller(Config{}, true), [this] { return games; }};
  std::vector<Ejection> ejections;
  int changes = 0;

  void SetUp() override {
    attachment.on_ejected = [this](const Ejection& ejection) { ejections.push_back(ejection); };
    attachment.on_changed = [this] { ++changes; };
  }
  // Everything that is due now.
  void drain() {
    while (loop.run_once(0)) {
    }
  }
};

TEST_F(AnAttachment, JoinsManyChangesIntoOneDecision) {
  games = 1;
  for (int i = 0; i < 10; ++i) attachment.schedule();
  drain();
  EXPECT_EQ(backend.attach_calls, 1);
  EXPECT_EQ(changes, 1);
  EXPECT_EQ(attachment.status().state, State::Active);
}

TEST_F(AnAttachment, IdlesWithoutAnyTurnOfTheLoop) {
  attachment.update();
  drain();
  EXPECT_FALSE(loop.run_once(50 * usec_per_msec));
}

TEST(AnAttachmentThatIsTold, FollowsAnotherScheduler) {
  Loop loop;
  fakes::FakeBackend backend;
  backend.state_events = UniqueFd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  backend.state_now = {kernel::SchedState::Value::Enabled, "scx_lavd", 1};
  Attachment attachment{loop, backend, Controller({.attach = AttachMode::Always}, true), [] { return 0; }};
  attachment.update();
  EXPECT_EQ(attachment.status().state, State::Conflict);
  EXPECT_FALSE(loop.run_once(50 * usec_per_msec)) << "nothing to do until told";
  backend.state_now = {kernel::SchedState::Value::Disabled, "", 1};
  eventfd_write(backend.state_events.get(), 1);
  EXPECT_TRUE(loop.run_once(usec_per_sec));
  EXPECT_EQ(attachment.status().state, State::Active);
  EXPECT_FALSE(loop.run_once(0));
}

TEST_F(AnAttachment, LeavesWhatCanWaitUntilTheGameHasStarted) {
  games = 1;
  attachment.update();
  drain();
  EXPECT_EQ(backend.settle_calls, 0);
  EXPECT_TRUE(loop.run_once(3 * usec_per_sec));
  EXPECT_EQ(backend.settle_calls, 1);
}

TEST_F(AnAttachment, TellsAnEjectionAndWaits) {
  games = 1;
  attachment.update();
  backend.eject({.error = true, .kind = 1025, .reason = "stall", .message = "m"});
  ASSERT_EQ(ejections.size(), 1U);
  EXPECT_EQ(ejections[0].retry_in_s, 1U);
  drain();
  EXPECT_EQ(backend.attach_calls, 1);
  EXPECT_EQ(attachment.status().state, State::Ejected);
}

TEST_F(AnAttachment, CleansUpWhatTheKernelDroppedSilently) {
  games = 1;
  attachment.update();
  backend.state_now = {kernel::SchedState::Value::Disabled, "", 1};
  backend.pending_exit =
      kernel::ExitInfo{.error = true, .kind = 1024, .exit_code = 0, .reason = "runtime error", .message = ""};
  EXPECT_NE(attachment.status().state, State::Active);
  drain();  // the surprise is looked into without being asked
  EXPECT_EQ(backend.detach_calls, 1);
  EXPECT_EQ(ejections.size(), 1U);
  EXPECT_EQ(attachment.status().state, State::Ejected);
}

TEST_F(AnAttachment, DetachesAtTheEndAndStaysSo) {
  games = 1;
  attachment.update();
  attachment.shut_down();
  EXPECT_FALSE(backend.is_attached);
  attachment.update();
  drain();
  EXPECT_FALSE(backend.is_attached);
  EXPECT_EQ(backend.attach_calls, 1);
}

TEST_F(AnAttachment, NeverDetachesWhatIsNotOurs) {
  backend.state_now = {kernel::SchedState::Value::Enabled, "scx_lavd", 1};
  games = 1;
  attachment.update();
  attachment.set_enabled(false);
  attachment.set_enabled(true);
  attachment.shut_down();
  EXPECT_EQ(backend.detach_calls, 0);
  EXPECT_EQ(backend.attach_calls, 0);
}

TEST(ALoop, HandsOnWhatACallbackThrows) {
  Loop loop;
  Defer defer(loop, [] { throw std::runtime_error("broken"); });
  defer.schedule();
  EXPECT_THROW(loop.run(), std::runtime_error);
}

TEST(ALoop, LetsASourceEndItself) {
  Loop loop;
  const UniqueFd event(eventfd(1, EFD_CLOEXEC));
  std::unique_ptr<Io> io;
  int calls = 0;
  const std::string long_enough_for_the_heap(100, 'x');
  std::string seen;
  io = std::make_unique<Io>(loop, event.get(), 1U, Priority::Kernel, [&, text = long_enough_for_the_heap] {
    ++calls;
    io.reset();
    seen = text;
  });
  while (loop.run_once(0)) {
  }
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(seen, long_enough_for_the_heap);
}

TEST(ALoop, TimersFireOnceAndCanBeTakenBack) {
  Loop loop;
  int fired = 0;
  Timer timer(loop, [&] { ++fired; });
  EXPECT_FALSE(timer.armed());
  timer.arm_at(monotonic_usec());
  EXPECT_TRUE(timer.armed());
  timer.disarm();
  EXPECT_FALSE(loop.run_once(5 * usec_per_msec));
  timer.arm_at(monotonic_usec());
  while (fired == 0) loop.run_once(usec_per_sec);
  EXPECT_FALSE(timer.armed());
  EXPECT_FALSE(loop.run_once(5 * usec_per_msec));
  EXPECT_EQ(fired, 1);
}

}  // namespace
}  // namespace gamesched::policy
