# SPDX-License-Identifier: GPL-2.0-or-later
"""POL-3, GPU-3, GPU-5: where threads run. What needs two last-level caches is skipped on a machine with one."""

import os
import pathlib
import time
import unittest

from backend import CPUS, BackendTest, Cells, count_up, pinned, pre_empted, sched_getcpu
from gpu_devices import GpuTest, card_of
from input_devices import InputTest
from lab import PROGRAMS, Driver, first_line, wait_until
from uinput import EV_REL, REL_X

CPU_DIR = pathlib.Path("/sys/devices/system/cpu")


def cpu_list(text):
    cpus = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        cpus |= set(range(int(first), int(last or first) + 1))
    return frozenset(cpus)


def caches():
    """The sets of CPUs that share a last-level cache."""
    found = set()
    for cpu in CPUS:
        indices = sorted((CPU_DIR / f"cpu{cpu}/cache").glob("index*"), key=lambda i: int(first_line(i / "level", "0")))
        if indices:
            found.add(cpu_list(first_line(indices[-1] / "shared_cpu_list")))
    return sorted(found, key=min) or [frozenset(CPUS)]


CACHES = caches()
two_caches = unittest.skipIf(len(CACHES) < 2, "this machine has one last-level cache: ./dev lab --llcs 2")


def compute(seconds):
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        pass


class Balance(BackendTest):
    @two_caches
    def test_POL1_shares_are_the_same_in_both_caches(self):
        """Twice as many hogs in one as in the other, and from then on all of them may go anywhere."""
        self.attach()
        few, many = CACHES[0], CACHES[1]
        hogs = [few] * (2 * len(few)) + [many] * (4 * len(many))
        cells = Cells(len(hogs))
        pids = []
        for at, cache in enumerate(hogs):
            def body(at=at, cache=cache):
                os.sched_setaffinity(0, cache)
                count_up(cells, at)
            pids.append(self.fork(body))
        wait_until("all to have begun", lambda: all(cells[at] for at in range(len(hogs))))
        before = self.driver.ask("counters")
        for pid in pids:
            os.sched_setaffinity(pid, CPUS)
        time.sleep(0.5)
        begin = [cells[at] for at in range(len(hogs))]
        time.sleep(3)
        work = [cells[at] - begin[at] for at in range(len(hogs))]
        of_few, of_many = work[:2 * len(few)], work[2 * len(few):]
        ratio = (sum(of_many) / len(of_many)) / (sum(of_few) / len(of_few))
        self.assertGreater(ratio, 0.75, f"one half gives each thread {ratio:.2f} of what the other gives")
        self.assertGreater(self.grown(before, "balanced"), 0)
        self.assertLess(self.grown(before, "balanced"), 2 * 3.5 / 0.048 + 8, "one an interval and cache at the most")
        self.assert_still_attached()

    def test_bound_threads_and_others_share_a_cpu(self):
        """Many that may run on one CPU alone, beside twice as many free ones as CPUs."""
        self.attach()
        bound, free = 12, 2 * len(CPUS)
        cells = Cells(bound + free)
        for at in range(bound):
            self.fork(lambda at=at: (os.sched_setaffinity(0, {CPUS[-1]}), count_up(cells, at)))
        for at in range(bound, bound + free):
            self.fork(lambda at=at: count_up(cells, at))
        wait_until("all to have begun", lambda: all(cells[at] for at in range(bound + free)))
        begin = [cells[at] for at in range(bound + free)]
        time.sleep(2.5)
        work = [cells[at] - begin[at] for at in range(bound + free)]
        self.assertGreater(min(work[:bound]), max(work[:bound]) / 3, work)
        self.assertGreater(min(work[bound:]), max(work[bound:]) / 3, work)
        # The free ones have the other CPUs: nobody of them is held up by those bound to the last.
        self.assertGreater(min(work[bound:]), max(work[:bound]), work)
        self.assert_still_attached()


class Taken(BackendTest):
    def test_who_is_pre_empted_by_a_real_time_task_goes_on_elsewhere(self):
        self.attach()
        cells, where = Cells(1), Cells(1)

        def hog():
            while True:
                cells[0] += 1
                where[0] = sched_getcpu()

        self.fork(hog)
        wait_until("the hog to have begun", lambda: cells[0])

        def work_of(seconds):
            begin = cells[0]
            time.sleep(seconds)
            return cells[0] - begin

        alone = work_of(0.4)
        for _ in range(3):
            cpu = where[0]
            taker = self.fork(lambda: (os.sched_setaffinity(0, {cpu}),
                                       os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
                                       count_up(Cells(1), 0)))
            wait_until("the hog to have gone elsewhere", lambda: where[0] != cpu)
            # The other CPUs are idle: it does nearly as much as alone (here busy CPUs share the emulator's time).
            self.assertGreater(work_of(0.4), alone / 4)
            self._kill(taker)
        self.assert_still_attached()


