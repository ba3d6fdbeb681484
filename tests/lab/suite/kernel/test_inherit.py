# SPDX-License-Identifier: GPL-2.0-or-later
"""POL-4: who is waited for by a frame thread has its urgency until it lets go, though it never sleeps itself."""

import json
import os

from backend import CPUS, BackendTest
from lab import PROGRAMS, wait_until


class Inherit(BackendTest):
    def waits(self, *options, hogs):
        """How long the frame thread waited for the other one, and the hogs for a CPU."""
        before = self.driver.ask("counters")
        hogs_out, out = self.scratch() / "hogs.json", self.scratch() / "out.json"
        argv = [str(PROGRAMS / "locker"), "--seconds", "2", "--warmup", "2", "--ready", "/dev/null", "--out", str(out), *options]
        pid = self.play(lambda: os.execv(argv[0], argv))
        # First: who keeps time no better than those it waits for, among hogs, may not be taken for a frame thread.
        wait_until("the frame thread to be known", lambda: self.grown(before, "frame_wakeups") > 10)
        background = self.start([PROGRAMS / "hogs", "--hogs", hogs, "--seconds", "3.5", "--warmup", "0.2", "--ready", "/dev/null",
                                 "--out", hogs_out])
        _, status = os.waitpid(pid, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 0)
        self.assertEqual(background.wait(), 0)
        return json.loads(out.read_text())["wait"], json.loads(hogs_out.read_text())["hogs"]["longest_wait_ms"] * 1000

    def waited_for(self, *options):
        self.attach()
        before = self.driver.ask("counters")
        waits, hog_us = self.waits(*options, hogs=4 * len(CPUS))
        grown = {name: self.grown(before, name) for name in ("loans", "locks_waited_for", "burst_demotions", "path_wakers", "frame_wakeups")}
        print(f"      waited {waits}, hogs {hog_us} us; {grown}", flush=True)
        self.assertGreater(waits["count"], 20)
        self.assertGreater(grown["loans"], 0, grown)
        # Without it the frame thread waits as long as the other one waits for its turn among hogs.
        self.assertLess(waits["p99_us"], hog_us / 3, grown)
        self.assert_still_attached()
        return grown

    def test_POL4_the_holder_of_a_lock(self):
        self.waited_for()

    def test_POL4_the_writer_of_a_pipe(self):
        self.waited_for("--pipe")

    def test_POL4_the_holder_of_the_memory_map(self):
        """A read-write semaphore of the kernel's."""
        self.assertGreater(self.waited_for("--map")["locks_waited_for"], 0)

    def test_POL4_the_holder_of_a_files_position(self):
        """A mutex of the kernel's."""
        self.assertGreater(self.waited_for("--file")["locks_waited_for"], 0)

    def test_POL4_nobody_is_lent_to_while_nobody_waits(self):
        """A frame thread that waits for time alone."""
        self.attach()
        before = self.driver.ask("counters")
        out = self.scratch() / "out.json"
        argv = [str(PROGRAMS / "frameloop"), "--iterations-per-us", "50", "--hz", "60", "--ready", "/dev/null", "--work-us", "500",
                "--seconds", "1", "--warmup", "0.2", "--out", str(out)]
        pid = self.play(lambda: os.execv(argv[0], argv))
        _, status = os.waitpid(pid, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 0)
        self.assertGreater(self.grown(before, "frame_wakeups"), 20)
        self.assertEqual(self.grown(before, "loans"), 0)
