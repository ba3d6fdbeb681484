// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/audio/sound_cards.h"

#include "tests/fakes/backend.h"
#include "tests/service/folder.h"

namespace gamesched::tests {
namespace {

class SoundCards : public Folder {
 protected:
  void card(const std::string& parent, int number, int minor, const std::string& id) const {
    const std::string folder = parent + "/sound/card" + std::to_string(number);
    const std::string device = folder + "/pcmC" + std::to_string(number) + "D0p";
    make(device);
    make("dev/char");
    write(folder + "/id", id + "\n");
    const auto link = path() / "dev/char" / ("116:" + std::to_string(minor));
    std::filesystem::remove(link);
    std::filesystem::create_symlink("../../" + device, link);
  }
  void usb(const std::string& device, const std::string& product) const {
    make(device + "/1-2:1.0");
    write(device + "/idVendor", "1235\n");
    write(device + "/product", product);
  }
};

TEST_F(SoundCards, AUsbInterfaceIsRecognisedAndNamed) {
  usb("devices/pci0/usb1/1-2", "Scarlett 2i2 USB\n");
  card("devices/pci0/usb1/1-2/1-2:1.0", 3, 20, "USB");
  const auto found = audio::card_of(20, path());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->number, 3);
  EXPECT_TRUE(found->usb);
  EXPECT_EQ(found->name, "Scarlett 2i2 USB");
}

TEST_F(SoundCards, ACardOfTheMachineHasItsId) {
  card("devices/pci0/0000:00:1f.3", 0, 3, "PCH");
  const auto found = audio::card_of(3, path());
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->usb);
  EXPECT_EQ(found->name, "PCH");
}

TEST_F(SoundCards, ADeviceWithoutACardIsNone) {
  make("devices/virtual/sound/seq");
  make("dev/char");
  std::filesystem::create_symlink("../../devices/virtual/sound/seq", path() / "dev/char/116:1");
  EXPECT_FALSE(audio::card_of(1, path()));
  EXPECT_FALSE(audio::card_of(99, path()));
}

TEST_F(SoundCards, NamesThatADeviceMadeUpAreHarmless) {
  usb("devices/usb1/1-2", "evil\n\033[2Jname" + std::string(500, 'x'));
  card("devices/usb1/1-2/1-2:1.0", 1, 7, "x");
  const auto found = audio::card_of(7, path());
  ASSERT_TRUE(found);
  EXPECT_LE(found->name.size(), 64U);
  EXPECT_EQ(found->name.find('\n'), std::string::npos);
  EXPECT_EQ(found->name.find('\033'), std::string::npos);
}

TEST_F(SoundCards, WhatIsUsedIsRemembered) {
  fakes::FakeBackend backend;
  audio::SoundCards cards(backend, path());
  card("devices/pci0/0000:00:1f.3", 0, 3, "PCH");
  backend.on_sound(3);
  backend.on_sound(3);
  backend.on_sound(77);
  ASSERT_EQ(cards.used().size(), 1U);
  std::filesystem::remove_all(path() / "devices");
  usb("devices/usb1/1-2", "Headset\n");
  card("devices/usb1/1-2/1-2:1.0", 0, 3, "H");
  backend.on_sound(3);
  ASSERT_EQ(cards.used().size(), 1U);
  EXPECT_EQ(cards.used().at(0).name, "Headset");
}

}  // namespace
}  // namespace gamesched::tests