class TakenAgain(InputTest):
    def test_IN10_who_waits_for_input_runs_where_no_real_time_thread_comes_back(self):
        """Such threads wake a thousand times a second on all CPUs but one; the event comes from one of those."""
        self.attach()
        mouse, cells = self.mouse(), Cells(len(CPUS))
        noisy, quiet = CPUS[:-1], CPUS[-1]
        device = os.open(mouse.event_device(), os.O_RDONLY)

        def come_back(cpu):
            os.sched_setaffinity(0, {cpu})
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
            while True:
                time.sleep(0.001)

        def read():
            while os.read(device, 4096):
                cells[sched_getcpu()] += 1

        pid = self.play(read)
        for _ in range(2 * len(CPUS)):
            self.fork(lambda: count_up(Cells(1), 0))
        for cpu in noisy:
            self.fork(lambda cpu=cpu: come_back(cpu))
        self.pin(noisy[0])
        self.wake(pid, mouse)
        begin = [cells[cpu] for cpu in CPUS]
        self.wake(pid, mouse, times=100)
        ran = {cpu: cells[cpu] - begin[at] for at, cpu in enumerate(CPUS)}
        self.assertGreater(ran[quiet], sum(ran.values()) * 2 / 3, ran)
        self.assert_still_attached()

    @staticmethod
    def waits_for_events(pid):
        wait_until("it to wait for events", lambda: first_line(pathlib.Path(f"/proc/{pid}/wchan"), "") == "evdev_read")

    def hand_back(self, spin_s, times=150):
        """One event wakes a game's reader and, right after it, a real-time thread that is bound to the CPU where that last
        ran and computes for spin_s. All CPUs have hogs. Returns how often the reader ran only when the other was done, and
        how often it had to move."""
        self.attach()
        mouse, cells = self.mouse(), Cells(4)  # events that the reader had, its CPU, events that the taker is done with, of the former how many late
        began, at, done, late = range(4)
        moves = 0

        def read(device):
            while os.read(device, 4096):
                cells[at] = sched_getcpu()
                cells[late] += cells[done] > cells[began]
                cells[began] += 1

        def take(device):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(2))
            while os.read(device, 4096):
                compute(spin_s)
                cells[done] += 1

        device = mouse.event_device()
        reader = self.play(lambda: read(os.open(device, os.O_RDONLY)))
        self.waits_for_events(reader)
        taker = self.fork(lambda: take(os.open(device, os.O_RDONLY)))
        self.waits_for_events(taker)
        for _ in range(2 * len(CPUS)):
            self.fork(lambda: count_up(Cells(1), 0))
        self.pin(CPUS[0])
        for number in range(times):
            where = cells[at]
            os.sched_setaffinity(taker, {where})
            compute(0.004)  # for so long that nobody waits for this CPU
            mouse.packet(EV_REL, REL_X, 1 if number % 2 else -1)
            wait_until("both to have had it", lambda: cells[began] == cells[done] == number + 1, interval_s=0.002)
            moves += cells[at] != where
        self.assert_still_attached()
        return cells[late], moves

    def test_who_is_handed_back_for_a_real_time_task_takes_another_cpu_at_once(self):
        late, moves = self.hand_back(spin_s=0.0015)
        self.assertGreater(moves, 50)
        self.assertLess(late, moves / 20, f"of {moves} times")

    def test_nor_does_it_wait_for_a_brief_one(self):
        late, moves = self.hand_back(spin_s=0.0006)
        self.assertGreater(moves, 50)
        self.assertLess(late, moves / 20, f"of {moves} times")


