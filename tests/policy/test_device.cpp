// SPDX-License-Identifier: GPL-2.0-or-later
#include "bpf/policy/device.h"

#include <gtest/gtest.h>
#include <linux/input.h>

#include <initializer_list>

#include "tests/policy/random.h"

namespace gamesched::tests {
namespace {

struct Range {
  u32 first, last;
  Range(u32 code) : first(code), last(code) {}  // NOLINT(google-explicit-constructor): a table's brevity
  Range(u32 from, u32 to) : first(from), last(to) {}
};

gs_device_bits device(std::initializer_list<u32> types, std::initializer_list<Range> keys,
                      std::initializer_list<u32> properties = {}) {
  gs_device_bits bits{};
  for (const u32 type : types) bits.types |= 1ULL << type;
  for (const u32 property : properties) bits.properties |= 1ULL << property;
  for (const Range& range : keys)
    for (u32 code = range.first; code <= range.last; ++code) bits.keys[code / 64] |= 1ULL << (code % 64);
  return bits;
}

TEST(DeviceLane, OfRealDevices) {
  const Range whole{KEY_ESC, KEY_KPDOT};
  struct Row {
    const char* device;
    gs_device_bits bits;
    u32 lane;
  };
  const Row rows[] = {
      {"mouse", device({EV_KEY, EV_REL, EV_MSC}, {{BTN_LEFT, BTN_EXTRA}}), GS_INPUT_MOUSE},
      {"mouse with macro keys", device({EV_KEY, EV_REL}, {{BTN_LEFT, BTN_EXTRA}, whole}), GS_INPUT_MOUSE},
      {"tablet of a virtual machine", device({EV_KEY, EV_ABS, EV_REL}, {{BTN_LEFT, BTN_MIDDLE}}),
       GS_INPUT_MOUSE},
      {"keyboard", device({EV_KEY, EV_LED, EV_REP, EV_MSC}, {whole, {KEY_F11, KEY_F12}}), GS_INPUT_KEYBOARD},
      {"keyboard with a wheel", device({EV_KEY, EV_REL}, {whole}), GS_INPUT_KEYBOARD},
      {"keypad of a one-handed gamer", device({EV_KEY}, {{KEY_1, KEY_5}, {KEY_Q, KEY_R}}), GS_INPUT_KEYBOARD},
      {"number pad", device({EV_KEY}, {{KEY_KP7, KEY_KPDOT}}), GS_INPUT_KEYBOARD},
      {"gamepad", device({EV_KEY, EV_ABS, EV_FF}, {{BTN_SOUTH, BTN_THUMBR}}), GS_INPUT_CONTROLLER},
      {"joystick", device({EV_KEY, EV_ABS}, {{BTN_TRIGGER, BTN_BASE6}}), GS_INPUT_CONTROLLER},
      {"button box", device({EV_KEY}, {{BTN_TRIGGER_HAPPY1, BTN_TRIGGER_HAPPY40}}), GS_INPUT_CONTROLLER},
      {"steering wheel", device({EV_KEY, EV_ABS}, {BTN_GEAR_DOWN, BTN_GEAR_UP}), GS_INPUT_CONTROLLER},
      {"arcade stick", device({EV_KEY}, {{BTN_DPAD_UP, BTN_DPAD_RIGHT}}), GS_INPUT_CONTROLLER},
      {"controller with a mouse button", device({EV_KEY, EV_REL, EV_ABS}, {BTN_LEFT, BTN_SOUTH}),
       GS_INPUT_CONTROLLER},
      {"controller's motion sensors", device({EV_ABS, EV_MSC}, {}, {INPUT_PROP_ACCELEROMETER}),
       GS_INPUT_NONE},
      {"controller's touchpad", device({EV_KEY, EV_ABS}, {BTN_LEFT, BTN_TOOL_FINGER, BTN_TOUCH}),
       GS_INPUT_OTHER},
      {"touchscreen", device({EV_KEY, EV_ABS}, {BTN_TOUCH}, {INPUT_PROP_DIRECT}), GS_INPUT_OTHER},
      {"pen", device({EV_KEY, EV_ABS}, {BTN_TOOL_PEN, BTN_STYLUS, BTN_TOUCH}), GS_INPUT_OTHER},
      {"keyboard that says it is a joystick, too", device({EV_KEY, EV_ABS}, {whole, BTN_TRIGGER}),
       GS_INPUT_ASK},
      {"pedals, or a sensor", device({EV_ABS}, {}), GS_INPUT_ASK},
      {"power button", device({EV_KEY}, {KEY_POWER}), GS_INPUT_NONE},
      {"lid", device({EV_SW}, {}), GS_INPUT_NONE},
      {"PC speaker", device({EV_SND}, {}), GS_INPUT_NONE},
      {"volume knob", device({EV_REL}, {}), GS_INPUT_NONE},
      {"headset's buttons", device({EV_KEY}, {KEY_MUTE, {KEY_VOLUMEDOWN, KEY_VOLUMEUP}, KEY_PLAYPAUSE}),
       GS_INPUT_NONE},
      {"nothing at all", device({}, {}), GS_INPUT_NONE},
  };
  for (const Row& row : rows) EXPECT_EQ(gs_device_lane(&row.bits), row.lane) << row.device;
}

TEST(DeviceLane, IsALaneOrASaidReasonWhateverTheBits) {
  Random random(__FILE__, __LINE__);
  for (int i = 0; i < 20000; ++i) {
    gs_device_bits bits{.properties = random.any(), .types = random.any(), .keys = {}};
    for (u64& word : bits.keys) word = random.any() & random.any() & random.any();
    const u32 lane = gs_device_lane(&bits);
    EXPECT_TRUE(lane < GS_NR_INPUT_LANES || lane == GS_INPUT_NONE || lane == GS_INPUT_ASK);
    if (bits.properties & GS_PROP_ACCELEROMETER) {
      EXPECT_EQ(lane, GS_INPUT_NONE);
    }
  }
}

TEST(DeviceCodes, AreTheKernels) {
  EXPECT_EQ(GS_PROP_ACCELEROMETER, 1ULL << INPUT_PROP_ACCELEROMETER);
  EXPECT_EQ(GS_KEY_WORDS, KEY_CNT / 64);
  EXPECT_EQ(BTN_LEFT / 64, 4);
  EXPECT_EQ(BTN_THUMBR / 64, 4);
  EXPECT_EQ(BTN_DIGI / 64, 5);
  EXPECT_EQ(BTN_GEAR_UP / 64, 5);
  EXPECT_EQ(BTN_DPAD_UP / 64, 8);
  EXPECT_EQ(BTN_TRIGGER_HAPPY40 / 64, 11);
  EXPECT_EQ(KEY_KP7 / 64, 1);
}

}  // namespace
}  // namespace gamesched::tests
