// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/games/control_groups.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "service/games/sightings.h"
#include "tests/service/folder.h"

namespace gamesched::games {
namespace {

constexpr pid_t nobody = 0x7fff'fff0;  // beyond what a kernel gives to processes

class AControlGroup : public tests::Folder {};

TEST_F(AControlGroup, IsReadOnceAndRememberedByItsId) {
  const std::string own = cgroup_of(getpid());
  if (own.empty()) GTEST_SKIP() << "this process is in no unified control group";
  std::filesystem::create_directories(path().string() + own);
  struct stat folder{};
  ASSERT_EQ(stat((path().string() + own).c_str(), &folder), 0);
  ControlGroups groups(path().string());
  EXPECT_EQ(groups.path_of(nobody, folder.st_ino), "");
  EXPECT_EQ(groups.path_of(getpid(), folder.st_ino), own);
  EXPECT_EQ(groups.path_of(nobody, folder.st_ino), own) << "without a look at the process";
  EXPECT_EQ(groups.path_of(getpid(), 0), own);
}

TEST_F(AControlGroup, OfAProcessThatHasMovedIsNotTakenForTheOneItWasIn) {
  const std::string own = cgroup_of(getpid());
  if (own.empty()) GTEST_SKIP() << "this process is in no unified control group";
  ControlGroups groups;
  constexpr uint64_t another = 0xffff'ffff'ffff;
  EXPECT_EQ(groups.path_of(getpid(), another), own);
  EXPECT_EQ(groups.path_of(nobody, another), "");
}

}  // namespace
}  // namespace gamesched::games