class AfterTaker(InputTest):
    """A mouse's thread is real-time, bound to a CPU that has hogs like all others, and wakes a game's reader."""

    HERE, EVENTS, SPIN_US = range(3)

    def start(self, cpus):
        """The reader may run on `cpus`."""
        self.attach()
        self.cells, out, gate = Cells(3), *os.pipe()
        cells, at = self.cells, CPUS[-1]
        mouse = [str(PROGRAMS / "mouse"), "--hz", "500"]
        self.fork(pinned(at, lambda: (os.dup2(gate, 1), os.execv(mouse[0], mouse))))
        os.close(gate)
        event_device = os.read(out, 4096).decode().split()[1]
        os.close(out)
        for _ in range(2 * len(CPUS)):
            self.fork(lambda: count_up(Cells(1), 0))

        def read():
            os.sched_setaffinity(0, cpus)
            device = os.open(event_device, os.O_RDONLY)
            while os.read(device, 4096):
                end_s = time.monotonic() + cells[self.SPIN_US] / 1e6
                cells[self.HERE] += sched_getcpu() == at
                cells[self.EVENTS] += 1
                while time.monotonic() < end_s:
                    pass

        self.play(read)

    def read(self, spin_us):
        """
        Who spins for spin_us after each event. Returns its share of events on the mouse's CPU, and of wake-ups right
        after the mouse's thread.
        """
        self.cells[self.SPIN_US] = spin_us
        known = self.cells[self.EVENTS] + 40
        wait_until("the reader to be known", lambda: self.cells[self.EVENTS] > known)
        before, begin = self.driver.ask("counters"), list(self.cells.values)
        time.sleep(1.5)
        ran_here, events = (now - then for now, then in zip(self.cells.values[:2], begin))
        woken = self.grown(before, "input_wakeups")
        self.assertGreater(woken, 100, f"of {events} events")
        self.assert_still_attached()
        return ran_here / events, self.grown(before, "after_takers") / woken

    def test_IN10_a_reader_runs_on_the_cpu_that_was_taken_to_bring_the_event(self):
        self.start(CACHES[-1])
        ran_here, followed = self.read(spin_us=0)
        self.assertGreater(ran_here, 0.6)
        self.assertGreater(followed, 0.6)
        # But not while it would be there still when the next event comes.
        _, followed = self.read(spin_us=1700)
        self.assertLess(followed, 0.1)

    @two_caches
    def test_but_not_where_its_memory_is_in_another_cache(self):
        self.start(CACHES[0] | {CPUS[-1]})
        _, followed = self.read(spin_us=0)
        self.assertLess(followed, 0.1)


class OneForEach(GpuTest):
    def test_POL2_an_urgent_thread_leaves_another_ones_cpu_alone(self):
        """A frame thread may use a compositor's CPU and one that a real-time thread takes all the time, which it likes less. At
        another rate than the compositor's it wakes at any moment of that one's work. Both CPUs have hogs."""
        self.attach()
        mine, theirs, other = CPUS[:3]
        os.sched_setaffinity(0, {mine})  # the test is real-time, and would take a CPU from the compositor as well
        self.addCleanup(os.sched_setaffinity, 0, CPUS)
        cells, frames = Cells(len(CPUS) + 1), 300
        argv = [str(PROGRAMS / "flipper"), card_of("virtio_gpu"), "--hz", "60", "--seconds", "3600", "--iterations-per-us", "50",
                "--work-us", "800"]
        compositor = self.fork(pinned(theirs, lambda: os.execv(argv[0], argv)))

        def take():
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(2))
            while True:
                time.sleep(0.004)

        self.fork(pinned(other, take))
        for cpu in (theirs, other):
            self.fork(pinned(cpu, lambda: count_up(Cells(1), 0)))

        def draw():
            os.sched_setaffinity(0, {theirs, other})
            keep_time(cells, 1 / 67, 300)

        game = self.play(draw)
        wait_until("both to be known", lambda: (self.explain(game)["lane"], self.explain(compositor)["lane"]) == ("frame", "compositor"))
        had_to_go, drawn = pre_empted(compositor), cells[theirs] + cells[other]
        wait_until("frames", lambda: cells[theirs] + cells[other] >= drawn + frames)
        self.assertLess(pre_empted(compositor) - had_to_go, frames / 40, "the compositor had to go elsewhere")
        self.assert_still_attached()


class Hotplug(BackendTest):
    @two_caches
    def test_POL3_a_cpu_that_comes_for_the_first_time_asks_for_a_new_attach(self):
        cpu = CPU_DIR / f"cpu{CPUS[-1]}/online"
        cpu.write_text("0")
        self.addCleanup(cpu.write_text, "1")
        self.attach()
        cpu.write_text("1")
        wait_until("the scheduler to have left", lambda: len(self.driver.ask("state")["exits"]) > self.exits_before)
        [left] = self.driver.ask("state")["exits"][self.exits_before:]
        self.assertEqual((left["restart"], left["error"]), (True, False), left)
        # Now it is known: going and coming changes nothing.
        self.attach()
        for _ in range(2):
            cpu.write_text("0")
            cpu.write_text("1")
        self.assert_still_attached()


def keep_time(cells, period_s, work):
    """Frames: works, sleeps until the next one. Counts in cells[CPU] where each began, in the last cell its moves."""
    last, next_s = None, time.monotonic()
    while True:
        next_s = max(next_s + period_s, time.monotonic())
        time.sleep(max(0, next_s - time.monotonic()))
        cpu = sched_getcpu()
        cells[cpu] += 1
        if last is not None and cpu != last:
            cells[len(CPUS)] += 1
        last = cpu
        for _ in range(work):
            pass


