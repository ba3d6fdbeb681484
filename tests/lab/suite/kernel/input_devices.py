# SPDX-License-Identifier: GPL-2.0-or-later
"""Input devices made by uinput, and what tests of the input detector share."""

import fcntl
import os
import select
import signal
import struct
import subprocess

from backend import BackendTest
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

    def event_device(self):
        """devtmpfs makes it before the device is there for others."""
        folder = f"/sys/class/input/input{self.number()}"
        return "/dev/input/" + next(name for name in os.listdir(folder) if name.startswith("event"))

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
