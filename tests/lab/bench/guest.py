# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine under test: its sched_ext state, its programs, its clock.

Runs as root. The orchestrator itself is SCHED_RR with reset-on-fork: it is never
starved by what it measures, and its children start as ordinary processes of the same
session and control group (an own session would be an autogroup of its own, in which
nice means nothing to the others).
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable

SCHED_EXT = pathlib.Path("/sys/kernel/sched_ext")


class BenchError(Exception):
    """A sentence for people; the run ends."""


def kernel_state() -> str:
    """ "enabled", "disabled", ...; "disabled" too where the kernel has no sched_ext."""
    return read_or(SCHED_EXT / "state", "disabled")


def kernel_ops() -> str:
    return read_or(SCHED_EXT / "root" / "ops", "")


def enable_seq() -> str:
    return read_or(SCHED_EXT / "enable_seq", "0")


def read_or(path: pathlib.Path, otherwise: str) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return otherwise


def await_condition(
    what: str, condition: Callable[[], bool], timeout_s: float = 20, interval_s: float = 0.002
) -> int:
    """Returns the time (ns) at which the condition was first seen. The kernel does not tell of a
    change of sched_ext's state, so this looks at it."""
    deadline_ns = time.monotonic_ns() + int(timeout_s * 1e9)
    while not condition():
        if time.monotonic_ns() > deadline_ns:
            raise BenchError(f"waited {timeout_s:g} s in vain for: {what}")
        time.sleep(interval_s)
    return time.monotonic_ns()


def await_kernel_state(wanted: str, timeout_s: float = 20, interval_s: float = 0.002) -> int:
    return await_condition(
        f"sched_ext state '{wanted}' (it is '{kernel_state()}', scheduler '{kernel_ops()}')",
        lambda: kernel_state() == wanted, timeout_s, interval_s)


class SchedulerEnd:
    """Waits for the kernel's own scheduler to be back. To look every half a millisecond keeps a CPU to this real-time process, and who
    is to run there waits: so this sleeps until the kernel tells of the end of a sched_ext scheduler, which is its last step but
    a few, and only then looks. To be made before that end."""

    def __init__(self):
        kernel_itself = 1
        netlink_kobject_uevent = 15  # linux/netlink.h
        self._events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, netlink_kobject_uevent)
        self._events.bind((0, kernel_itself))

    def __enter__(self) -> SchedulerEnd:
        return self

    def __exit__(self, *_) -> None:
        self._events.close()

    def when(self, timeout_s: float = 20) -> int:
        """The time (ns) at which it was back."""
        deadline_ns = time.monotonic_ns() + int(timeout_s * 1e9)
        while True:
            self._events.settimeout(max((deadline_ns - time.monotonic_ns()) / 1e9, 0.001))
            try:
                event = self._events.recv(65536)
            except TimeoutError:
                raise BenchError(f"waited {timeout_s:g} s in vain for the end of a scheduler") from None
            if event.startswith(b"remove@/kernel/sched_ext/"):
                return await_kernel_state("disabled", interval_s=0.0005)


def become_realtime() -> None:
    os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(2))


def output_of(argv: list[str]) -> str:
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise BenchError(f"{' '.join(argv)} failed ({done.returncode}): "
                         f"{(done.stderr or done.stdout).strip()}")
    return done.stdout


