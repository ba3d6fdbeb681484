# SPDX-License-Identifier: GPL-2.0-or-later
"""Weights decide who gets how much, in whatever company: processor time as the kernel counts it, as ratios within one run."""

import collections
import os
import time

from backend import CPUS, GAME, BackendTest, Cells
from lab import wait_until

RUN_S = 2.4
# The kernel's weights of nice values.
WEIGHTS = {-5: 3121, -1: 1277, 0: 1024, 2: 655}


def cpu_time_ns(pid):
    """Of another process, up to now: the clock that clock_getcpuclockid(3) makes of a pid."""
    return time.clock_gettime_ns(~pid << 3 | 2)


def compute():
    while True:
        pass


def compute_for(ns):
    end_ns = time.thread_time_ns() + ns
    while time.thread_time_ns() < end_ns:
        pass


Kind = collections.namedtuple("Kind", "count nice cpus in_game body", defaults=(0, CPUS, False, compute))


class Shares(BackendTest):
    """Processor time as the kernel counts it, of the same processes under its own scheduler first, then under ours."""

    def shares(self, kinds, prepare=lambda at: None, settle=lambda counters: None):
        """What each of a kind has of a CPU, on average: under the kernel's scheduler, under ours. Each runs prepare() first;
        settle() is called when the game has begun."""
        pids = []
        for at, kind in enumerate(kinds):
            def run(at=at, kind=kind):
                os.sched_setaffinity(0, kind.cpus)
                os.nice(kind.nice)
                prepare(at)
                kind.body()

            pids.append([self.fork(run) for _ in range(kind.count)])
        wait_until("all to have begun", lambda: all(cpu_time_ns(pid) > 20_000_000 for of_kind in pids for pid in of_kind))
        kernels = self._measure(pids)
        self.attach()
        before = self.driver.ask("counters")
        for kind, of_kind in zip(kinds, pids):
            if kind.in_game:
                for pid in of_kind:
                    self.driver.ask("add", GAME, pid)
        settle(before)
        time.sleep(0.5)
        ours = self._measure(pids)
        self.assert_still_attached()
        print(f"      shares: kernel {[round(share, 3) for share in kernels]}, ours {[round(share, 3) for share in ours]}", flush=True)
        return kernels, ours

    @staticmethod
    def _measure(pids):
        begin_ns, began_ns = [[cpu_time_ns(pid) for pid in of_kind] for of_kind in pids], time.monotonic_ns()
        time.sleep(RUN_S)
        end_ns, took_ns = [[cpu_time_ns(pid) for pid in of_kind] for of_kind in pids], time.monotonic_ns() - began_ns
        return [(sum(end) - sum(begin)) / len(begin) / took_ns for begin, end in zip(begin_ns, end_ns)]

    def assert_by_weight(self, kinds, shares):
        """Those of equal affinity by their weights. (The kernel's own are up to 8 % off on all CPUs, for it moves whole threads.)"""
        for cpus in {tuple(kind.cpus) for kind in kinds}:
            together = [(kind, share) for kind, share in zip(kinds, shares) if tuple(kind.cpus) == cpus]
            all_weights = sum(kind.count * WEIGHTS[kind.nice] for kind, _ in together)
            all_shares = sum(kind.count * share for kind, share in together)
            for kind, share in together:
                due = all_shares * WEIGHTS[kind.nice] / all_weights
                self.assertLess(abs(share / due - 1), 0.06, f"{share:.3f} of a CPU, not {due:.3f}: {kind}")

    def test_POL6_nice_values_on_one_cpu(self):
        """Of two, of four, raised and lowered, on one CPU each and at once: what a thread of one CPU gets is no measure for
        those of another."""
        on = [(cpu,) for cpu in CPUS]
        kinds = [Kind(1, 0, on[0]), Kind(1, 0, on[1]), Kind(1, -1, on[1])]
        if len(CPUS) >= 4:
            kinds += [Kind(3, 0, on[2]), Kind(1, -1, on[2]), Kind(2, 0, on[3], True), Kind(1, 2, on[3], True), Kind(1, -5, on[3])]
        _, ours = self.shares(kinds)
        self.assert_by_weight(kinds, ours)

    def test_POL6_who_changes_anothers_nice_value_pays_for_that(self):
        """The kernel says of a running thread that it stops and starts, on the CPU of who makes the change."""
        its_pid = Cells(1)

        def changes():
            nice = 0
            while True:
                nice ^= 1
                os.setpriority(os.PRIO_PROCESS, its_pid[0], nice)

        def is_changed():
            its_pid[0] = os.getpid()
            compute()

        here, there = CPUS[:1], CPUS[1:2]
        kinds = [Kind(1, 0, there, body=is_changed), Kind(1, 0, there), Kind(1, 0, here, body=changes), Kind(1, 0, here)]
        _, ours = self.shares(kinds, prepare=lambda at: at and wait_until("the first", lambda: its_pid[0]))
        self.assert_by_weight(kinds[2:], ours[2:])
        self.assertGreater(ours[0], 0.8 * ours[1])

    def test_POL6_nice_values_on_all_cpus(self):
        kinds = [Kind(len(CPUS), nice, CPUS, in_game) for nice in (0, -1) for in_game in (False, True)]
        _, ours = self.shares(kinds)
        self.assert_by_weight(kinds, ours)

    def test_POL6_nice_values_beside_a_game_that_takes_more(self):
        """Its frame threads have more than anybody else's share, and nobody else's share is counted by that."""
        known = Cells(1)

        def frames():
            period_ns = 16_666_667
            while True:
                time.sleep((period_ns - time.monotonic_ns() % period_ns) / 1e9)
                compute_for(4_000_000 if known[0] else 300_000)

        def become_known(before):
            wait_until("each to keep time", lambda: self.grown(before, "frame_wakeups") > 20 * len(CPUS))
            known[0] = 1

        kinds = [Kind(2 * len(CPUS), 0), Kind(2 * len(CPUS), -5), Kind(len(CPUS), 0, CPUS, True, frames)]
        _, ours = self.shares(kinds, settle=become_known)
        self.assertGreater(ours[2], 1.5 * ours[0], "they have more")
        self.assert_by_weight(kinds[:2], ours[:2])

    def test_POL6_weights_of_control_groups_beside_a_cpu_with_less_to_do(self):
        join = self.cgroup("usual"), self.cgroup("half", cpu_weight="50")
        kinds = [Kind(1, 0, CPUS[1:2]), Kind(1, 0, CPUS[1:2]), Kind(1, 0, CPUS[:1])]
        _, (usual, half, _) = self.shares(kinds, lambda at: join[at]() if at < 2 else None)
        self.assertLess(abs(usual / half / 2 - 1), 0.06, f"weights 100 and 50: {usual / half:.2f}")

    def test_who_sleeps_a_little_gets_what_the_kernel_gives(self):
        def computes_and_sleeps():
            while True:
                compute_for(3_000_000)
                time.sleep(0.001)

        kinds = [Kind(2, 0, CPUS[1:2]), Kind(2, 0, CPUS[1:2], False, computes_and_sleeps),
                 Kind(2, 0, CPUS[2:]), Kind(4, 0, CPUS[2:], False, computes_and_sleeps)]
        kernels, ours = self.shares(kinds)
        for kind, kernel, our in zip(kinds, kernels, ours):
            if kind.body != compute:
                self.assertGreater(our / kernel, 0.94, kind)
