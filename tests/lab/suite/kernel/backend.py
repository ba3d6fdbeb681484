# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests on the daemon's backend: one driver for all (the verifier takes seconds here), clean before and after each test."""

import contextlib
import ctypes
import mmap
import os
import pathlib
import re
import signal
import struct
import time

from lab import Driver, LabTest, become_realtime, kernel_ops, kernel_state, wait_until

GAME = 1
CPUS = sorted(os.sched_getaffinity(0))
CGROUPS = pathlib.Path("/sys/fs/cgroup")

sched_getcpu = ctypes.CDLL(None).sched_getcpu

_driver = None


def shared_driver():
    global _driver
    if _driver is None or _driver.process.poll() is not None:
        become_realtime()
        _driver = Driver()
    return _driver


class Cells:
    """64-bit numbers shared with forked children; each child writes its own."""

    def __init__(self, count):
        self._memory = mmap.mmap(-1, count * 8)
        self.values = memoryview(self._memory).cast("q")

    def __getitem__(self, at):
        return self.values[at]

    def __setitem__(self, at, value):
        self.values[at] = value


class BackendTest(LabTest):
    def setUp(self):
        super().setUp()
        self.driver = shared_driver()
        self.addCleanup(self._leave)

    def _leave(self):
        if self.driver.process.poll() is None:
            self.driver.ask("remove", GAME)
            self.driver.ask("detach")
        wait_until(lambda: f"the kernel's own scheduler, not '{kernel_state()}'",
                   lambda: kernel_state() in ("disabled", "absent"))

    def attach(self):
        support = self.driver.ask("support")
        if not support["available"]:
            self.fail(f"the scheduler does not work on this kernel: {support['reason']}")
        self.exits_before = len(self.driver.ask("state")["exits"])
        self.driver.ask("attach")
        wait_until(lambda: f"sched_ext to be enabled, not '{kernel_state()}'", lambda: kernel_state() == "enabled")

    def assert_still_attached(self):
        state = self.driver.ask("state")
        self.assertEqual(state["exits"][self.exits_before:], [], "exits of the scheduler")
        self.assertTrue(state["attached"])
        self.assertEqual((kernel_state(), kernel_ops()), ("enabled", "gamesched"))

    def grown(self, before, name):
        return self.driver.ask("counters")[name] - before[name]

    def cgroup(self, name, **settings):
        """A control group with the CPU controller, and a function that puts the caller into it."""
        (CGROUPS / "cgroup.subtree_control").write_text("+cpu")
        folder = CGROUPS / name
        folder.mkdir()
        self.addCleanup(lambda: wait_until("an empty group", lambda: self._remove(folder)))
        for setting, value in settings.items():
            (folder / setting.replace("_", ".", 1)).write_text(value)
        return lambda: (folder / "cgroup.procs").write_text(str(os.getpid()))

    @staticmethod
    def _remove(folder):
        with contextlib.suppress(OSError):
            folder.rmdir()
        return not folder.exists()

    def play(self, body, game=GAME):
        """A child that runs body() as the game, from its first instruction after this."""
        go, gate = os.pipe()

        def wait_and_run():
            os.close(gate)
            os.read(go, 1)
            body()

        pid = self.fork(wait_and_run)
        os.close(go)
        self.driver.ask("add", game, pid)
        if game != GAME:
            self.addCleanup(self.driver.ask, "remove", game)
        os.write(gate, b"x")
        os.close(gate)
        return pid


def count_up(cells, at):
    """Always has work; counts it."""
    while True:
        cells[at] += 1


def pre_empted(pid):
    """How often."""
    return int(re.search(r"^nonvoluntary_ctxt_switches:\s*(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1])


def pinned(cpu, body):
    def run():
        os.sched_setaffinity(0, {cpu})
        body()

    return run
