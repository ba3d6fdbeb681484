# SPDX-License-Identifier: GPL-2.0-or-later
"""Which threads of a game a frame waits for is found by what they do, and they get their CPU at once."""

import json
import os
import subprocess
import threading
import time

from backend import CPUS, GAME, BackendTest
from lab import PROGRAMS  # first: it knows where the next one lies
import critical_path

# Of the frame loop's work; how much that is does not matter to what is found.
LOOP_OPTIONS = ("--iterations-per-us", "50", "--hz", "60", "--ready", "/dev/null")
JOBS = ("--jobs", "6", "--workers", "3", "--job-us", "150")


def keep_time(period_s, times):
    """A thread that a timer wakes at a steady rate."""
    next_s = time.monotonic()
    for _ in range(times):
        next_s += period_s
        time.sleep(max(0, next_s - time.monotonic()))


class FramePath(BackendTest):
    def frameloop(self, *options, game=True):
        """Runs to its end; its report."""
        out = self.scratch() / "out.json"
        argv = [str(PROGRAMS / "frameloop"), *LOOP_OPTIONS, *options, "--out", str(out)]
        run = lambda: os.execv(argv[0], argv)
        pid = self.play(run) if game else self.fork(run)
        _, status = os.waitpid(pid, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 0)
        return json.loads(out.read_text())

    def ended(self, pid):
        _, status = os.waitpid(pid, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 0)

    def test_a_steady_thread_of_a_game_is_found(self):
        self.attach()
        beats = 60
        before = self.driver.ask("counters")
        self.ended(self.fork(lambda: keep_time(0.01, beats)))
        self.assertEqual(self.grown(before, "periodic_wakeups"), 0, "it is no game yet")
        self.assertEqual(self.grown(before, "frame_wakeups"), 0)
        before = self.driver.ask("counters")
        self.ended(self.play(lambda: keep_time(0.01, beats)))
        self.assertGreater(self.grown(before, "periodic_wakeups"), beats / 3)

    def test_a_steady_thread_is_found_whichever_of_the_game_it_is(self):
        self.attach()
        before = self.driver.ask("counters")

        def body():
            thread = threading.Thread(target=lambda: keep_time(0.01, 60))
            thread.start()
            thread.join()

        def in_a_grandchild():
            if (pid := os.fork()) == 0:
                body()
                os._exit(0)
            os.waitpid(pid, 0)

        self.ended(self.play(in_a_grandchild))
        self.assertGreater(self.grown(before, "periodic_wakeups"), 20)

    def test_POL7_the_threads_that_a_frame_waits_for_are_found(self):
        self.attach()
        before = self.driver.ask("counters")
        self.frameloop(*JOBS, "--seconds", "0.7", "--warmup", "0.1", game=False)
        for name in ("path_wakers", "path_peers", "frame_wakeups"):
            self.assertEqual(self.grown(before, name), 0, f"{name}: it is no game")
        before = self.driver.ask("counters")
        self.frameloop(*JOBS, "--seconds", "0.7", "--warmup", "0.1")
        self.assertGreater(self.grown(before, "path_wakers") + self.grown(before, "path_peers"), 0)
        self.assertGreater(self.grown(before, "frame_wakeups"), self.grown(before, "periodic_wakeups"),
                           "wake-ups of others than the one that keeps time")
        self.assert_still_attached()

    def test_POL7_job_systems_of_every_shape_beside_streaming(self):
        """Precision and recall from the tenth frame on; see critical_path.py.

        The limits leave room for chance: looks are a few dozen, and a thread that reads from a disk at random times may look steady for
        many of them in a row. Were it always mistaken, precision would be 0.8. The figures are the bench's."""
        self.attach()
        # The truth is one of times: who takes longer than a frame, who does not.
        per_us = json.loads(subprocess.check_output([PROGRAMS / "calibrate"]))["iterations_per_us"]
        for kind in critical_path.JOB_SYSTEMS:
            with self.subTest(kind):
                score = critical_path.play(self.driver.ask, PROGRAMS / "frameloop", self.scratch(), kind,
                                           ("--iterations-per-us", per_us, "--hz", "60", *JOBS, "--streamers", "2"), frames=240)
                self.assertGreater(score.found, 40, score)
                self.assertGreaterEqual(score.precision, 0.85, score)
                self.assertGreaterEqual(score.recall, 0.9, score)
        self.assert_still_attached()

    def test_POL2_a_frame_thread_takes_its_cpu_from_a_hog(self):
        self.attach()
        out = self.scratch() / "hogs.json"
        before = self.driver.ask("counters")
        hogs = self.start([PROGRAMS / "hogs", "--hogs", 4 * len(CPUS), "--seconds", "2.5", "--warmup", "0.2",
                           "--ready", "/dev/null", "--out", out])
        report = self.frameloop("--work-us", "1000", "--seconds", "1.5", "--warmup", "0.5")
        self.assertEqual(hogs.wait(), 0)
        hog_wait_ms = json.loads(out.read_text())["hogs"]["longest_wait_ms"]
        after = self.driver.ask("counters")
        grown = {name: value - before[name] for name, value in after.items() if "_waits_" not in name and value != before[name]}
        self.assertGreater(self.grown(before, "frame_preemptions"), 0, grown)
        # As the two saw it themselves ...
        self.assertLess(report["frame"]["wake"]["max_us"], hog_wait_ms * 1000 / 10)
        # ... and as the scheduler counted it.
        waits = self.driver.ask("counters")
        self.assertLess(waits["frame_longest_wait_ns"], waits["normal_longest_wait_ns"] / 4)
        self.assert_still_attached()
