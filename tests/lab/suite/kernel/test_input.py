# SPDX-License-Identifier: GPL-2.0-or-later
"""The input detector, with devices made by uinput."""

import fcntl
import os
import random
import select
import signal
import struct
import subprocess

from backend import GAME, BackendTest
from lab import wait_until

# linux/uinput.h, linux/input-event-codes.h
UI_DEV_CREATE, UI_DEV_DESTROY, UI_DEV_SETUP = 0x5501, 0x5502, 0x405C5503
UI_SET_EVBIT, UI_SET_KEYBIT, UI_SET_RELBIT, UI_SET_ABSBIT, UI_SET_SWBIT = (
    0x40045564, 0x40045565, 0x40045566, 0x40045567, 0x4004556D)
UI_GET_SYSNAME = 0x8040552C  # 64 bytes
EV_SYN, EV_KEY, EV_REL, EV_ABS, EV_SW = 0, 1, 2, 3, 5
SYN_REPORT, REL_X, ABS_THROTTLE, SW_LID, KEY_A, KEY_POWER, BTN_LEFT, BTN_TRIGGER, BTN_GAMEPAD, BTN_TOUCH = (
    0, 0, 6, 0, 30, 116, 0x110, 0x120, 0x130, 0x14A)
BUS_VIRTUAL = 6
SLOTS = 8  # of a CPU's cache: GS_INPUT_SLOTS
INPUT_LANES = {"keyboard": 0, "mouse": 1, "controller": 2, "other": 3}