class FramePlaces(BackendTest):
    def test_GPU3_GPU5_a_frame_thread_keeps_its_core(self):
        """Beside short-lived disturbance on an otherwise idle machine it has its core for itself, and hardly moves."""
        self.attach()
        cells = Cells(len(CPUS) + 1)
        before = self.driver.ask("counters")
        self.play(lambda: keep_time(cells, 0.008, 1000))

        def disturb():
            while True:
                time.sleep(0.003)
                for _ in range(3000):
                    pass

        for _ in range(len(CPUS) // 2):
            self.fork(disturb)
        wait_until("some frames", lambda: sum(cells[at] for at in range(len(CPUS))) > 50)
        begin = [cells[at] for at in range(len(CPUS) + 1)]
        wait_until("more frames", lambda: sum(cells[at] - begin[at] for at in range(len(CPUS))) > 200)
        frames = sum(cells[at] - begin[at] for at in range(len(CPUS)))
        moves = cells[len(CPUS)] - begin[len(CPUS)]
        # 8 ms each: at most ten moves a second of its own choice, and four saved ones.
        self.assertLess(moves, frames * 0.008 * 10 + 4 + frames / 20, f"{moves} moves in {frames} frames")
        self.assertGreater(self.grown(before, "home_cores") + self.grown(before, "stays"), 0)
        self.assert_still_attached()


class UnequalCpus(BackendTest):
    """sysfs shows the last two CPUs beside a cache three times as large. Only the driver sees it so: the kernel and the
    CPUs are what they are."""

    def setUp(self):
        super().setUp()
        self.plain, self.stacked = CPUS[:-2], CPUS[-2:]
        folder = self.scratch()
        for name in ("possible", "online", "present"):
            (folder / name).write_text((CPU_DIR / name).read_text())
        for cpu in CPUS:
            group, size = (self.stacked, "98304K") if cpu in self.stacked else (self.plain, "32768K")
            cache = folder / f"cpu{cpu}/cache/index3"
            cache.mkdir(parents=True)
            for name, text in (("level", "3"), ("type", "Unified"), ("size", size),
                               ("shared_cpu_list", f"{group[0]}-{group[-1]}")):
                (cache / name).write_text(text + "\n")
            (folder / f"cpu{cpu}/topology").mkdir()
            (folder / f"cpu{cpu}/topology/thread_siblings_list").write_text(f"{cpu}\n")
        self.driver = Driver(("unshare", "--mount", "sh", "-c",
                              f'mount --bind {folder} {CPU_DIR} && exec "$0"'))
        self.addCleanup(self.driver.close)
        self.addCleanup(self._leave)

    def share_on_the_cache(self, cells, frames=150):
        begin = [cells[at] for at in range(len(CPUS))]
        done = lambda: [cells[at] - begin[at] for at in range(len(CPUS))]
        wait_until("frames", lambda: sum(done()) >= frames)
        return sum(done()[cpu] for cpu in self.stacked) / sum(done())

    def test_POL3_frames_are_drawn_beside_the_large_cache(self):
        self.attach()
        cells = Cells(len(CPUS) + 1)

        def game():
            os.sched_setaffinity(0, self.plain)  # it begins in the wrong place
            os.sched_setaffinity(0, CPUS)
            keep_time(cells, 0.008, 1000)

        self.play(game)
        wait_until("some frames", lambda: sum(cells[at] for at in range(len(CPUS))) > 50)
        self.assertGreater(self.share_on_the_cache(cells), 0.9, "on an idle machine")
        work = Cells(3 * len(CPUS))
        for at in range(3 * len(CPUS)):
            self.fork(lambda at=at: count_up(work, at))
        wait_until("the hogs to have begun", lambda: all(work[at] for at in range(3 * len(CPUS))))
        self.assertGreater(self.share_on_the_cache(cells), 0.9, "with every CPU busy")
        self.assert_still_attached()

    def test_POL3_the_games_workers_take_the_other_cpus_when_there_is_no_room(self):
        self.attach()
        cells = Cells(len(CPUS))

        def game():
            for at in range(1, len(CPUS)):
                if os.fork() == 0:
                    count_up(cells, at)
            count_up(cells, 0)

        self.play(lambda: (os.setpgid(0, 0), game()))
        self.addCleanup(lambda: [self._kill(pid) for pid in self.driver.members()])
        wait_until("all to have begun", lambda: all(cells[at] for at in range(len(CPUS))))
        begin = [cells[at] for at in range(len(CPUS))]
        time.sleep(2)
        work = [cells[at] - begin[at] for at in range(len(CPUS))]
        self.assertGreater(min(work), max(work) / 3, f"as many as CPUs: each has one; {work}")
        self.assert_still_attached()
