# SPDX-License-Identifier: GPL-2.0-or-later
"""From the input detector's hook to the daemon: rings, batches, counters, and what the programs are made of."""

import json
import os
import pathlib
import random
import re
import signal
import subprocess
import time

from backend import GAME
from input_devices import INPUT_LANES, SLOTS, InputTest
from lab import PROGRAMS, wait_until
from uinput import ABS_THROTTLE, EV_ABS, EV_REL, REL_X, Device

RINGS = 16  # GS_INPUT_RINGS
BATCH_MAX = 512  # Input::batch_max
HOOK = "input_event_hook"


def bpftool(*words):
    return json.loads(subprocess.run(["bpftool", "-j", *words], check=True, capture_output=True, text=True).stdout)


def xlated(name):
    """Text of each function of a program: itself first, then those that it calls."""
    # The kernel keeps 15 characters of a name, bpftool may know all.
    number = next(each["id"] for each in bpftool("prog", "show") if each.get("name", "")[:15] == name[:15])
    text = subprocess.run(["bpftool", "prog", "dump", "xlated", "id", str(number)], check=True, capture_output=True,
                          text=True).stdout
    functions, lines = [], []
    for line in text.splitlines():
        # Each function begins with its signature; the lines of its source are beside its instructions.
        if re.match(r"^(?!;)\S.*\(.*\):$", line):
            functions.append(lines := [])
        elif re.match(r"^\s*\d+: \(", line):
            lines.append(line)
    return ["\n".join(lines) for lines in functions]


