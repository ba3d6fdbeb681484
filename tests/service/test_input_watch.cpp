// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/input/input_watch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "bpf/policy/window.h"
#include "tests/fakes/backend.h"
#include "tests/service/folder.h"

namespace gamesched::tests {
namespace {

TEST(UdevRecord, OfEveryKindOfDevice) {
  using input::lane_of_udev_record;
  EXPECT_EQ(lane_of_udev_record("I:123\nE:ID_INPUT=1\nE:ID_INPUT_JOYSTICK=1\nE:ID_BUS=usb\n"),
            GS_INPUT_CONTROLLER);
  EXPECT_EQ(lane_of_udev_record("E:ID_INPUT=1\nE:ID_INPUT_ACCELEROMETER=1\nE:ID_INPUT_JOYSTICK=1\n"),
            GS_INPUT_NONE);
  EXPECT_EQ(lane_of_udev_record("E:ID_INPUT_KEY=1\nE:ID_INPUT_KEYBOARD=1\n"), GS_INPUT_KEYBOARD);
  EXPECT_EQ(lane_of_udev_record("E:ID_INPUT_MOUSE=1\n"), GS_INPUT_MOUSE);
  EXPECT_EQ(lane_of_udev_record("E:ID_INPUT_TABLET=1\nE:ID_INPUT_MOUSE=1\n"), GS_INPUT_OTHER);
  EXPECT_EQ(lane_of_udev_record("E:ID_INPUT_KEY=1\n"), GS_INPUT_NONE);
  EXPECT_EQ(lane_of_udev_record("E:ID_INPUT_JOYSTICK=0\n"), GS_INPUT_NONE) << "a quirk took it back";
  EXPECT_EQ(lane_of_udev_record("E:MY_E:ID_INPUT_MOUSE=1\n"), GS_INPUT_NONE) << "not a line of its own";
  EXPECT_EQ(lane_of_udev_record("E:ID_INPUT_MOUSE=1"), GS_INPUT_NONE) << "cut off";
  EXPECT_EQ(lane_of_udev_record(""), GS_INPUT_NONE);
}

class InputWatchTest : public Folder {
 protected:
  void ask(uint32_t number) {
    backend_.questions_now.push_back(number);
    backend_.on_input_question();
    run_what_is_ready();
  }
  void gone(uint32_t number) {
    std::erase_if(backend_.questions_now, [&](uint32_t question) { return question == number; });
    backend_.on_input_question();
    run_what_is_ready();
  }
  // As udev does: written beside it, then moved.
  void udev_writes(uint32_t number, const std::string& record) {
    const auto name = "+input:input" + std::to_string(number);
    std::ofstream(path() / (name + ".tmp")) << record;
    std::filesystem::rename(path() / (name + ".tmp"), path() / name);
  }
  void run_what_is_ready() {
    while (loop_.run_once(0)) {
    }
  }

  Loop loop_;
  fakes::FakeBackend backend_;
  input::InputWatch watch_{loop_, backend_, path()};
};

TEST_F(InputWatchTest, AnswersFromWhatUdevKnows) {
  udev_writes(7, "E:ID_INPUT_JOYSTICK=1\n");
  ask(7);
  EXPECT_EQ(backend_.answers[7], GS_INPUT_CONTROLLER);
  EXPECT_FALSE(watch_.waits());
}

TEST_F(InputWatchTest, WaitsForUdevAndThenNoLonger) {
  ask(7);
  EXPECT_EQ(backend_.answer_calls, 0);
  EXPECT_TRUE(watch_.waits());
  udev_writes(8, "E:ID_INPUT_MOUSE=1\n");
  run_what_is_ready();
  EXPECT_EQ(backend_.answer_calls, 0) << "another device's record";
  udev_writes(7, "E:ID_INPUT_JOYSTICK=1\n");
  run_what_is_ready();
  EXPECT_EQ(backend_.answers[7], GS_INPUT_CONTROLLER);
  EXPECT_FALSE(watch_.waits());
}

// Whoever may make devices makes many: each of udev's records is one look, not one for each device.
TEST_F(InputWatchTest, LooksOnlyAtWhatUdevHasWritten) {
  for (uint32_t number = 1; number <= 50; number++) backend_.questions_now.push_back(number);
  backend_.on_input_question();
  run_what_is_ready();
  ASSERT_TRUE(watch_.waits());
  // A record that nobody was told of shows who looks.
  std::ofstream(path() / "+input:input3") << "E:ID_INPUT_MOUSE=1\n";
  udev_writes(7, "E:ID_INPUT_JOYSTICK=1\n");
  std::ofstream(path() / "c13:7.tmp") << "";
  std::filesystem::rename(path() / "c13:7.tmp", path() / "c13:7");
  run_what_is_ready();
  EXPECT_EQ(backend_.answers.size(), 1U);
  EXPECT_EQ(backend_.answers[7], GS_INPUT_CONTROLLER);
  EXPECT_TRUE(watch_.waits());
  ask(51);
  EXPECT_EQ(backend_.answers.size(), 1U);
  udev_writes(51, "E:ID_INPUT_JOYSTICK=1\n");
  run_what_is_ready();
  EXPECT_EQ(backend_.answers[51], GS_INPUT_CONTROLLER);
}

TEST_F(InputWatchTest, StopsWaitingForADeviceThatIsGone) {
  ask(7);
  ASSERT_TRUE(watch_.waits());
  gone(7);
  EXPECT_FALSE(watch_.waits());
  EXPECT_EQ(backend_.answer_calls, 0);
}

TEST_F(InputWatchTest, AnswersOnce) {
  udev_writes(7, "E:ID_INPUT_JOYSTICK=1\n");
  ask(7);
  udev_writes(8, "E:ID_INPUT_ACCELEROMETER=1\n");
  ask(8);
  EXPECT_EQ(backend_.answer_calls, 2);
  EXPECT_EQ(backend_.answers[8], GS_INPUT_NONE);
  backend_.on_input_question();
  run_what_is_ready();
  EXPECT_EQ(backend_.answer_calls, 2);
}

TEST_F(InputWatchTest, AnswersManyQuestionsAtOnce) {
  for (uint32_t number = 1; number <= 50; number++) {
    udev_writes(number, "E:ID_INPUT_JOYSTICK=1\n");
    backend_.questions_now.push_back(number);
    backend_.on_input_question();
  }
  run_what_is_ready();
  EXPECT_EQ(backend_.answers.size(), 50U);
  EXPECT_EQ(backend_.answer_calls, 1);
}

TEST_F(InputWatchTest, IN6_TellsTheJournalOfALossOnce) {
  testing::internal::CaptureStderr();
  for (int i = 0; i < 1000; i++) backend_.on_input_lost(7);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(said, '\n'), 1);
  EXPECT_TRUE(said.contains("too slow for 7 input events")) << said;
}

TEST(InputWatchWithoutUdev, SaysThatItIsNoInputForGames) {
  Loop loop;
  fakes::FakeBackend backend;
  input::InputWatch watch(loop, backend, "/nonexistent/udev/data");
  backend.questions_now = {3};
  backend.on_input_question();
  while (loop.run_once(0)) {
  }
  EXPECT_EQ(backend.answers[3], GS_INPUT_NONE);
  EXPECT_FALSE(watch.waits());
}

}  // namespace
}  // namespace gamesched::tests
