// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "service/games/limits.h"

namespace gamesched::games {
namespace {

TEST(ARateLimit, AllowsABurstAndThenItsRate) {
  RateLimit limit(max_changes, changes_window_usec);
  uint64_t now = 1'000'000;
  for (uint32_t i = 0; i < max_changes; ++i) EXPECT_TRUE(limit.take(1000, now));
  const auto refused = limit.take(1000, now);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Error::Code::LimitsExceeded);
  EXPECT_NE(refused.error().message.find("1 s"), std::string::npos) << refused.error().message;
  now += changes_window_usec / max_changes;
  EXPECT_TRUE(limit.take(1000, now));
  EXPECT_FALSE(limit.take(1000, now));
  now += changes_window_usec;
  for (uint32_t i = 0; i < max_changes; ++i) EXPECT_TRUE(limit.take(1000, now));
  EXPECT_FALSE(limit.take(1000, now));
}

TEST(ARateLimit, IsEachUsersOwn) {
  RateLimit limit(1, usec_per_sec);
  for (const uid_t uid : {0U, 1000U, 65534U, 4'000'000'000U, 4'294'967'293U}) {
    EXPECT_TRUE(limit.take(uid, 5));
    EXPECT_FALSE(limit.take(uid, 5));
  }
}

TEST(ARateLimit, ForgetsUsersWithoutDebt) {
  RateLimit limit(2, usec_per_sec);
  for (uid_t uid = 0; uid < 100; ++uid) EXPECT_TRUE(limit.take(uid, 0));
  EXPECT_EQ(limit.users(), 100U);
  EXPECT_TRUE(limit.take(7, usec_per_sec));
  EXPECT_EQ(limit.users(), 1U);
}

TEST(ARateLimit, SurvivesAClockThatStepsBack) {
  RateLimit limit(1, usec_per_sec);
  EXPECT_TRUE(limit.take(1, 10 * usec_per_sec));
  EXPECT_FALSE(limit.take(1, 0));
  EXPECT_FALSE(limit.take(1, 10 * usec_per_sec));
  EXPECT_TRUE(limit.take(1, 11 * usec_per_sec));
}

TEST(APendingLimit, CountsWhatIsHeld) {
  PendingLimit limit(2);
  {
    const auto first = limit.take(1000);
    const auto second = limit.take(1000);
    EXPECT_TRUE(first && second);
    EXPECT_EQ(limit.take(1000).error().code, Error::Code::LimitsExceeded);
    EXPECT_TRUE(limit.take(1001)) << "another user's share";
  }
  EXPECT_EQ(limit.users(), 0U);
  EXPECT_TRUE(limit.take(1000));
}

}  // namespace
}  // namespace gamesched::games
