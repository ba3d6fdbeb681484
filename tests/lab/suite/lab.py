# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests of both suites share: the kernel's log and state, waiting with a bound, programs that end with the test.

The runner is SCHED_RR with reset-on-fork: no scheduler under test holds it up, and what it starts is ordinary.
Times are bounds of waiting only; nothing is asserted on how long anything took.
"""

import contextlib
import json
import os
import pathlib
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAMS = pathlib.Path(os.environ.get("LAB_PROGRAMS", "/usr/libexec/gamesched-tests"))
SCHED_EXT = pathlib.Path("/sys/kernel/sched_ext")

sys.path.append(str(PROGRAMS))  # beside the bench, some of whose modules tests use too

# Far beyond what anything takes here, on a host that does something else too.
PATIENCE_S = 60

# What the kernel prints when something of it is broken. A scheduler that leaves in order prints nothing of the kind.
TROUBLE = re.compile(r"WARNING: |BUG: |\bOops\b|general protection|Call Trace|rcu: INFO|soft lockup|hung_task|blocked for more"
                     r"|sched_ext: .*(error|aborted|disabled \((?!unregistered))")


# The kernel's own bugs: the function its warning names, and the release that no longer has it. Reported, not held against us.
KNOWN_WARNINGS = {
    # A direct dispatch cancelled by a change of affinity leaves its mark (7e0ffb72de8a, "Fix stale direct dispatch state").
    "scx_dsq_insert_commit": (7, 0),
}


def trouble_in(lines):
    release = tuple(int(number) for number in re.findall(r"\d+", os.uname().release)[:2])
    excused, trouble = False, []
    for line in filter(TROUBLE.search, lines):
        if "WARNING: " in line:
            excused = any(name in line and release < fixed for name, fixed in KNOWN_WARNINGS.items())
        if excused:
            print(f"      a known bug of this kernel: {line}", flush=True)
            excused = "Call Trace" not in line  # the last that is looked for of a warning
        else:
            trouble.append(line)
    return trouble


def first_line(path, otherwise=""):
    try:
        return path.read_text().strip()
    except OSError:
        return otherwise


def kernel_state():
    return first_line(SCHED_EXT / "state", "absent")


def kernel_ops():
    return first_line(SCHED_EXT / "root" / "ops")


def wait_until(what, condition, interval_s=0.02):
    """Waits for what tells nobody when it comes true. Returns the condition's value."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        if time.monotonic() > deadline_s:
            raise AssertionError(f"waited {PATIENCE_S} s in vain: {what() if callable(what) else what}")
        time.sleep(interval_s)
    return value


def become_realtime():
    os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(2))


class KernelLog:
    """Reads what the kernel prints from now on."""

    def __init__(self):
        self._fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self._fd, 0, os.SEEK_END)

    def lines(self):
        found = []
        while True:
            try:
                record = os.read(self._fd, 8192).decode(errors="replace")
            except BlockingIOError:
                return found
            except BrokenPipeError:  # overrun: the oldest are gone, the rest follows
                continue
            found.append(record.split(";", 1)[-1].split("\n", 1)[0])

    def close(self):
        os.close(self._fd)


class LabTest(unittest.TestCase):
    """Fails when the kernel complains during the test, whatever else the test looks at."""

    longMessage = True

    def setUp(self):
        self.log = KernelLog()
        self.addCleanup(self._check_log)

    def _check_log(self):
        lines = self.log.lines()
        self.log.close()
        self.assertEqual(trouble_in(lines), [], "the kernel's log")

    def scratch(self, within=None):
        folder = tempfile.TemporaryDirectory(prefix="lab-suite-", dir=within)
        self.addCleanup(folder.cleanup)
        return pathlib.Path(folder.name)

    def start(self, argv, **options):
        """A program that is gone when the test ends."""
        process = subprocess.Popen([str(word) for word in argv], **options)
        self.addCleanup(self._end, process)
        return process

    @staticmethod
    def _end(process):
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def fork(self, body):
        """A child that runs body() and exits; killed when the test ends. Returns its pid."""
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                body()
                status = 0
            finally:
                os._exit(status)
        self.addCleanup(self._kill, pid)
        return pid

    @staticmethod
    def _kill(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)


class DriverError(Exception):
    def __init__(self, answer):
        super().__init__(answer["error"])
        self.busy = answer.get("busy", False)


class Driver:
    """The daemon's backend in a process of its own; see tests/lab/kernel/backend_driver.cpp. `wrapper`: a command
    that runs it."""

    def __init__(self, wrapper=()):
        self.process = subprocess.Popen([*wrapper, str(PROGRAMS / "backend-driver")], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self._receive()

    def _receive(self):
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE_S)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            raise AssertionError("backend-driver " + ("ended" if ready else "does not answer"))
        answer = json.loads(line)
        if isinstance(answer, dict) and "error" in answer:
            raise DriverError(answer)
        return answer

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self._receive()

    def members(self):
        return {int(pid): game for pid, game in self.ask("members").items()}

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
