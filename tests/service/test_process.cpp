// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <latch>
#include <thread>

#include "service/games/options.h"
#include "service/games/process.h"
#include "service/util/fd.h"
#include "service/util/procfs.h"
#include "service/util/text.h"

namespace gamesched::games {
namespace {

constexpr pid_t daemon_pid = 500;

ProcessFacts a_game(uid_t uid = 1000) {
  return {.pid = 700,
          .tgid = 700,
          .ruid = uid,
          .euid = uid,
          .suid = uid,
          .fsuid = uid,
          .start_ticks = 1,
          .comm = "game"};
}

Error::Code refusal(const ProcessFacts& facts) {
  const auto admitted = may_be_game(facts, daemon_pid);
  EXPECT_FALSE(admitted);
  if (admitted) return Error::Code::System;
  EXPECT_GT(admitted.error().message.size(), 20U);
  EXPECT_EQ(admitted.error().message.back(), '.');
  return admitted.error().code;
}

TEST(AProcess, OfAnyOneUserMayBeAGame) {
  for (const uid_t uid : {0U, 1000U, 65534U, 0x8000'0000U, 4'000'000'000U, 0xffff'fffdU}) {
    EXPECT_TRUE(may_be_game(a_game(uid), daemon_pid)) << uid;
  }
}

TEST(AProcess, ThatCanNeverBeAGameIsRefused) {
  ProcessFacts facts = a_game();
  facts.pid = facts.tgid = 1;
  EXPECT_EQ(refusal(facts), Error::Code::NotAGame);
  facts.pid = facts.tgid = daemon_pid;
  EXPECT_EQ(refusal(facts), Error::Code::NotAGame);
  facts.pid = 501;  // a thread of the daemon
  EXPECT_EQ(refusal(facts), Error::Code::NotAGame);
  facts = a_game(0);
  facts.kernel_thread = true;
  EXPECT_EQ(refusal(facts), Error::Code::NotYourProcess);
  facts = a_game();
  facts.zombie = true;
  EXPECT_EQ(refusal(facts), Error::Code::NoSuchProcess);
  facts = a_game();
  facts.pid = 701;
  EXPECT_EQ(refusal(facts), Error::Code::InvalidArgument);
}

TEST(AProcess, OfMoreThanOneUserIsRefused) {
  for (uid_t ProcessFacts::* const id :
       {&ProcessFacts::ruid, &ProcessFacts::euid, &ProcessFacts::suid, &ProcessFacts::fsuid}) {
    for (const uid_t other : {0U, 1001U, 0xffff'ffffU}) {
      ProcessFacts facts = a_game();
      facts.*id = other;
      EXPECT_EQ(refusal(facts), Error::Code::NotYourProcess);
    }
  }
}

class Inspect : public testing::TestWithParam<Ask> {};
INSTANTIATE_TEST_SUITE_P(OldAndNew, Inspect, testing::Values(Ask::Kernel, Ask::Proc));

TEST_P(Inspect, TellsOurselves) {
  const UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
  ASSERT_TRUE(pidfd);
  const auto facts = inspect(pidfd.get(), GetParam());
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_EQ(facts->tgid, getpid());
  EXPECT_EQ(facts->pid, getpid());
  EXPECT_EQ(facts->ruid, getuid());
  EXPECT_TRUE(facts->one_user());
  EXPECT_FALSE(facts->kernel_thread);
  EXPECT_GT(facts->start_ticks, 0U);
}

TEST_P(Inspect, TellsTheDeadFromTheLiving) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  const UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(inspect(pidfd.get(), GetParam()).error().code, Error::Code::NoSuchProcess) << "a zombie";
  waitpid(child, nullptr, 0);
  EXPECT_EQ(inspect(pidfd.get(), GetParam()).error().code, Error::Code::NoSuchProcess) << "reaped";
}

TEST_P(Inspect, TellsAThreadFromItsProcess) {
  pid_t thread_id = 0;
  std::latch started{1}, done{1};
  std::jthread thread([&] {
    thread_id = gettid();
    started.count_down();
    done.wait();
  });
  started.wait();
  constexpr unsigned pidfd_thread = O_EXCL;  // Linux 6.9
  const UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, thread_id, pidfd_thread)));
  const auto facts = pidfd ? inspect(pidfd.get(), GetParam()) : fail(Error::Code::Unsupported, "");
  done.count_down();
  if (!pidfd) GTEST_SKIP() << "this kernel has no pidfds of threads";
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->pid, thread_id);
  EXPECT_EQ(facts->tgid, getpid());
}

