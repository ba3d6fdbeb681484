# SPDX-License-Identifier: GPL-2.0-or-later
"""The input detector, with devices made by uinput."""

import fcntl
import os
import select
import struct
import subprocess

from backend import BackendTest
from lab import wait_until

# linux/uinput.h, linux/input-event-codes.h
UI_DEV_CREATE, UI_DEV_DESTROY, UI_DEV_SETUP = 0x5501, 0x5502, 0x405C5503
UI_SET_EVBIT, UI_SET_KEYBIT, UI_SET_RELBIT, UI_SET_SWBIT = 0x40045564, 0x40045565, 0x40045566, 0x4004556D
EV_SYN, EV_KEY, EV_REL, EV_SW = 0, 1, 2, 5
SYN_REPORT, REL_X, SW_LID, KEY_A, KEY_POWER, BTN_LEFT, BTN_GAMEPAD = 0, 0, 0, 30, 116, 0x110, 0x130
BUS_VIRTUAL = 6


class Device:
    def __init__(self, keys=(), axes=(), switches=()):
        self._fd = os.open("/dev/uinput", os.O_WRONLY | os.O_CLOEXEC)
        for kind, set_code, codes in ((EV_KEY, UI_SET_KEYBIT, keys), (EV_REL, UI_SET_RELBIT, axes),
                                      (EV_SW, UI_SET_SWBIT, switches)):
            if codes:
                fcntl.ioctl(self._fd, UI_SET_EVBIT, kind)
            for code in codes:
                fcntl.ioctl(self._fd, set_code, code)
        fcntl.ioctl(self._fd, UI_DEV_SETUP, struct.pack("HHHH80sI", BUS_VIRTUAL, 1, 1, 1, b"lab", 0))
        fcntl.ioctl(self._fd, UI_DEV_CREATE)

    def packet(self, kind, code, value):
        """Two events: this one and the report that ends the packet."""
        os.write(self._fd, b"".join(struct.pack("qqHHi", 0, 0, *event)
                                    for event in ((kind, code, value), (EV_SYN, SYN_REPORT, 0))))

    def close(self):
        fcntl.ioctl(self._fd, UI_DEV_DESTROY)
        os.close(self._fd)


class Input(BackendTest):
    @classmethod
    def setUpClass(cls):
        subprocess.run(["modprobe", "-a", "uinput", "evdev"], capture_output=True)
        if not os.path.exists("/dev/uinput"):
            raise cls.skipTest(cls, "this kernel has no uinput")

    def setUp(self):
        super().setUp()
        missing = self.driver.ask("support")["detectors"]["input"]
        self.assertEqual(missing, "")

    def device(self, **options):
        device = Device(**options)
        self.addCleanup(device.close)
        return device

    def mouse(self):
        return self.device(keys=[BTN_LEFT], axes=[REL_X])

    def test_IN1_the_hook_sees_every_event(self):
        mouse = self.mouse()
        before = self.driver.ask("counters")
        packets = 1000
        for number in range(packets):
            mouse.packet(EV_REL, REL_X, 1 if number % 2 else -1)
        self.assertEqual(self.grown(before, "input_events"), 2 * packets)
        self.assertEqual(self.grown(before, "input_events_not_for_games"), 0)

    def test_IN9_an_event_opens_its_own_window_only(self):
        devices = {"mouse": (self.mouse(), EV_REL, REL_X), "keyboard": (self.device(keys=[KEY_A]), EV_KEY, KEY_A),
                   "controller": (self.device(keys=[BTN_GAMEPAD]), EV_KEY, BTN_GAMEPAD)}
        for lane, (device, kind, code) in devices.items():
            with self.subTest(lane=lane):
                before = self.driver.ask("windows")
                device.packet(kind, code, 1)
                after = self.driver.ask("windows")
                self.assertGreater(after[lane], before["now"], "the window's end lies after the event")
                self.assertGreater(after[lane], before[lane])
                others = {name for name in after if name not in (lane, "now")}
                self.assertEqual({name: after[name] for name in others}, {name: before[name] for name in others})

    def test_IN2_what_is_no_input_for_games_opens_nothing(self):
        for name, device, event in (("lid", self.device(switches=[SW_LID]), (EV_SW, SW_LID)),
                                    ("power button", self.device(keys=[KEY_POWER]), (EV_KEY, KEY_POWER))):
            with self.subTest(device=name):
                counters, before = self.driver.ask("counters"), self.driver.ask("windows")
                device.packet(*event, 1)
                after = self.driver.ask("windows")
                self.assertEqual(self.grown(counters, "input_events"), 2)
                self.assertEqual(self.grown(counters, "input_events_not_for_games"), 1)
                before.pop("now"), after.pop("now")
                self.assertEqual(after, before)

    def reader(self, event_device, ready):
        device = os.open(event_device, os.O_RDONLY)
        os.write(ready, b"x")
        while True:
            select.select([device], [], [])
            os.read(device, 4096)

    def test_a_game_thread_that_an_event_wakes_is_urgent_and_no_other(self):
        mouse = self.mouse()
        newest = lambda: max((name for name in os.listdir("/dev/input") if name.startswith("event")),
                             key=lambda name: int(name[5:]))
        event_device = "/dev/input/" + wait_until("an event device", newest)
        self.attach()
        for game in (False, True):
            with self.subTest(game=game):
                out, ready = os.pipe()
                start = self.play if game else self.fork
                pid = start(lambda ready=ready: self.reader(event_device, ready))
                os.read(out, 1)
                asleep = lambda: " S " in open(f"/proc/{pid}/stat").read()
                before = self.driver.ask("counters")
                for number in range(50):
                    wait_until("the reader to sleep", asleep, interval_s=0.001)
                    mouse.packet(EV_REL, REL_X, 1 if number % 2 else -1)
                wait_until("the reader to sleep", asleep)
                woken = self.grown(before, "input_wakeups")
                # A virtual CPU may be held up between hook and wake-up: most, not all.
                self.assertGreater(woken, 25) if game else self.assertEqual(woken, 0)
                self._kill(pid)
        self.assert_still_attached()