class Program:
    """A workload that follows the protocol of workload/interval.h."""

    def __init__(self, argv: list[str], directory: pathlib.Path, ready_option: bool = True):
        self.name = pathlib.Path(argv[0]).name
        self.out = directory / "out.json"
        self._directory = directory
        self._ready = directory / "ready"
        self._errors = open(directory / "errors", "w+")
        os.mkfifo(self._ready)
        self._ready_fd = os.open(self._ready, os.O_RDONLY | os.O_NONBLOCK)
        ready = ["--ready", str(self._ready)] if ready_option else [str(self._ready)]
        self.process = subprocess.Popen([*argv, *ready], stdin=subprocess.PIPE,
                                        stdout=subprocess.DEVNULL, stderr=self._errors)
        self._pidfd = os.pidfd_open(self.process.pid)

    def await_ready(self, timeout_s: float = 30) -> str:
        """The word of its ready line."""
        poll = select.poll()
        poll.register(self._ready_fd, select.POLLIN)
        poll.register(self._pidfd, select.POLLIN)
        line = b""
        while not line.endswith(b"\n"):
            events = dict(poll.poll(timeout_s * 1000))
            if self._ready_fd not in events:
                self._fail("did not become ready")
            line += os.read(self._ready_fd, 4096)
        return line.decode().partition(" ")[2].strip()

    def go(self, start_ns: int, stop_ns: int) -> None:
        try:
            self.process.stdin.write(f"{start_ns} {stop_ns}\n".encode())
            self.process.stdin.close()
        except BrokenPipeError:
            self._fail("ended too early")

    def ended(self, timeout_s: float) -> bool:
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(timeout_s * 1000))

    def result(self, timeout_s: float = 30) -> dict:
        if not self.ended(timeout_s):
            self._fail("did not end")
        if self.process.wait() != 0:
            self._fail("failed")
        result = json.loads(self.out.read_text())
        if not result.get("in_time", True):
            self._fail("was held up so long that the measured interval had begun before it knew")
        return result

    def end(self) -> None:
        """Ends it if it has not by itself; may be called at any time."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            if not self.ended(5):
                self.process.kill()
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        for fd in (self._ready_fd, self._pidfd):
            os.close(fd)
        self._errors.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _fail(self, what: str):
        self._errors.seek(0)
        text = self._errors.read().strip()
        raise BenchError(f"{self.name} {what}{': ' + text if text else ''}")


class Guest:
    """Starts programs; ends whatever is left of them when it is closed."""

    def __init__(self, programs: pathlib.Path):
        self.programs = programs
        self.kernel = os.uname().release
        self._stack = contextlib.ExitStack()
        self._scratch = pathlib.Path(
            self._stack.enter_context(tempfile.TemporaryDirectory(prefix="gamesched-bench-")))
        self._started = 0
        self._beside: list[Program] = []

    def __enter__(self) -> Guest:
        return self

    def __exit__(self, *_) -> None:
        self._stack.close()

    def path(self, name: str) -> str:
        return str(self.programs / name)

    def scratch(self, name: str) -> pathlib.Path:
        return self._scratch / name

    def _directory(self) -> pathlib.Path:
        self._started += 1
        directory = self._scratch / str(self._started)
        directory.mkdir()
        return directory

    @contextlib.contextmanager
    def run(self, name: str, *options, command=lambda argv: argv):
        """A program that takes part in the measured interval; `command` may wrap it."""
        directory = self._directory()
        argv = [self.path(name), "--go", "--out", str(directory / "out.json"),
                *map(str, options)]
        program = Program(command(argv), directory)
        try:
            yield program
        finally:
            program.end()

    def service(self, name: str, *options, ready_option: bool = True,
                command=lambda argv: argv) -> tuple[Program, str]:
        """A program that runs until the guest is closed, and the word of its ready line."""
        program = Program(command([self.path(name), *map(str, options)]), self._directory(), ready_option)
        self._stack.callback(program.end)
        return program, program.await_ready()

    @contextlib.contextmanager
    def running(self, name: str, *options):
        """A program that runs meanwhile, and the word of its ready line."""
        program = Program([self.path(name), *map(str, options)], self._directory())
        self._beside.append(program)
        try:
            yield program.await_ready()
        finally:
            self._beside.remove(program)
            program.end()

    def place_beside(self, first_cpu: int) -> None:
        """What runs meanwhile goes on on that CPU, on the next, and so on, until a scheduler moves it."""
        cpus = sorted(os.sched_getaffinity(0))
        for number, program in enumerate(self._beside):
            os.sched_setaffinity(program.process.pid, {cpus[(first_cpu + number) % len(cpus)]})
            os.sched_setaffinity(program.process.pid, cpus)

    def calibrate(self) -> dict:
        """On the idle machine: nothing else may run meanwhile."""
        return json.loads(output_of([self.path("calibrate")]))
