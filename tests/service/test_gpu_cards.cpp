// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which commands of which card give it work, from a folder like /sys/dev/char.
#include <gtest/gtest.h>

#include <filesystem>

#include "service/kernel/gpu_cards.h"
#include "tests/service/folder.h"

namespace gamesched::kernel {
namespace {

bool submits(const gs_gpu_card& card, uint32_t command) {
  const uint32_t bit = command - 0x40;
  return (card.submits[bit / 64] >> bit % 64 & 1) != 0;
}

class GpuCards : public tests::Folder {
 protected:
  void card(const std::string& number, const std::string& device, const std::string& driver) {
    make("devices/" + device);
    make("drivers/" + driver);
    make("char/" + number);
    if (!driver.empty() && !std::filesystem::exists(path() / "devices" / device / "driver"))
      std::filesystem::create_directory_symlink("../../drivers/" + driver,
                                                path() / "devices" / device / "driver");
    std::filesystem::create_directory_symlink("../../devices/" + device, path() / "char" / number / "device");
  }
  std::map<uint32_t, gs_gpu_card> read() const { return read_gpu_cards(path() / "char"); }
};

TEST_F(GpuCards, AreKnownByTheirDriver) {
  card("226:0", "0000:03:00.0", "amdgpu");
  card("226:128", "0000:03:00.0", "amdgpu");
  card("226:1", "0000:00:02.0", "i915");
  const auto cards = read();
  ASSERT_EQ(cards.size(), 3U);
  EXPECT_TRUE(submits(cards.at(0), 0x44));
  EXPECT_TRUE(submits(cards.at(128), 0x44));
  EXPECT_FALSE(submits(cards.at(128), 0x69));
  EXPECT_TRUE(submits(cards.at(1), 0x69));
}

TEST_F(GpuCards, WithoutADriverByTheirDevice) {
  card("226:2", "vgem", "");
  card("226:3", "vgem2", "");
  const auto cards = read();
  ASSERT_EQ(cards.size(), 1U);
  EXPECT_TRUE(submits(cards.at(2), 0x41));
}

TEST_F(GpuCards, OtherDevicesAndNonsenseAreLeftOut) {
  card("226:4", "0000:01:00.0", "nvidia");
  card("225:0", "0000:03:00.0", "amdgpu");
  card("226:300", "0000:03:00.0", "amdgpu");
  card("226:1x", "0000:03:00.0", "amdgpu");
  make("char/226:9");
  EXPECT_TRUE(read().empty());
  EXPECT_TRUE(read_gpu_cards(path() / "absent").empty());
}

TEST(GpuDrivers, EachHasItsCommands) {
#define GPU_DRIVER(name, ...)                                                       \
  for (const uint32_t command : {__VA_ARGS__}) {                                    \
    ASSERT_GE(command, 0x40U) << name;                                              \
    ASSERT_LT(command, 0x40U + GS_GPU_COMMANDS) << name;                            \
    EXPECT_TRUE(submits(gpu_commands_of(name), command)) << name << " " << command; \
  }
#include "bpf/shared/gpu_drivers.def"
#undef GPU_DRIVER
  EXPECT_EQ(gpu_commands_of("nvidia").submits[0] | gpu_commands_of("nvidia").submits[1], 0U);
}

}  // namespace
}  // namespace gamesched::kernel
