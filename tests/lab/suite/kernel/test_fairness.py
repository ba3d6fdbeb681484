# SPDX-License-Identifier: GPL-2.0-or-later
"""Nobody starves; affinity, nice and the other policies keep their meaning. Always ratios within one run."""

import contextlib
import ctypes
import json
import os
import pathlib
import resource
import signal
import struct
import time

from backend import CGROUPS, CPUS, BackendTest, Cells, count_up, pinned, sched_getcpu
from lab import PROGRAMS, wait_until

RUN_S = 1.2

libc = ctypes.CDLL(None, use_errno=True)


def become_deadline(runtime_ns, period_ns):
    """sched_setattr(2), which libc has no function for."""
    sched_deadline, number = 6, 314
    attributes = struct.pack("=IIQiIQQQ", 48, sched_deadline, 0, 0, 0, runtime_ns, period_ns, period_ns)
    if libc.syscall(number, 0, attributes, 0) != 0:
        raise OSError(ctypes.get_errno(), "sched_setattr")


def membarrier():
    """Returns when every CPU has been through the scheduler: kernel threads see to that."""
    number, everywhere = 324, 1
    if libc.syscall(number, everywhere, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "membarrier")


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

    def test_a_chain_of_short_lived_children_has_one_share(self):
        """As of a shell or a build. CPU time, of which the chain has what parent and children had."""
        def chain(cells, at):
            while True:
                with contextlib.suppress(FileNotFoundError):
                    os.posix_spawn("/nowhere", ["/nowhere"], {})  # which a child finds out, and its parent waits for it
                cells[at] = int(1e6 * sum(usage.ru_utime + usage.ru_stime for usage in map(
                    resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))))

        def hog(cells, at):
            while True:
                cells[at] = int(1e6 * time.process_time())

        self.attach()
        chained, *alone = self.race([chain] + [hog] * (3 * len(CPUS)), seconds=2 * RUN_S)
        ratio = chained * len(alone) / sum(alone)
        self.assertTrue(0.75 < ratio < 1.25, f"it has {ratio:.2f} of a share")
        self.assert_still_attached()

    def test_equals_get_equal_shares(self):
        self.attach()
        work = self.race([count_up] * (3 * len(CPUS)), seconds=2 * RUN_S)
        self.assertGreater(min(work), max(work) / 3, work)
        self.assert_still_attached()

    def test_who_computes_is_in_no_hurry_though_it_has_not_slept_since(self):
        self.attach()
        cells = Cells(1)

        def wakes_and_computes():
            for _ in range(20):
                time.sleep(0.005)
            count_up(cells, 0)

        pid = self.fork(wakes_and_computes)
        wait_until("it to compute", lambda: cells[0])
        time.sleep(0.1)
        self.assertEqual(self.driver.ask("explain", pid)["lane"], "normal")
        self.assert_still_attached()

    def test_who_is_urgent_no_more_has_its_share_and_no_more(self):
        """Many short frames, and one that computes for long: what it did not run before is not given to it at once, and its
        CPU's queue does not wait for that."""
        cells = Cells(1)
        for_s = 0.3

        def frames():
            os.sched_setaffinity(0, {CPUS[0]})
            begin = time.monotonic()
            for slot in range(180):
                time.sleep(max(0, begin + slot / 60 - time.monotonic()))
                spin_until(time.thread_time() + 0.0005)
            end, before = time.monotonic() + for_s, time.thread_time_ns()
            while time.monotonic() < end:
                pass
            cells[0] = time.thread_time_ns() - before
            signal.pause()

        def spin_until(thread_time):
            while time.thread_time() < thread_time:
                pass

        self.attach()
        before = self.driver.ask("counters")
        self.fork(pinned(CPUS[0], lambda: count_up(Cells(1), 0)))
        self.play(frames)
        wait_until("the long frame's end", lambda: cells[0])
        self.assertGreater(self.grown(before, "frame_wakeups"), 100, "was it urgent?")
        self.assertGreater(self.grown(before, "burst_demotions"), 0)
        share = cells[0] / (for_s * 1e9)
        print(f"      {share:.2f} of the CPU", flush=True)
        self.assertLess(share, 0.65)
        self.assertGreater(share, 0.3)
        self.assert_still_attached()

    def test_POL6_the_kernels_workers_of_a_cpu_are_not_late_beside_who_computes(self):
        """They finish what a device has begun, and may run on that CPU alone. Here all CPUs' have to run once before a write returns."""
        def median():
            took = []
            for _ in range(60):
                time.sleep(0.013)
                begin = time.monotonic()
                pathlib.Path("/proc/sys/vm/stat_refresh").write_text("1")
                took.append(time.monotonic() - begin)
            return sorted(took)[len(took) // 2]

        for _ in range(3 * len(CPUS)):
            self.fork(lambda: count_up(Cells(1), 0))
        time.sleep(0.5)
        by_the_kernel = median()
        self.attach()
        time.sleep(0.5)
        ratio = median() / by_the_kernel
        print(f"{ratio:.2f} of what it takes under the default", flush=True)
        self.assertLess(ratio, 1.25)
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
        begun = Cells(1)

        def tell():
            begun[0] = 1

        def become_realtime():
            # A kernel that keeps no part of the CPU for who is under sched_ext would not let the other one begin.
            while not begun[0]:
                time.sleep(0.01)
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))

        plain, realtime = self.race([self.on_cpu(1, tell), self.on_cpu(1, become_realtime)])
        # A newer kernel keeps a twentieth for the others.
        self.assertGreater(realtime / max(plain, 1), 5)
        self.assert_still_attached()

    def test_POL6_deadline_tasks_get_their_time(self):
        self.attach()
        runtime_ns, period_ns = 4_000_000, 10_000_000
        used = Cells(1)

        def deadline():
            become_deadline(runtime_ns, period_ns)
            while True:
                used[0] = time.thread_time_ns()

        for at in range(3 * len(CPUS)):
            self.fork(lambda: count_up(Cells(1), 0))
        self.fork(deadline)
        wait_until("it to run", lambda: used[0])
        begin_ns, begin_used_ns = time.monotonic_ns(), used[0]
        time.sleep(RUN_S)
        share = (used[0] - begin_used_ns) / (time.monotonic_ns() - begin_ns)
        self.assertGreater(share, 0.7 * runtime_ns / period_ns)
        self.assert_still_attached()

    def test_POL6_kernel_threads_do_their_work(self):
        self.attach()
        for at in range(4 * len(CPUS)):
            self.fork(lambda: count_up(Cells(1), 0))
        done = Cells(1)

        def wait_for_the_kernel():
            for _ in range(10):
                membarrier()
                done[0] += 1

        self.fork(wait_for_the_kernel)
        wait_until(lambda: f"RCU's threads to do their part ({done[0]} of 10 times)", lambda: done[0] == 10)
        self.assert_still_attached()

    def test_POL6_weights_of_control_groups_are_respected(self):
        usual, light = self.cgroup("usual"), self.cgroup("light", cpu_weight="20")
        heavy, idle = self.cgroup("heavy", cpu_weight="1000"), self.cgroup("idle", cpu_idle="1")
        self.attach()
        work = self.race([self.on_cpu(1, usual), self.on_cpu(1, light), self.on_cpu(1, heavy), self.on_cpu(1, idle)],
                         seconds=2 * RUN_S)
        of_usual, of_light, of_heavy, of_idle = work
        self.assertGreater(of_usual / of_light, 2.5, "weights 100 and 20")
        self.assertLess(of_usual / of_light, 10)
        self.assertLess(of_heavy / of_usual, 1.5, "nobody takes the machine by the weight of their own group")
        self.assertGreater(of_heavy / of_usual, 0.6)
        self.assertGreater(of_usual / max(of_idle, 1), 10)
        self.assert_still_attached()

    def test_POL6_a_changed_weight_of_a_group_counts_soon(self):
        group = self.cgroup("changing")
        self.attach()
        cells = Cells(2)
        for at, prepare in enumerate((lambda: None, group)):
            self.fork(lambda at=at, prepare=prepare: self.on_cpu(1, prepare)(cells, at))
        wait_until("both to have begun", lambda: cells[0] > 1 and cells[1] > 1)
        (CGROUPS / "changing/cpu.weight").write_text("10")

        def ratio():
            begin = cells[0], cells[1]
            time.sleep(RUN_S / 2)
            return (cells[0] - begin[0]) / max(1, cells[1] - begin[1])

        wait_until("the weight of 10 to count", lambda: ratio() > 4)
        self.assert_still_attached()

    def test_POL6_a_limited_control_group_is_kept_small_while_others_want_to_run(self):
        limited = self.cgroup("limited", cpu_max="10000 100000")
        self.attach()
        plain, of_limited = self.race([self.on_cpu(1), self.on_cpu(1, limited)], seconds=2 * RUN_S)
        self.assertGreater(plain / max(of_limited, 1), 5, "a tenth of one CPU")
        self.assert_still_attached()

    def test_POL1_nobody_starves_when_every_lane_has_too_much_to_do(self):
        """A game with jobs, streaming and audio; hogs of every kind; fork storms: four times what the CPUs can do."""
        self.attach()
        out = self.scratch() / "hogs.json"
        hogs = self.start([PROGRAMS / "hogs", "--hogs", 3 * len(CPUS), "--storm", "3", "--sleepers", "20", "--seconds", "6",
                           "--warmup", "1", "--ready", "/dev/null", "--out", out])
        argv = [str(PROGRAMS / "frameloop"), "--iterations-per-us", "100", "--hz", "144", "--work-us", "200", "--jobs", "8",
                "--workers", "4", "--job-us", "60", "--streamers", "4", "--audio", "--seconds", "6", "--warmup", "1",
                "--ready", "/dev/null", "--out", "/dev/null"]
        game = self.play(lambda: os.execv(argv[0], argv))
        kinds = [lambda: None, lambda: os.nice(10), lambda: os.nice(19), lambda: os.nice(-5),
                 lambda: os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0)),
                 lambda: os.sched_setaffinity(0, {CPUS[0]}), lambda: os.sched_setaffinity(0, set(CPUS[:2]))]
        turns, longest_ns = Cells(len(kinds)), Cells(len(kinds))

        def watch_itself(at):
            turns[at] += 1
            kinds[at]()
            last_ns = time.monotonic_ns()
            while True:
                now_ns = time.monotonic_ns()
                longest_ns[at] = max(longest_ns[at], now_ns - last_ns)
                last_ns = now_ns
                turns[at] += 1

        for at in range(len(kinds)):
            self.fork(lambda at=at: watch_itself(at))
        self.assertEqual(hogs.wait(), 0)
        os.waitpid(game, 0)
        report = json.loads(out.read_text())
        print(f"      longest waits: hogs {report['hogs']['longest_wait_ms']:.0f} ms, storm {report['storm']['longest_wait_ms']:.0f} ms, "
              f"others {[round(longest_ns[at] / 1e6) for at in range(len(kinds))]} ms", flush=True)
        self.assertTrue(all(turns[at] > 1 for at in range(len(kinds))), [turns[at] for at in range(len(kinds))])
        # Those of little weight wait longest; it is bounded for them too.
        self.assertLess(max(longest_ns[at] for at in range(len(kinds))), 3_000_000_000)
        self.assertGreater(report["hogs"]["fewest_units"], report["hogs"]["most_units"] / 3)
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
