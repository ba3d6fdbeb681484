# SPDX-License-Identifier: GPL-2.0-or-later
"""AU-1 .. AU-5: audio threads by what they do, with real ALSA devices, and with PipeWire's and PulseAudio's ways to wake a client."""

import glob
import os
import socket
import subprocess
import time

from backend import CPUS, BackendTest, Cells, pinned
from lab import wait_until

RATE = 48000
AUDIO = 1  # enum gs_lane


def load(*modules):
    subprocess.run(["modprobe", "-a", *modules], capture_output=True)


def cards():
    """{id: number}, as /proc/asound shows them."""
    return {open(path).read().strip(): int(path.split("card")[1].split("/")[0]) for path in glob.glob("/proc/asound/card*/id")}


def minor_of(card, device=0, direction="p"):
    number = open(f"/sys/class/sound/pcmC{card}D{device}{direction}/dev").read()
    major, minor = map(int, number.split(":"))
    assert major == 116
    return minor


def threads_of(process):
    return [int(tid) for tid in os.listdir(f"/proc/{process.pid}/task")]


class AudioTest(BackendTest):
    def setUp(self):
        super().setUp()
        self.assertEqual(self.driver.ask("support")["detectors"].get("audio"), "", "the detector is attached")

    def signals(self, tid):
        return self.driver.ask("signals", tid) or {"audio": 0, "audio_period": 0, "audio_minor": 0, "net": 0, "bulk": 0}

    def audio_thread(self, process):
        """The one that gave or took a period."""
        def found():
            try:
                return [tid for tid in threads_of(process) if self.signals(tid)["audio"]]
            except OSError:
                return []

        return wait_until(lambda: f"an audio thread among {threads_of(process)}; exit status {process.poll()}", found)[0]


class Devices(AudioTest):
    @classmethod
    def setUpClass(cls):
        load("snd-dummy", "snd-pcm")
        wait_until("a sound card", lambda: "Dummy" in cards() and os.path.exists(f"/dev/snd/pcmC{cards()['Dummy']}D0p"))

    def setUp(self):
        super().setUp()
        self.card = cards()["Dummy"]

    def play(self, program, *options, period=480):
        return self.start([program, "-q", "-D", f"hw:{self.card},0", "-t", "raw", "-f", "S16_LE", "-c", "2", "-r", RATE,
                           f"--period-size={period}", f"--buffer-size={4 * period}", *options,
                           "/dev/zero" if program == "aplay" else "/dev/null"], stderr=subprocess.PIPE)

    def assert_found(self, process, period, minor):
        tid = self.audio_thread(process)
        wait_until(lambda: f"a period of {period} frames, now {self.signals(tid)}",
                   lambda: abs(self.signals(tid)["audio_period"] * RATE / 1e9 - period) < period / 4)
        self.assertEqual(self.signals(tid)["audio_minor"], minor)
        return tid

    def test_AU3_a_thread_that_writes_to_a_device(self):
        before = self.driver.ask("counters")
        self.assert_found(self.play("aplay"), 480, minor_of(self.card))
        wait_until("periods", lambda: self.grown(before, "audio_periods") > 10)

    def test_AU3_a_thread_that_maps_the_device(self):
        self.assert_found(self.play("aplay", "--mmap"), 480, minor_of(self.card))

    def test_AU3_a_thread_that_records(self):
        self.assert_found(self.play("arecord"), 480, minor_of(self.card, direction="c"))

    def test_AU6_the_period_is_the_streams(self):
        for period in (128, 1024):
            with self.subTest(period=period):
                process = self.play("aplay", period=period)
                self.assert_found(process, period, minor_of(self.card))
                self._end(process)

    def test_AU3_the_daemon_is_told_of_the_device(self):
        minor, told = minor_of(self.card), []
        self.driver.ask("sounds")

        def told_of():
            # Once a second at most: another test may just have used the same device.
            self.play("aplay", "--samples=480").wait(60)
            told.extend(self.driver.ask("sounds"))
            return minor in told

        wait_until(lambda: f"device {minor} among {told}", told_of, interval_s=0.2)

    def test_AU3_who_only_asks_is_no_audio_thread(self):
        """Volume controls, and clocks of video players."""
        process = self.start(["python3", "-c", f"""
import fcntl, time
control = open('/dev/snd/controlC{self.card}', 'rb')
print('up', flush=True)
while True:
    fcntl.ioctl(control, 0x81785501, bytes(376))
    time.sleep(0.005)
"""], stdout=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), b"up\n")
        wait_until("some rounds", lambda: int(open(f"/proc/{process.pid}/status").read().split("voluntary_ctxt_switches:")[1].split()[0]) > 20)
        self.assertEqual(self.signals(process.pid)["audio"], 0)

    def test_AU3_the_card_of_a_device_is_named(self):
        self.assertEqual(self.driver.ask("card", minor_of(self.card)), {"number": self.card, "name": "Dummy", "usb": False})

    def test_AU3_a_device_that_comes_later(self):
        """The driver is a module; nothing is attached to it."""
        subprocess.run(["modprobe", "-r", "snd-aloop"], check=True)
        load("snd-aloop")
        wait_until("the loopback card", lambda: "Loopback" in cards() and os.path.exists(f"/dev/snd/pcmC{cards()['Loopback']}D0p"))
        self.card = cards()["Loopback"]
        self.assert_found(self.play("aplay"), 480, minor_of(self.card))


