// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "service/auth/kept_answers.h"

namespace gamesched::auth {
namespace {

const LoginSession display{.id = "2", .uid = 1000, .is_display = true};
const StartedBy its_session{.session = "2", .users = {}};
const StartedBy their_systemd{.session = "", .users = 1000};

struct AYesForASession : testing::Test {
  AYesForASession() { kept.keep(kept.epoch(), display); }
  KeptAnswers kept;
};

TEST_F(AYesForASession, IsForWhatItsUserStartedThere) {
  EXPECT_TRUE(kept.allow(1000, its_session));
  EXPECT_TRUE(kept.allow(1000, their_systemd));
}

TEST_F(AYesForASession, IsForNobodyElse) {
  for (const uid_t uid : {0U, 1001U, 65534U, 4'294'967'295U}) {
    EXPECT_FALSE(kept.allow(uid, its_session));
    EXPECT_FALSE(kept.allow(uid, their_systemd));
  }
}

TEST_F(AYesForASession, IsForNoOtherSessionAndNobodyElsesSystemd) {
  EXPECT_FALSE(kept.allow(1000, {.session = "3", .users = {}}));
  EXPECT_FALSE(kept.allow(1000, {.session = "", .users = 1001}));
  EXPECT_FALSE(kept.allow(1000, {.session = "", .users = {}}));
}

TEST_F(AYesForASession, TellsThatItsUserMayAtAll) {
  EXPECT_TRUE(kept.allows_some(1000));
  EXPECT_FALSE(kept.allows_some(1001));
  kept.forget();
  EXPECT_FALSE(kept.allows_some(1000));
}

TEST_F(AYesForASession, EndsWhenSomethingChanges) {
  kept.forget();
  EXPECT_TRUE(kept.empty());
  EXPECT_FALSE(kept.allow(1000, its_session));
}

TEST(AYes, OfASessionThatIsNotItsUsersDisplaySaysNothingOfTheirSystemd) {
  KeptAnswers kept;
  kept.keep(kept.epoch(), {.id = "2", .uid = 1000, .is_display = false});
  EXPECT_TRUE(kept.allow(1000, its_session));
  EXPECT_FALSE(kept.allow(1000, their_systemd));
}

TEST(AYes, ThatWasAskedForBeforeAChangeIsNotKept) {
  KeptAnswers kept;
  const KeptAnswers::Epoch asked_in = kept.epoch();
  kept.forget();
  kept.keep(asked_in, display);
  EXPECT_FALSE(kept.allow(1000, its_session));
  kept.keep(kept.epoch(), display);
  EXPECT_TRUE(kept.allow(1000, its_session));
}

TEST(Nobody, IsAllowedWithoutAYes) {
  EXPECT_FALSE(KeptAnswers().allow(1000, its_session));
}

}  // namespace
}  // namespace gamesched::auth