class Device:
    def __init__(self, keys=(), axes=(), switches=(), absolute=()):
        self._fd = os.open("/dev/uinput", os.O_WRONLY | os.O_CLOEXEC)
        for kind, set_code, codes in ((EV_KEY, UI_SET_KEYBIT, keys), (EV_REL, UI_SET_RELBIT, axes),
                                      (EV_ABS, UI_SET_ABSBIT, absolute), (EV_SW, UI_SET_SWBIT, switches)):
            if codes:
                fcntl.ioctl(self._fd, UI_SET_EVBIT, kind)
            for code in codes:
                fcntl.ioctl(self._fd, set_code, code)
        fcntl.ioctl(self._fd, UI_DEV_SETUP, struct.pack("HHHH80sI", BUS_VIRTUAL, 1, 1, 1, b"lab", 0))
        fcntl.ioctl(self._fd, UI_DEV_CREATE)

    def number(self):
        """N of /sys/class/input/inputN."""
        name = fcntl.ioctl(self._fd, UI_GET_SYSNAME, bytes(64))
        return int(name.rstrip(b"\0").removeprefix(b"input"))

    def packet(self, kind, code, value):
        """Two events: this one and the report that ends the packet."""
        self.packets(kind, code, [value])

    def packets(self, kind, code, values):
        """As many packets in one write()."""
        os.write(self._fd, b"".join(struct.pack("qqHHi", 0, 0, *event) for value in values
                                    for event in ((kind, code, value), (EV_SYN, SYN_REPORT, 0))))

    def move(self, packets):
        """So much motion of a mouse: 2 events each."""
        while packets > 0:
            self.packets(EV_REL, REL_X, [1] * min(packets, 100))
            packets -= 100

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

    def with_game(self):
        """Events matter only while a game is there."""
        return self.play(signal.pause)

    def input_counters(self):
        """With each command the driver reads a batch of records: until it has read all."""
        for _ in range(100):
            counters = self.driver.ask("counters")
            if counters["input_events_delivered"] == counters["input_events_reported"]:
                break
        return {name.removeprefix("input_"): value for name, value in counters.items() if name.startswith("input_")}

    def input_grown(self, before):
        return {name: value - before[name] for name, value in self.input_counters().items()}

    def assert_all_accounted_for(self, grown, events):
        self.assertEqual(grown["events"], events, "the hook sees every event")
        parts = ("without_game", "not_for_games", "reported", "dropped", "pending")
        self.assertEqual(sum(grown["events_" + part] if part != "pending" else grown["events_pending"]
                             for part in parts), events, f"none lost in silence: {grown}")
        self.assertEqual(grown["events_delivered"], grown["events_reported"], "what a record tells of arrives")

    def test_IN1_the_hook_sees_every_event(self):
        mouse = self.mouse()
        for game in (False, True):
            with self.subTest(game=game):
                if game:
                    self.with_game()
                before = self.input_counters()
                for number in range(1000):
                    mouse.packet(EV_REL, REL_X, 1 if number % 2 else -1)
                grown = self.input_grown(before)
                self.assert_all_accounted_for(grown, 2000)
                self.assertEqual(grown["events_without_game"], 0 if game else 2000)
                self.assertEqual(grown["events_not_for_games"], 0)

    def test_IN9_an_event_opens_its_own_window_only(self):
        self.with_game()
        devices = {"mouse": (self.mouse(), EV_REL, REL_X), "keyboard": (self.device(keys=[KEY_A]), EV_KEY, KEY_A),
                   "controller": (self.device(keys=[BTN_GAMEPAD]), EV_KEY, BTN_GAMEPAD),
                   "other": (self.device(keys=[BTN_TOUCH]), EV_KEY, BTN_TOUCH)}
        for lane, (device, kind, code) in devices.items():
            with self.subTest(lane=lane):
                before = self.driver.ask("windows")
                device.packet(kind, code, 1)
                after = self.driver.ask("windows")
                self.assertGreater(after[lane], before["now"], "the window's end lies after the event")
                self.assertGreater(after[lane], before[lane])
                others = {name for name in after if name not in (lane, "now")}
                self.assertEqual({name: after[name] for name in others}, {name: before[name] for name in others})

    def test_IN9_without_a_game_no_window_opens(self):
        before = self.driver.ask("windows")
        self.mouse().packet(EV_REL, REL_X, 1)
        after = self.driver.ask("windows")
        before.pop("now"), after.pop("now")
        self.assertEqual(after, before)

    def test_IN2_what_is_no_input_for_games_opens_nothing(self):
        self.with_game()
        for name, device, event in (("lid", self.device(switches=[SW_LID]), (EV_SW, SW_LID)),
                                    ("power button", self.device(keys=[KEY_POWER]), (EV_KEY, KEY_POWER))):
            with self.subTest(device=name):
                counters, before = self.input_counters(), self.driver.ask("windows")
                device.packet(*event, 1)
                after, grown = self.driver.ask("windows"), self.input_grown(counters)
                self.assertEqual((grown["events"], grown["events_not_for_games"]), (2, 2))
                before.pop("now"), after.pop("now")
                self.assertEqual(after, before)

    def test_IN2_a_device_that_the_kernel_cannot_tell_is_asked_about_once(self):
        self.with_game()
        pedals = self.device(absolute=[ABS_THROTTLE])
        lid = self.device(switches=[SW_LID])
        lid.packet(EV_SW, SW_LID, 1)
        before = self.driver.ask("windows")
        pedals.packet(EV_ABS, ABS_THROTTLE, 0)
        state = self.driver.ask("questions")
        asked = state["asked"]
        self.assertIn(pedals.number(), state["open"])
        self.assertNotIn(lid.number(), state["open"])
        self.assertGreaterEqual(asked, 1)
        self.assertEqual(self.driver.ask("windows")["controller"], before["controller"], "not before the answer")
        self.driver.ask("answer", pedals.number(), INPUT_LANES["controller"])
        pedals.packet(EV_ABS, ABS_THROTTLE, 0)
        self.assertGreater(self.driver.ask("windows")["controller"], before["now"])
        self.assertEqual(self.driver.ask("questions")["asked"], asked, "asked once")

    def test_IN2_a_hundred_devices_come_and_go(self):
        self.with_game()
        rng = random.Random(1)
        make = [dict(keys=[BTN_LEFT], axes=[REL_X]), dict(keys=[KEY_A]), dict(keys=[BTN_GAMEPAD]), dict(switches=[SW_LID])]
        use = [(EV_REL, REL_X), (EV_KEY, KEY_A), (EV_KEY, BTN_GAMEPAD), (EV_SW, SW_LID)]
        alive, created, events, not_for_games = [], 0, 0, 0
        before = self.input_counters()
        while created < 100 or alive:
            if created < 100 and (not alive or rng.random() < 0.3):
                kind = rng.randrange(4)
                alive.append([Device(**make[kind]), kind, 0])
                created += 1
            elif rng.random() < 0.25 or created == 100 and rng.random() < 0.5:
                alive.pop(rng.randrange(len(alive)))[0].close()
            else:
                entry = rng.choice(alive)
                device, kind, value = entry
                entry[2] = value = 1 - value
                device.packet(*use[kind], value)
                events += 2
                not_for_games += 2 * (kind == 3)
        grown = self.input_grown(before)
        # A key that is down when its device goes is let go of by the kernel: events that nobody wrote.
        self.assertGreaterEqual(grown["events"], events)
        self.assert_all_accounted_for(grown, grown["events"])
        self.assertEqual(grown["events_not_for_games"], not_for_games)
        self.assertLessEqual(grown["devices_seen"], 100)
        self.assertEqual(self.driver.ask("devices"), 0, "the table holds no device that is gone")

    def test_IN3_a_device_in_high_rate_mode_is_told_of_together(self):
        self.with_game()
        mouse = self.mouse()
        os.sched_setaffinity(0, {0})
        self.addCleanup(os.sched_setaffinity, 0, range(os.cpu_count()))
        before = self.input_counters()
        mouse.move(20000)
        grown = self.input_grown(before)
        self.assert_all_accounted_for(grown, 40000)
        self.assertLess(grown["records"], 4000, "one record for many events")
        self.assertLess(grown["device_cache_hits"] + grown["device_cache_misses"], 8000, "most take the fast path")

    def test_IN4_the_least_recently_used_device_loses_its_slot(self):
        self.with_game()
        os.sched_setaffinity(0, {0})
        self.addCleanup(os.sched_setaffinity, 0, range(os.cpu_count()))
        rng = random.Random(2)
        devices = [self.mouse() for _ in range(40)]
        for device in devices:
            device.packet(EV_REL, REL_X, 1)
        before = self.input_counters()
        for number in range(4000):
            device = devices[rng.randrange(3)] if number % 200 else rng.choice(devices)
            device.packet(EV_REL, REL_X, 1)
        grown = self.input_grown(before)
        self.assertEqual(grown["devices_seen"], 0)
        self.assertLessEqual(grown["device_cache_misses"], grown["events"] / 100)

    def test_IN6_what_a_full_ring_drops_is_counted_and_noticed(self):
        self.with_game()
        os.sched_setaffinity(0, {0})
        self.addCleanup(os.sched_setaffinity, 0, range(os.cpu_count()))
        devices = [self.mouse() for _ in range(2 * SLOTS)]
        before = self.input_counters()
        lost_before = self.driver.ask("questions")["lost"]
        # More devices in turn than slots: each is new to its slot, so every event has a record of its own.
        packets = 6000
        for number in range(packets):
            devices[number % len(devices)].packet(EV_REL, REL_X, 1)
        window = self.driver.ask("windows")
        grown = self.input_grown(before)
        self.assert_all_accounted_for(grown, 2 * packets)
        self.assertGreater(grown["events_dropped"], 0)
        self.assertGreater(window["mouse"], 0)
        per_ring = [value for name, value in grown.items() if name.startswith("ring")]
        self.assertEqual(len(per_ring), 16)
        self.assertGreater(per_ring[0], 0)
        self.assertEqual(sum(per_ring[1:]), 0, "the other CPUs' rings")
        self.assertGreater(self.driver.ask("questions")["lost"], lost_before, "the daemon hears of it")
        # Nothing is stuck: what comes next arrives.
        before = self.input_counters()
        devices[0].packet(EV_REL, REL_X, 1)
        grown = self.input_grown(before)
        self.assertEqual((grown["events_delivered"], grown["events_dropped"]), (2, 0))

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
                # IN-10: each such wake-up is in the histogram of its lane.
                in_histogram = sum(self.grown(before, name) for name in before if name.startswith("input_mouse_to_reader"))
                self.assertEqual(in_histogram, woken)
                self._kill(pid)
        self.assert_still_attached()

    def test_IN9_the_foreground_game_alone_profits(self):
        mouse = self.mouse()
        newest = lambda: max((name for name in os.listdir("/dev/input") if name.startswith("event")),
                             key=lambda name: int(name[5:]))
        event_device = "/dev/input/" + wait_until("an event device", newest)
        self.attach()
        out, ready = os.pipe()
        pid = self.play(lambda: self.reader(event_device, ready))
        os.read(out, 1)
        asleep = lambda: " S " in open(f"/proc/{pid}/stat").read()
        self.addCleanup(self.driver.ask, "foreground", 0)
        for foreground, profits in ((GAME + 1, False), (GAME, True), (0, True)):
            with self.subTest(foreground=foreground):
                self.driver.ask("foreground", foreground)
                before = self.driver.ask("counters")
                for number in range(50):
                    wait_until("the reader to sleep", asleep, interval_s=0.001)
                    mouse.packet(EV_REL, REL_X, 1 if number % 2 else -1)
                wait_until("the reader to sleep", asleep)
                woken = self.grown(before, "input_wakeups")
                self.assertGreater(woken, 25) if profits else self.assertEqual(woken, 0)
        self.assert_still_attached()
