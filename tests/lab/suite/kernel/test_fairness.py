# SPDX-License-Identifier: GPL-2.0-or-later
"""Nobody starves; affinity, nice and the other policies keep their meaning. Always ratios within one run."""

import os
import time

from backend import CPUS, BackendTest, Cells, count_up, pinned, sched_getcpu
from lab import wait_until

RUN_S = 1.2


class Fairness(BackendTest):
    def race(self, bodies, seconds=RUN_S):
        """What each of the bodies(cells, at) counts up to in the same time, all begun."""
        cells = Cells(len(bodies))
        for at, body in enumerate(bodies):
            self.fork(lambda at=at, body=body: body(cells, at))
        wait_until("all to have begun", lambda: all(cells[at] for at in range(len(bodies))))
        begin = [cells[at] for at in range(len(bodies))]
        time.sleep(seconds)
        return [cells[at] - begin[at] for at in range(len(bodies))]

    @staticmethod
    def on_cpu(cpu, prepare=lambda: None):
        def body(cells, at):
            os.sched_setaffinity(0, {cpu})
            # Begun before it stands back, or it might never begin beside the others.
            cells[at] += 1
            prepare()
            count_up(cells, at)

        return body

    def test_equals_get_equal_shares(self):
        self.attach()
        work = self.race([count_up] * (3 * len(CPUS)), seconds=2 * RUN_S)
        self.assertGreater(min(work), max(work) / 3, work)
        self.assert_still_attached()

    def test_POL6_nice_is_respected(self):
        self.attach()
        plain, nice = self.race([self.on_cpu(1), self.on_cpu(1, lambda: os.nice(10))])
        self.assertGreater(nice, 0)
        self.assertGreater(plain / nice, 3, "the weights differ by 9.3")
        self.assert_still_attached()

    def test_POL6_sched_idle_gets_what_is_left(self):
        self.attach()
        idle_policy = lambda: os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        plain, idle = self.race([self.on_cpu(1), self.on_cpu(1, idle_policy)])
        self.assertGreater(plain / max(idle, 1), 8)
        self.assert_still_attached()

    def test_POL6_real_time_stays_real_time(self):
        self.attach()
        realtime_policy = lambda: os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        plain, realtime = self.race([self.on_cpu(1), self.on_cpu(1, realtime_policy)])
        # The kernel itself keeps a twentieth for the others.
        self.assertGreater(realtime / max(plain, 1), 5)
        self.assert_still_attached()

    def test_POL6_affinity_is_respected(self):
        """Pinned, moved and spread while all CPUs are busy."""
        self.attach()
        workers = 2 * len(CPUS)
        # The kernel moves a thread off a CPU after it has changed the mask, and before it returns to who asked.
        changes, strayed, turns = Cells(workers), Cells(workers), Cells(workers)

        def body(at):
            while True:
                change = changes[at]
                stray = sched_getcpu() not in os.sched_getaffinity(0)
                if stray and change % 2 == 0 and changes[at] == change:
                    strayed[at] += 1
                turns[at] += 1

        pids = [self.fork(lambda at=at: body(at)) for at in range(workers)]
        for turn in range(30):
            for at, pid in enumerate(pids):
                first = CPUS[(turn + at) % len(CPUS)]
                changes[at] += 1
                os.sched_setaffinity(pid, {first} if turn % 3 else {first, CPUS[(turn + at + 1) % len(CPUS)]})
                changes[at] += 1
            before = [turns[at] for at in range(workers)]
            wait_until(lambda: f"each to have run: {[turns[at] - before[at] for at in range(workers)]}",
                       lambda: all(turns[at] > before[at] + 1 for at in range(workers)))
        self.assertEqual([strayed[at] for at in range(workers)], [0] * workers)
        self.assert_still_attached()

    def test_POL1_nobody_starves_beside_a_game_that_lies(self):
        """Every thread of the game keeps time as a frame thread does, and computes for nearly its whole period;
        there are twice as many as CPUs."""
        self.attach()
        liars = 2 * len(CPUS)
        beats, work = Cells(liars), Cells(2)
        period_ns, burst_ns = 8_000_000, 6_500_000

        def lie(at):
            next_ns = time.monotonic_ns()
            while True:
                next_ns = max(next_ns + period_ns, time.monotonic_ns() + 1_000_000)
                time.sleep(max(0, next_ns - time.monotonic_ns()) / 1e9)
                end_ns = time.thread_time_ns() + burst_ns
                while time.thread_time_ns() < end_ns:
                    pass
                beats[at] += 1

        def game():
            for at in range(1, liars):
                if os.fork() == 0:
                    lie(at)
            lie(0)

        def hog():
            last_ns = time.monotonic_ns()
            while True:
                now_ns = time.monotonic_ns()
                work[0] += 1
                work[1] = max(work[1], now_ns - last_ns)
                last_ns = now_ns

        before = self.driver.ask("counters")
        self.play(lambda: (os.setpgid(0, 0), game()))
        self.addCleanup(lambda: [self._kill(pid) for pid in self.driver.members()])
        wait_until("every liar to have begun", lambda: all(beats[at] for at in range(liars)))
        self.fork(hog)
        wait_until("the hog to have begun", lambda: work[0])
        work[1] = 0
        begin_ns = time.monotonic_ns()
        begun = work[0]
        time.sleep(2 * RUN_S)
        took_ns = time.monotonic_ns() - begin_ns
        self.assertGreater(self.grown(before, "frame_wakeups"), 0, "the lie was believed")
        self.assertGreater(work[0], begun)
        self.assertLess(work[1], took_ns / 5, "the hog's longest wait")
        self.assert_still_attached()