def wake_every_10_ms(event):
    while True:
        os.eventfd_write(event, 1)
        time.sleep(0.01)


class Clients(AudioTest):
    """The server's end is played by a process that the daemon takes for an audio server."""

    def test_AU4_a_client_that_the_server_wakes_through_an_eventfd(self):
        for serves in (False, True):
            with self.subTest(server=serves):
                event = os.eventfd(0)
                self.addCleanup(os.close, event)
                gate_read, gate = os.pipe()

                def cycle():
                    os.read(gate_read, 1)
                    wake_every_10_ms(event)

                def wait():
                    while True:
                        os.eventfd_read(event)

                server, client = self.fork(cycle), self.fork(wait)
                if serves:
                    self.driver.ask("serve", server)
                before = self.driver.ask("counters")
                os.write(gate, b"x")
                if serves:
                    wait_until(lambda: f"a client of 10 ms: {self.signals(client)}",
                               lambda: 5e6 < self.signals(client)["audio_period"] < 20e6)
                else:
                    wait_until("some cycles", lambda: int(open(f"/proc/{client}/status").read().split(
                        "voluntary_ctxt_switches:")[1].split()[0]) > 20)
                    self.assertEqual((self.signals(client)["audio"], self.grown(before, "audio_periods")), (0, 0))

    def test_AU4_a_client_that_reads_the_servers_requests(self):
        for serves in (False, True):
            with self.subTest(server=serves):
                folder = self.scratch()
                address = str(folder / "native")

                def serve():
                    listener = socket.socket(socket.AF_UNIX)
                    listener.bind(address)
                    listener.listen(1)
                    connection, _ = listener.accept()
                    connection.recv(1)
                    while True:
                        connection.send(b"x")
                        time.sleep(0.01)

                server = self.fork(serve)
                if serves:
                    self.driver.ask("serve", server)
                wait_until("the server", lambda: os.path.exists(address))

                def play():
                    with socket.socket(socket.AF_UNIX) as connection:
                        while True:
                            try:
                                connection.connect(address)
                                break
                            except ConnectionRefusedError:
                                time.sleep(0.01)
                        connection.send(b"x")
                        while True:
                            connection.recv(100)

                client = self.fork(play)
                if serves:
                    wait_until(lambda: f"a client of 10 ms: {self.signals(client)}",
                               lambda: 5e6 < self.signals(client)["audio_period"] < 20e6)
                else:
                    wait_until("some messages", lambda: int(open(f"/proc/{client}/status").read().split(
                        "voluntary_ctxt_switches:")[1].split()[0]) > 20)
                    self.assertEqual(self.signals(client)["audio"], 0)

    def conversation(self):
        """A server that wakes its client every 10 ms, with the scheduler attached. Returns the client's pid; what the client shall
        do, by a call: run for so long at each wake-up, once or from then on; and the lane it was in when that burst ended."""
        self.attach()
        event, cells = os.eventfd(0), Cells(3)
        self.addCleanup(os.close, event)
        work_ns, repeats, done = range(3)

        def wait():
            while True:
                os.eventfd_read(event)
                end_ns = time.thread_time_ns() + cells[work_ns]
                while time.thread_time_ns() < end_ns:
                    pass
                if cells[work_ns]:
                    if not cells[repeats]:
                        cells[work_ns] = 0
                        cells[done] += 1
                        os.read(gate_read, 1)

        gate_read, gate = os.pipe()
        server, client = self.fork(lambda: wake_every_10_ms(event)), self.fork(wait)
        os.close(gate_read)
        self.addCleanup(os.close, gate)
        self.driver.ask("serve", server)

        def runs_once(ms):
            """Returns its lane after that, while it sleeps."""
            before = cells[done]
            cells[repeats] = 0
            cells[work_ns] = int(ms * 1e6)
            wait_until("its burst to end", lambda: cells[done] > before and " S " in open(f"/proc/{client}/stat").read())
            lane = self.signals(client)["lane"]
            os.write(gate, b"x")
            return lane

        def runs_each_time(ms):
            cells[repeats] = 1
            cells[work_ns] = int(ms * 1e6)

        wait_until(lambda: f"an audio thread: {self.signals(client)}", lambda: self.signals(client).get("lane") == AUDIO)
        return client, runs_once, runs_each_time

    def test_AU4_a_client_that_makes_up_for_a_hiccup_stays_audio(self):
        """Held up, it has several periods to do at once; urgent no more, it would be late for all of the next ones."""
        client, runs_once, _ = self.conversation()
        for _ in range(3):
            self.assertEqual(runs_once(20), AUDIO)
            wait_until(lambda: f"its next period: {self.signals(client)}", lambda: self.signals(client)["lane"] == AUDIO)

    def test_AU4_a_client_that_computes_is_not_audio_until_it_stops(self):
        client, runs_once, runs_each_time = self.conversation()
        self.assertNotEqual(runs_once(120), AUDIO)
        wait_until(lambda: f"forgiveness: {self.signals(client)}", lambda: self.signals(client)["lane"] == AUDIO)
        runs_each_time(9)
        wait_until(lambda: f"no audio thread: {self.signals(client)}", lambda: self.signals(client)["lane"] != AUDIO)
        runs_each_time(0)
        wait_until(lambda: f"an audio thread again: {self.signals(client)}", lambda: self.signals(client)["lane"] == AUDIO)

    def test_AU4_a_server_that_is_behind_is_audio_again_once_it_owes_less(self):
        """It never sleeps, so nobody looks at it as at one that wakes."""
        self.attach()

        behind = Cells(1)

        def serve():
            while not behind[0]:
                time.sleep(0.01)
            while True:
                pass

        def compute():
            while True:
                pass

        server = self.fork(pinned(CPUS[0], serve))
        self.driver.ask("serve", server)
        wait_until("it to be taken for audio", lambda: self.signals(server).get("lane") == AUDIO)
        for _ in range(3):  # else its fair share alone is the half of a CPU that it may have
            self.fork(pinned(CPUS[0], compute))
        behind[0] = 1
        for _ in range(3):
            wait_until(lambda: f"no audio thread: {self.signals(server)}", lambda: self.signals(server)["lane"] != AUDIO)
            wait_until(lambda: f"an audio thread again: {self.signals(server)}", lambda: self.signals(server)["lane"] == AUDIO)

    def test_POL1_who_only_claims_to_be_an_audio_server_has_half_of_a_cpu(self):
        """Always urgent by its bursts, which are short, and its sleep, which is shorter; beside it somebody who just computes."""
        self.attach()

        lies = Cells(1)

        def claim():
            while not lies[0]:
                time.sleep(0.01)
            while True:
                end_ns = time.thread_time_ns() + 3_000_000
                while time.thread_time_ns() < end_ns:
                    pass
                time.sleep(0.0001)

        def compute():
            while True:
                pass

        claims = self.fork(pinned(CPUS[0], claim))
        self.driver.ask("serve", claims)
        wait_until("it to be taken for audio", lambda: self.signals(claims).get("lane") == AUDIO)
        computes = self.fork(pinned(CPUS[0], compute))
        lies[0] = 1

        def cpu_s(pid):
            utime, stime = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[11:13]
            return (int(utime) + int(stime)) / os.sysconf("SC_CLK_TCK")

        begin = cpu_s(claims), cpu_s(computes)
        wait_until("two seconds of that CPU", lambda: cpu_s(claims) + cpu_s(computes) - sum(begin) > 2, interval_s=0.1)
        had, others = cpu_s(claims) - begin[0], cpu_s(computes) - begin[1]
        self.assertGreater(others, had / 2, f"it had {had:.2f} s, the other {others:.2f} s")
        self.assert_still_attached()
