# SPDX-License-Identifier: GPL-2.0-or-later
"""Whom a brief frame thread pre-empts goes on with its slice on the same CPU: after all frame threads that wait there, and not
at all there when a real-time task takes the CPU."""

import itertools
import json
import os
import time

from backend import CPUS, BackendTest, Cells, count_up, pinned, pre_empted
from lab import PROGRAMS, wait_until

LOOP_OPTIONS = ("--iterations-per-us", "50", "--ready", "/dev/null")


class Kept(BackendTest):
    def setUp(self):
        super().setUp()
        self.attach()
        self.cpu = CPUS[-1]

    def hogs(self, count, where=lambda at: CPUS):
        cells = Cells(count)
        pids = [self.fork(lambda at=at: (os.sched_setaffinity(0, where(at)), count_up(cells, at))) for at in range(count)]
        wait_until("all hogs to have begun", lambda: all(cells[at] for at in range(count)))
        return cells, pids

    def play_there(self, *options):
        """A game all of whose threads share a CPU."""
        argv = [str(PROGRAMS / "frameloop"), *LOOP_OPTIONS, *options]
        return self.play(pinned(self.cpu, lambda: os.execv(argv[0], argv)))

    def test_frame_threads_that_wait_come_first(self):
        """The frame is handed from thread to thread, and each next one waits in the queue until the one before sleeps. One hog
        a CPU: who pre-empts it is the game."""
        out = self.scratch() / "out.json"
        _, pids = self.hogs(len(CPUS), where=lambda at: {CPUS[at]})
        hog = pids[CPUS.index(self.cpu)]
        before, begin = pre_empted(hog), self.driver.ask("counters")
        pid = self.play_there("--hz", "60", "--seconds", "2.5", "--warmup", "0", "--work-us", "200", "--job-system", "handover",
                              "--jobs", "3", "--workers", "3", "--job-us", "50", "--out", str(out))
        _, status = os.waitpid(pid, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 0)
        kept, times = self.grown(begin, "slices_kept"), pre_empted(hog) - before
        self.assertGreater(kept, json.loads(out.read_text())["frame"]["frames"] / 4)
        # Where it runs in between it is sent off once more each time, and keeps nothing then.
        self.assertLess(times, 3.5 * kept, "it ran in the midst of frames")
        self.assert_still_attached()

    def test_a_real_time_task_does_not_hold_up_whom_its_cpu_keeps(self):
        hogs, _ = self.hogs(2 * len(CPUS))
        before = self.driver.ask("counters")
        game = self.play_there("--hz", "144", "--seconds", "100", "--warmup", "0", "--work-us", "100", "--out", "/dev/null")
        wait_until(lambda: f"slices to be kept: {self.grown(before, 'frame_wakeups')} wake-ups, {self.driver.ask('explain', game)}",
                   lambda: self.grown(before, "slices_kept") > 50)

        def take():
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))  # first: it must not wait for its turn there
            os.sched_setaffinity(0, {self.cpu})
            count_up(Cells(1), 0)

        for turn in range(25):
            taker = self.fork(take)
            time.sleep(0.02)
            begin = list(hogs.values)
            time.sleep(0.15)
            work = sorted(now - then for now, then in zip(hogs.values, begin))
            self.assertGreater(work[0], work[1] / 2, f"turn {turn}: one hog stands still, {work}")
            self._kill(taker)
        self.assert_still_attached()

    def test_a_bound_thread_goes_on_after_a_burst_longer_than_usual(self):
        """Nobody else is bound to that CPU, so that nobody's coming reminds the scheduler of it."""
        cells, _ = self.hogs(len(CPUS), where=lambda at: {CPUS[at]})
        before = self.driver.ask("counters")

        def frames():
            next_s = time.monotonic()
            for frame in itertools.count():
                end_s = time.monotonic() + (0.007 if frame % 16 == 15 else 0.0004)
                while time.monotonic() < end_s:
                    pass
                next_s = max(next_s + 1 / 60, end_s)
                time.sleep(max(0, next_s - time.monotonic()))

        self.play(pinned(self.cpu, frames))
        at = CPUS.index(self.cpu)
        for turn in range(12):
            begin = cells[at]
            time.sleep(0.3)
            self.assertGreater(cells[at] - begin, 0, f"turn {turn}: it stands still")
        self.assertGreater(self.grown(before, "slices_kept"), 60)
        self.assert_still_attached()
