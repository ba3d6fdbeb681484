# SPDX-License-Identifier: GPL-2.0-or-later
"""Input and counters through the installed service."""

import json
import mmap
import os
import signal
import struct
import subprocess
import time

import dbus
import dbus.bus

from lab import wait_until
from service import BUS_NAME, OBJECT, UNIT, ServiceTest, bus, games, main_pid, properties, run, wait_for_state
from uinput import BTN_LEFT, EV_REL, REL_X, Device

# service/metrics/page.h
HEADER, ENTRY, NAME = 64, 64, 56
INTERVAL_USEC = 50_000  # Publisher::interval_usec


class Page:
    """The counters in memory, as any reader has them: a name is looked up once, then a value is one read of memory."""

    def __init__(self):
        # A client is gone when its connection is.
        self._connection = dbus.bus.BusConnection(dbus.bus.BusConnection.TYPE_SYSTEM)
        handle = self._connection.call_blocking(BUS_NAME, OBJECT, BUS_NAME, "OpenMetrics", "", ())
        fd = handle.take()
        self._memory = mmap.mmap(fd, os.fstat(fd).st_size, mmap.MAP_SHARED, mmap.PROT_READ)
        os.close(fd)
        count, = struct.unpack_from("=I", self._memory, 12)
        self._at = {self._memory[at:at + NAME].rstrip(b"\0").decode(): at + NAME
                    for at in range(HEADER, HEADER + count * ENTRY, ENTRY)}

    def __getitem__(self, name):
        return struct.unpack_from("=Q", self._memory, self._at[name])[0]

    def read_at_usec(self):
        return struct.unpack_from("=Q", self._memory, 24)[0]

    def close(self):
        self._connection.close()


def counters():
    return {str(name): int(value) for name, value in bus.ask(OBJECT, BUS_NAME, "GetCounters").items()}


class Input(ServiceTest):
    def setUp(self):
        super().setUp()
        subprocess.run(["modprobe", "-a", "uinput", "evdev"], capture_output=True)

    def mouse(self):
        mouse = Device(keys=[BTN_LEFT], axes=[REL_X])
        self.addCleanup(mouse.close)
        return mouse

    def test_IN6_the_journal_tells_of_a_loss_once(self):
        self.restart()  # it has not told of any yet
        self.playing()
        mice = [self.mouse() for _ in range(16)]
        os.sched_setaffinity(0, {0})
        self.addCleanup(os.sched_setaffinity, 0, range(os.cpu_count()))
        old = main_pid()
        for _ in range(3):
            before = counters()["input_events_dropped"]
            os.kill(old, signal.SIGSTOP)
            try:
                # More devices in turn than the CPU remembers: a record for each event, and the ring holds fewer.
                for number in range(2000):
                    mice[number % len(mice)].packet(EV_REL, REL_X, 1)
            finally:
                os.kill(old, signal.SIGCONT)
            wait_until("the loss to be counted", lambda: counters()["input_events_dropped"] > before)
        self.assertEqual(main_pid(), old)
        lines = run("journalctl", "-u", UNIT, f"_PID={old}", "-o", "json", "--output-fields=MESSAGE,GAMESCHED_INPUT_LOST")
        told = [line for line in map(json.loads, lines.stdout.splitlines()) if "GAMESCHED_INPUT_LOST" in line]
        self.assertEqual(len(told), 1, told)
        self.assertGreater(int(told[0]["GAMESCHED_INPUT_LOST"]), 0)

    def test_BUS5_the_game_that_is_played_is_in_the_foreground(self):
        mice = [self.mouse(), self.mouse()]
        players = [self.game("cat", mouse.event_device(), stdout=subprocess.DEVNULL) for mouse in mice]
        wait_until("both games", lambda: len(games()) == 2, interval_s=0.1)
        wait_for_state("active")
        paths = {game["pid"]: game["path"] for game in games()}
        foreground = lambda: [properties(paths[player.pid])["Foreground"] for player in players]
        for played in (0, 1, 0):
            with self.subTest(played=played):
                def plays():
                    mice[played].move(20)
                    return foreground() == [played == 0, played == 1]

                wait_until(lambda: f"the foreground to follow, it is {foreground()}", plays, interval_s=0.1)

    def test_PAR3_readers_share_one_page_that_follows_the_counters(self):
        self.playing()
        mouse = self.mouse()
        pages = [Page() for _ in range(3)]
        before = [page["input_events"] for page in pages]
        mouse.move(1000)
        for page, value in zip(pages, before):
            wait_until("the page to follow", lambda: page["input_events"] >= value + 2000)
        self.assertEqual(len({page["input_events"] for page in pages}), 1)
        for page in pages[:-1]:
            page.close()
        last = pages[-1]
        seen = last.read_at_usec()
        wait_until("the page to be fresh for who is left", lambda: last.read_at_usec() > seen)
        # And not at all while nobody reads: what is still mapped stays as it is.
        last.close()
        wait_until("the page to be left alone", lambda: time.monotonic_ns() // 1000 - last.read_at_usec() > 20 * INTERVAL_USEC)
        seen = last["input_events"]
        mouse.move(1000)
        wait_until("the service to have seen it", lambda: counters()["input_events"] >= seen + 2000)
        self.assertEqual(last["input_events"], seen)