class Delivery(InputTest):
    def one_record_an_event(self, count):
        """More devices in turn than a CPU's cache has slots: each is new to its slot."""
        devices = [self.mouse() for _ in range(2 * SLOTS)]
        for device in devices:
            device.packet(EV_REL, REL_X, 1)
        self.input_counters()

        def send(packets=count):
            for number in range(packets):
                devices[number % len(devices)].packet(EV_REL, REL_X, 1)

        return send

    def test_IN5_PAR4_a_cpus_events_go_to_its_own_ring(self):
        self.with_game()
        send = self.one_record_an_event(1000)
        for cpu in range(os.cpu_count()):
            with self.subTest(cpu=cpu):
                self.pin(cpu)
                before = self.input_counters()
                send()
                grown = self.input_grown(before)
                lost = {ring: grown[f"ring{ring}_records_dropped"] for ring in range(RINGS)
                        if grown[f"ring{ring}_records_dropped"]}
                self.assertEqual(set(lost), {cpu % RINGS})
                self.assert_all_accounted_for(grown, 2000)

    def test_IN6_nothing_is_lost_in_silence_while_the_daemon_stands_still(self):
        self.with_game()
        devices = [self.mouse() for _ in range(12)]
        before = self.input_counters()
        driver = self.driver.process
        for number in range(4000):
            if number == 1000:
                os.kill(driver.pid, signal.SIGSTOP)
                self.addCleanup(driver.send_signal, signal.SIGCONT)
                wait_until("it to stand still", lambda: " T " in pathlib.Path(f"/proc/{driver.pid}/stat").read_text())
            devices[number % len(devices)].packet(EV_REL, REL_X, 1)
        os.kill(driver.pid, signal.SIGCONT)
        windows = self.driver.ask("windows")
        grown = self.input_grown(before)
        self.assert_all_accounted_for(grown, 8000)
        self.assertGreater(grown["events_dropped"], 0)
        self.assertGreater(windows["mouse"], 0)

    def test_IN7_a_batch_is_bounded_and_makes_no_call_of_bpf(self):
        self.with_game()
        self.pin(0)
        send = self.one_record_an_event(400)
        send()
        taken = []
        while not taken or taken[-1]:
            taken.append(self.driver.ask("batch")["records"])
        self.assertGreater(sum(taken), 600)
        self.assertLessEqual(max(taken), BATCH_MAX)
        self.assertEqual(taken[0], BATCH_MAX, "as much as there may be")

        def calls_in_a_batch():
            trace = self.scratch() / "trace"
            strace = self.start(["strace", "-f", "-e", "trace=bpf", "-o", trace, "-p", self.driver.process.pid],
                                stderr=subprocess.PIPE)
            strace.stderr.readline()  # "attached"
            records = self.driver.ask("batch")["records"]
            strace.terminate()
            strace.wait()
            return records, trace.read_text().count("bpf(")

        # A hundred devices that nobody can tell the kind of: no call either, the records say which.
        pedals = [self.device(absolute=[ABS_THROTTLE]) for _ in range(100)]
        for device in pedals:
            device.packet(EV_ABS, ABS_THROTTLE, 1)
        # The mice that lose their slots have the end of a packet pending.
        self.assertEqual(calls_in_a_batch(), (100 + SLOTS, 0))
        self.assertLessEqual({device.number() for device in pedals}, set(self.driver.ask("questions")["open"]))
        # After a loss one call looks at all devices at once.
        send(1200)
        records, calls = calls_in_a_batch()
        self.assertEqual((records, calls), (BATCH_MAX, 1))

    def test_IN6_after_a_loss_the_daemon_knows_again_which_devices_are_questions(self):
        self.with_game()
        self.pin(0)
        self.one_record_an_event(1200)()
        lost, gone = self.device(absolute=[ABS_THROTTLE]), Device(absolute=[ABS_THROTTLE])
        numbers = lost.number(), gone.number()
        for device in (lost, gone):
            device.packet(EV_ABS, ABS_THROTTLE, 1)  # the ring is full: nothing tells of them
        gone.close()
        self.input_counters()
        # The loss is noticed with what is read next.
        self.driver.ask("questions")
        found = self.driver.ask("questions")["open"]
        self.assertIn(numbers[0], found)
        self.assertNotIn(numbers[1], found)

    def test_IN2_a_question_ends_with_its_device_game_or_not(self):
        game = self.with_game()
        pedals = Device(absolute=[ABS_THROTTLE])
        number = pedals.number()
        pedals.packet(EV_ABS, ABS_THROTTLE, 1)
        wait_until("the question", lambda: number in self.driver.ask("questions")["open"])
        self.driver.ask("remove", GAME)
        self._kill(game)
        pedals.close()
        wait_until("no question", lambda: number not in self.driver.ask("questions")["open"])

    def test_IN10_events_are_in_the_histogram_of_their_lane(self):
        self.with_game()
        mouse = self.mouse()
        self.pin_to_fresh_slots()
        before = self.input_counters()
        for _ in range(3):
            mouse.packet(EV_REL, REL_X, 1)
            time.sleep(1.2)  # so that the next is told of at once, too
        grown = self.input_grown(before)
        told = {lane: sum(value for name, value in grown.items() if name.startswith(f"{lane}_to_daemon_")) for lane in INPUT_LANES}
        # The first record says that the device is there, each other one tells of what came since the one before.
        self.assertEqual(told, {lane: 3 if lane == "mouse" else 0 for lane in INPUT_LANES})
        self.assertEqual(grown["records"], 1 + 3)

    def test_IN11_every_way_of_reading_the_rings_reads_all(self):
        found = json.loads(subprocess.run([PROGRAMS / "input-bench", "compare-once"], check=True, capture_output=True,
                                          text=True).stdout)["compare-once"]
        ways = {row["way"]: row for row in found}
        self.assertIn("epoll, level-triggered", ways)
        for load in ("singles", "bursts"):
            records = {way: row[load]["records"] for way, row in ways.items() if row[load]}
            self.assertGreaterEqual(len(records), 3, "io_uring may be missing, the others may not")
            self.assertEqual(len(set(records.values())), 1, records)

    def test_PAR1_every_cpu_counts_for_itself_and_no_count_is_lost(self):
        self.with_game()
        events, cpus = 3000, os.cpu_count()
        mice = [self.mouse() for _ in range(cpus)]
        before = self.input_counters()

        def move(cpu):
            os.sched_setaffinity(0, {cpu})
            rng = random.Random(cpu)
            sent = 0
            while sent < events:
                packets = min(rng.randrange(1, 40), events - sent)
                mice[cpu].move(packets)
                sent += packets

        movers = [self.fork(lambda cpu=cpu: move(cpu)) for cpu in range(cpus)]
        for pid in movers:
            self.assertEqual(os.waitpid(pid, 0)[1], 0)
        self.assert_all_accounted_for(self.input_grown(before), 2 * events * cpus)

    def test_PAR1_no_path_of_the_hook_has_an_atomic_instruction(self):
        functions = xlated(HOOK)
        self.assertGreaterEqual(len(functions), 3, "the hook and its slow paths")
        for function in functions:
            self.assertNotRegex(function, r"lock |atomic")
        # What such an instruction looks like: the daemon's generation of devices is one.
        self.assertTrue(any(re.search(r"lock |atomic", function) for function in xlated("input_device_gone")))

    def test_IN8_the_clock_is_read_once(self):
        functions = xlated(HOOK)
        reads = [len(re.findall(r"call bpf_ktime_get_ns", function)) for function in functions]
        # Once in the fast path, once in the slow one, which comes in its place; what they call is given the time.
        self.assertEqual(sorted(reads, reverse=True)[:2], [1, 1])
        self.assertEqual(sum(reads), 2)
        self.assertEqual(reads[0], 1)

    def test_PAR2_what_is_read_mostly_cannot_be_written(self):
        programs = [each for each in bpftool("prog", "show") if each.get("name", "").startswith(("input_", "process_"))]
        ids = {number for program in programs for number in program.get("map_ids", ())}
        constant = [each for each in bpftool("map", "show") if each["id"] in ids and each.get("name", "").endswith(".rodata")]
        for each in constant:
            self.assertEqual(each["frozen"], 1, each)
        # Devices and answers are hash tables of the kernel's, which readers look into under RCU.
        kinds = {each["name"]: each["type"] for each in bpftool("map", "show") if each["id"] in ids}
        self.assertEqual((kinds["input_devices"], kinds["input_answers"]), ("hash", "lru_hash"))
