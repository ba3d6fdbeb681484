// SPDX-License-Identifier: GPL-2.0-or-later
//
// Who holds what a frame thread waits for.
#include <gtest/gtest.h>

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "bpf/policy/inherit.h"
#include "tests/policy/random.h"

namespace gamesched::tests {
namespace {

u32 owner(u32 word, u32 count, u32 third) {
  const u32 words[GS_LOCK_WORDS] = {word, count, third};
  return gs_lock_owner(words);
}

TEST(Inherit, LocksNameTheirOwner) {
  EXPECT_EQ(owner(2, 0, 4711), 4711U) << "glibc";
  EXPECT_EQ(owner(0x80000000U | 4711, 0, 99), 4711U) << "PI, robust, musl";
  EXPECT_EQ(owner(0xc0000000U | 4711, 0, 99), 4711U) << "its owner died";
}

TEST(Inherit, OtherWordsNameNobody) {
  EXPECT_EQ(owner(0, 0, 4711), 0U) << "free";
  EXPECT_EQ(owner(1, 0, 4711), 0U) << "held, and nobody waits";
  EXPECT_EQ(owner(4711, 0, 4711), 0U) << "a condition's count";
}

TEST(Inherit, TheLibraryKeepsTheOwnerWhereWeLook) {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  ASSERT_EQ(pthread_mutex_lock(&mutex), 0);
  u32 words[GS_LOCK_WORDS];
  std::memcpy(words, &mutex, sizeof(words));
  EXPECT_EQ(words[0], 1U) << "the word that others would wait on";
  words[0] = 2;  // as they set it
  EXPECT_EQ(gs_lock_owner(words), static_cast<u32>(::gettid()));
  pthread_mutex_unlock(&mutex);
}

TEST(Inherit, KindsOfWaits) {
  EXPECT_EQ(gs_wait_for(202, false), GS_WAIT_FOR_LOCK);
  EXPECT_EQ(gs_wait_for(230, false), GS_WAIT_FOR_TIME);
  EXPECT_EQ(gs_wait_for(0, false), GS_WAIT_FOR_ANYBODY) << "read";
  EXPECT_EQ(gs_wait_for(~0U, false), GS_WAIT_FOR_ANYBODY) << "no system call";
  EXPECT_EQ(gs_wait_for(240, true), GS_WAIT_FOR_LOCK);
  EXPECT_EQ(gs_wait_for(407, true), GS_WAIT_FOR_TIME);
  EXPECT_EQ(gs_wait_for(202, true), GS_WAIT_FOR_ANYBODY) << "the other table's number";
#ifdef __x86_64__
  EXPECT_EQ(gs_wait_for(SYS_futex, false), GS_WAIT_FOR_LOCK);
  EXPECT_EQ(gs_wait_for(SYS_clock_nanosleep, false), GS_WAIT_FOR_TIME);
  EXPECT_EQ(gs_wait_for(SYS_nanosleep, false), GS_WAIT_FOR_TIME);
#endif
}

TEST(Inherit, LoansForThemAreBounded) {
  EXPECT_TRUE(gs_lends_for_kernel_lock(false, 100 * GS_MSEC, 0)) << "the first";
  EXPECT_FALSE(gs_lends_for_kernel_lock(true, 100 * GS_MSEC, 0)) << "what one has on loan is not lent on";
  EXPECT_EQ(gs_kernel_loan_paid(0, 100 * GS_MSEC, 101 * GS_MSEC), 103 * GS_MSEC);
  EXPECT_EQ(gs_kernel_loan_paid(103 * GS_MSEC, 101 * GS_MSEC, 102 * GS_MSEC), 106 * GS_MSEC)
      << "it owed still";
  EXPECT_EQ(gs_kernel_loan_paid(0, 100 * GS_MSEC, 99 * GS_MSEC), 100 * GS_MSEC) << "clocks of two CPUs";
  EXPECT_TRUE(gs_lends_for_kernel_lock(false, 102 * GS_MSEC, 106 * GS_MSEC)) << "one after the other";
  EXPECT_FALSE(gs_lends_for_kernel_lock(false, 102 * GS_MSEC, 111 * GS_MSEC));
}

TEST(Inherit, AThirdOfTheTimeAtTheMost) {
  Random random(__FILE__, __LINE__);
  const u64 begin = GS_SEC, end = 11 * GS_SEC;
  u64 now = begin, paid = 0, lent = 0;
  while (now < end) {
    if (gs_lends_for_kernel_lock(false, now, paid)) {
      const u64 used = random.between(1, 2 * GS_KERNEL_LOAN_NS);
      paid = gs_kernel_loan_paid(paid, now, now + used);
      lent += used;
      now += used;
    } else {
      now += random.between(1, 100 * GS_USEC);
    }
  }
  EXPECT_LE(lent * 3, end - begin + 20 * GS_KERNEL_LOAN_NS);
  EXPECT_GE(lent * 4, end - begin) << "and it is lent to";
}

TEST(Inherit, LocksOfTheKernels) {
  constexpr u32 spin = 1, read = 2, write = 4, real_time = 8, per_cpu = 16, mutex = 32;
  EXPECT_EQ(gs_kernel_lock(mutex), GS_KERNEL_MUTEX);
  EXPECT_EQ(gs_kernel_lock(read), GS_KERNEL_RWSEM);
  EXPECT_EQ(gs_kernel_lock(write), GS_KERNEL_RWSEM);
  for (const u32 other :
       {spin, spin | mutex, spin | read, spin | write, real_time, real_time | read, per_cpu | write, 0U})
    EXPECT_EQ(gs_kernel_lock(other), GS_KERNEL_LOCK_NONE) << other;
  EXPECT_EQ(gs_kernel_lock_owner(0xffff888012345640 | 3), 0xffff888012345640U)
      << "read, and not to be spun for";
  EXPECT_EQ(gs_kernel_lock_owner(1), 0U) << "free, but for a bit of the lock's own";
}

}  // namespace
}  // namespace gamesched::tests
