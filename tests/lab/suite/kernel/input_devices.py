# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests of the input detector share."""

import os
import select
import signal
import subprocess

from backend import BackendTest
from lab import wait_until
from uinput import BTN_LEFT, EV_REL, EV_SW, REL_X, SW_LID, Device

SLOTS = 8  # of a CPU's cache: GS_INPUT_SLOTS
INPUT_LANES = {"keyboard": 0, "mouse": 1, "controller": 2, "other": 3}


class InputTest(BackendTest):
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

    def pin(self, cpu):
        os.sched_setaffinity(0, {cpu})
        self.addCleanup(os.sched_setaffinity, 0, range(os.cpu_count()))

    def pin_to_fresh_slots(self):
        """To a CPU in whose cache there is none that may lose its slot with events pending, of which a record would tell."""
        self.pin(0)
        for lid in [self.device(switches=[SW_LID]) for _ in range(SLOTS)]:
            lid.packet(EV_SW, SW_LID, 1)

    @staticmethod
    def reader(event_device, ready):
        """A thread of a game that waits for events."""
        device = os.open(event_device, os.O_RDONLY)
        os.write(ready, b"x")
        while True:
            select.select([device], [], [])
            os.read(device, 4096)

    def start_reader(self, start, mouse):
        """start(body) runs the reader of that mouse; its pid, once it reads."""
        out, ready = os.pipe()
        event_device = mouse.event_device()
        pid = start(lambda: self.reader(event_device, ready))
        os.read(out, 1)
        os.close(out), os.close(ready)
        return pid

    @staticmethod
    def nudge(pid, mouse, value):
        """An event, when the reader waits for it."""
        wait_until("the reader to sleep", lambda: " S " in open(f"/proc/{pid}/stat").read(), interval_s=0.001)
        mouse.packet(EV_REL, REL_X, value)

    def wake(self, pid, mouse, times=50):
        """So many events; how many of them woke a game's thread as input."""
        before = self.driver.ask("counters")
        for number in range(times):
            self.nudge(pid, mouse, 1 if number % 2 else -1)
        wait_until("the reader to sleep", lambda: " S " in open(f"/proc/{pid}/stat").read())
        return self.grown(before, "input_wakeups")
