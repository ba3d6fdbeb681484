/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an input device is to a game, from what it says it can send.
 *
 * Problem: a mouse, a keyboard and a controller want windows of different lengths; a lid switch, a power
 * button or a motion sensor that reports all the time must open none.
 *
 * How: capability bits (linux/input-event-codes.h), the first row that fits.
 *
 *   says it is an accelerometer                                       none
 *   buttons of a joystick, gamepad or wheel                           controller
 *     ... and a whole keyboard, too                                   ask
 *   a pen, a finger, a touch                                          other
 *   a mouse button, and relative or absolute axes                     mouse
 *   letters, digits or a keypad                                       keyboard
 *   absolute axes alone (pedals and throttles, but sensors, too)      ask
 *   else: lid, power button, remote control, volume knob              none
 *
 * "ask": the daemon looks up what udev knows of this model; until it has answered the device opens nothing.
 * Virtual devices (uinput: Steam Input, remapping tools) are no exception: what they say counts.
 *
 * Limits: a device may say that it is what it is not; the worst is a window that helps nobody.
 */
#ifndef GS_POLICY_DEVICE_H
#define GS_POLICY_DEVICE_H

#include "bpf/policy/base.h"
#include "bpf/policy/window.h"

#define GS_KEY_WORDS 12 /* KEY_CNT / 64 */

struct gs_device_bits {
  u64 properties;
  u64 types;
  u64 keys[GS_KEY_WORDS];
};

/* Bits `first` to `last` (codes of one 64-bit word). */
#define GS_CODES(first, last) ((~0ULL >> (63 - ((last) - (first)))) << ((first) & 63))

#define GS_PROP_ACCELEROMETER (1ULL << 6)
#define GS_TYPE_REL (1ULL << 2)
#define GS_TYPE_ABS (1ULL << 3)
#define GS_KEYS_WHOLE_KEYBOARD GS_CODES(1, 31) /* KEY_ESC to KEY_S: udev's own test */
/* 1 - 0, Q - P, A - L, Z - M */
#define GS_KEYS_TYPED (GS_CODES(2, 11) | GS_CODES(16, 25) | GS_CODES(30, 38) | GS_CODES(44, 50))
#define GS_KEYS_KEYPAD GS_CODES(71, 83)     /* KEY_KP7 to KEY_KPDOT, in word 1 */
#define GS_BUTTONS_MOUSE GS_CODES(272, 279) /* BTN_LEFT to BTN_TASK, in word 4 */
#define GS_BUTTONS_PAD GS_CODES(288, 318)   /* BTN_JOYSTICK to BTN_THUMBR, in word 4 */
#define GS_BUTTONS_TOUCH GS_CODES(320, 335) /* BTN_TOOL_PEN to BTN_TOOL_QUADTAP, in word 5 */
#define GS_BUTTONS_WHEEL GS_CODES(336, 337) /* BTN_GEAR_DOWN, BTN_GEAR_UP, in word 5 */
#define GS_BUTTONS_DPAD GS_CODES(544, 547)  /* in word 8 */
#define GS_BUTTONS_HAPPY GS_CODES(704, 743) /* BTN_TRIGGER_HAPPY1 to 40, in word 11 */

GS_POLICY u32 gs_device_lane(const struct gs_device_bits* device) {
  const u64* keys = device->keys;

  if (device->properties & GS_PROP_ACCELEROMETER) return GS_INPUT_NONE;
  if (keys[4] & GS_BUTTONS_PAD || keys[5] & GS_BUTTONS_WHEEL || keys[8] & GS_BUTTONS_DPAD ||
      keys[11] & GS_BUTTONS_HAPPY)
    return (keys[0] & GS_KEYS_WHOLE_KEYBOARD) == GS_KEYS_WHOLE_KEYBOARD ? GS_INPUT_ASK : GS_INPUT_CONTROLLER;
  if (keys[5] & GS_BUTTONS_TOUCH) return GS_INPUT_OTHER;
  if (keys[4] & GS_BUTTONS_MOUSE && device->types & (GS_TYPE_REL | GS_TYPE_ABS)) return GS_INPUT_MOUSE;
  if (keys[0] & GS_KEYS_TYPED || keys[1] & GS_KEYS_KEYPAD) return GS_INPUT_KEYBOARD;
  return device->types & GS_TYPE_ABS ? GS_INPUT_ASK : GS_INPUT_NONE;
}

#endif