TEST_P(Inspect, TakesOnlyPidfds) {
  for (const char* const path : {"/dev/null", "/", "/proc/self/status"}) {
    const UniqueFd fd(open(path, O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(inspect(fd.get(), GetParam()).error().code, Error::Code::InvalidArgument) << path;
  }
  EXPECT_EQ(inspect(-1, GetParam()).error().code, Error::Code::InvalidArgument);
}

TEST(Options, AreBounded) {
  EXPECT_TRUE(check_options({}));
  EXPECT_TRUE(check_options({std::string(64, 'x'), std::string(128, 'x'), 1000}));
  EXPECT_FALSE(check_options({std::string(65, 'x'), "", 0}));
  EXPECT_FALSE(check_options({"", std::string(129, 'x'), 0}));
  EXPECT_FALSE(check_options({"", "", 1001}));
  EXPECT_FALSE(check_target_fps(0));
  EXPECT_FALSE(check_target_fps(UINT32_MAX));
}

TEST(Text, IsCleanOrNot) {
  for (const char* const clean : {"", "Doom", "Célèste ☃ 🎮", "a b", "\xef\xbf\xbd", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_clean(clean)) << clean;
    EXPECT_EQ(cleaned(clean, 100), clean);
  }
  for (const std::string dirty : {"a\nb", "\x1b[2J", "\x7f", "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xae",
                                  "\xe2\x81\xa6", "\xff", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
                                  "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xc3", "\xe2\x98", "\x80"}) {
    EXPECT_FALSE(is_clean(dirty));
    EXPECT_TRUE(is_clean(cleaned(dirty, 100)));
    EXPECT_NE(cleaned(dirty, 100).find('?'), std::string::npos);
  }
  EXPECT_FALSE(is_clean(std::string_view("a\0b", 3)));
  EXPECT_EQ(cleaned("ab☃", 4), "ab");
  EXPECT_EQ(cleaned("ab☃", 5), "ab☃");
}

TEST(Procfs, ReadsStatWhateverTheName) {
  const std::string rest = " S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 100 200\n";
  for (const char* const name : {"game", "a) R 1 (b", "(((", ")", "", "a b\nc"}) {
    const auto stat = procfs::parse_stat("7 (" + std::string(name) + ")" + rest);
    ASSERT_TRUE(stat) << name;
    EXPECT_EQ(stat->comm, name);
    EXPECT_EQ(stat->state, 'S');
    EXPECT_EQ(stat->start_ticks, 4711U);
    EXPECT_FALSE(stat->is_kernel_thread());
  }
  EXPECT_TRUE(procfs::parse_stat("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 3 0 0\n")
                  ->is_kernel_thread());
  const std::string whole = "7 (g)" + rest;
  for (std::size_t length = 0; length < whole.find("4711"); ++length) {
    EXPECT_FALSE(procfs::parse_stat(whole.substr(0, length))) << length;
  }
}

TEST(Procfs, ReadsUidsOfTheWholeRange) {
  const auto status = procfs::parse_status(
      "Name:\tUid: 0\nTgid:\t7\nUid:\t4000000000\t65534\t0\t4294967294\nGid:\t1\t1\t1\t1\n");
  ASSERT_TRUE(status);
  EXPECT_EQ(status->tgid, 7);
  EXPECT_EQ(status->ruid, 4'000'000'000U);
  EXPECT_EQ(status->euid, 65534U);
  EXPECT_EQ(status->suid, 0U);
  EXPECT_EQ(status->fsuid, 4'294'967'294U);
  for (const char* const bad :
       {"", "Tgid:\t7\n", "Tgid:\t7\nUid:\t1\t1\t1\n", "Tgid:\t7\nUid:\t1\t1\t1\t-1\n",
        "Tgid:\t7\nUid:\t1\t1\t1\t4294967296\n", "Tgid:\tx\nUid:\t1\t1\t1\t1\n"}) {
    EXPECT_FALSE(procfs::parse_status(bad)) << bad;
  }
}

TEST(Procfs, KnowsAPidfdByItsFdinfo) {
  EXPECT_EQ(
      procfs::parse_pidfd_fdinfo("pos:\t0\nflags:\t02\nmnt_id:\t15\nino:\t1\nPid:\t42\nNSpid:\t42\n").value(),
      42);
  EXPECT_EQ(procfs::parse_pidfd_fdinfo("pos:\t0\nPid:\t-1\n").value(), -1);
  for (const char* const text :
       {"", "pos:\t0\nflags:\t02\n", "Pid:\n", "Pid:\tx\n", "NSpid:\t42\n", "xPid:\t42\n"}) {
    EXPECT_EQ(procfs::parse_pidfd_fdinfo(text).error().code, Error::Code::InvalidArgument) << text;
  }
}

}  // namespace
}  // namespace gamesched::games
