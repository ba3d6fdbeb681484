# SPDX-License-Identifier: GPL-2.0-or-later
"""The scheduler comes, stays, goes, and leaves the machine as it was. Last: it takes the driver down."""

import os
import pathlib
import signal
import subprocess
import time

from backend import CPUS, BackendTest, Cells, count_up, pinned, shared_driver
from lab import Driver, DriverError, first_line, kernel_ops, kernel_state, wait_until, SCHED_EXT


class Life(BackendTest):
    def hogs(self):
        """All CPUs busy; returns a function that waits until each hog has worked."""
        cells = Cells(2 * len(CPUS))
        for at in range(2 * len(CPUS)):
            self.fork(lambda at=at: count_up(cells, at))

        def all_work():
            before = [cells[at] for at in range(2 * len(CPUS))]
            wait_until("each hog to go on", lambda: all(cells[at] > before[at] for at in range(len(before))))

        all_work()
        return all_work

    def test_attach_and_detach_ten_times(self):
        all_work = self.hogs()
        for number in range(10):
            with self.subTest(number=number):
                self.attach()
                self.assertEqual(kernel_ops(), "gamesched")
                all_work()
                self.assert_still_attached()
                self.driver.ask("detach")
                wait_until("the kernel's own scheduler", lambda: kernel_state() == "disabled")
                self.assertFalse(self.driver.ask("state")["attached"])
                all_work()

    def test_BUS7_a_second_scheduler_is_told_that_one_is_there(self):
        # Real-time and in the verifier for seconds of this clock: attached meanwhile, we would be ejected for whom it keeps
        # from the one CPU that they may run on (up to 6.18; later kernels give them a part of it).
        second = Driver()
        self.addCleanup(second.close)
        self.attach()
        with self.assertRaises(DriverError) as refused:
            second.ask("attach")
        self.assertTrue(refused.exception.busy, refused.exception)
        self.assert_still_attached()
        second.close()
        self.assert_still_attached()

    def test_cpus_go_and_come_while_attached(self):
        all_work = self.hogs()
        self.attach()
        cpu = pathlib.Path(f"/sys/devices/system/cpu/cpu{CPUS[-1]}/online")
        self.addCleanup(cpu.write_text, "1")
        for number in range(5):
            with self.subTest(number=number):
                cpu.write_text("0")
                all_work()
                self.assert_still_attached()
                cpu.write_text("1")
                all_work()
                self.assert_still_attached()

    def test_POL6_a_thread_bound_to_a_cpu_that_goes(self):
        """The kernel lets it run elsewhere; it waited in a queue that no CPU serves any more."""
        cells = Cells(3)
        bound = [self.fork(pinned(CPUS[-1], lambda at=at: count_up(cells, at))) for at in range(3)]
        all_work = self.hogs()
        self.attach()
        cpu = pathlib.Path(f"/sys/devices/system/cpu/cpu{CPUS[-1]}/online")
        self.addCleanup(cpu.write_text, "1")

        def bound_work():
            before = [cells[at] for at in range(3)]
            wait_until(lambda: f"each bound thread to go on: {[cells[at] - before[at] for at in range(3)]}",
                       lambda: all(cells[at] > before[at] for at in range(3)))

        for number in range(3):
            with self.subTest(number=number):
                bound_work()
                cpu.write_text("0")
                bound_work()
                all_work()
                self.assert_still_attached()
                cpu.write_text("1")
                for pid in bound:
                    os.sched_setaffinity(pid, {CPUS[-1]})
        bound_work()
        self.assert_still_attached()

    def test_attaching_while_a_cpu_is_away(self):
        cpu = pathlib.Path(f"/sys/devices/system/cpu/cpu{CPUS[-1]}/online")
        cpu.write_text("0")
        self.addCleanup(cpu.write_text, "1")
        self.attach()
        cpu.write_text("1")
        self.hogs()
        self.assert_still_attached()

    def test_SIGKILL_of_the_owner_gives_the_machine_back(self):
        all_work = self.hogs()
        before = first_line(SCHED_EXT / "nr_rejected")
        self.attach()
        all_work()
        ends = lambda: subprocess.run(["dmesg"], capture_output=True, text=True, check=True).stdout.count(
            '"gamesched" disabled (unregistered from BPF)')
        ended = ends()
        self.driver.process.kill()
        wait_until("the kernel's own scheduler", lambda: kernel_state() == "disabled")
        # At the first step of its exit, and not when its link was closed at last.
        wait_until("the kernel's word", lambda: ends() > ended)
        self.driver.process.wait()
        self.driver.process.stdin.close()
        self.driver.process.stdout.close()
        self.assertEqual(kernel_ops(), "")
        self.assertEqual(first_line(SCHED_EXT / "nr_rejected"), before)
        all_work()
