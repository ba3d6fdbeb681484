# SPDX-License-Identifier: GPL-2.0-or-later
"""A private system bus, a fake gameschedd on it, and the clients as a user runs them.

No test sleeps: it waits for a condition, with a bound far beyond any load.
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

RUN = os.environ["GAMESCHED_RUN"]
CTL = os.environ["GAMESCHEDCTL"]
BRIDGE = os.environ["GAMESCHED_GAMEMODE"]
FAKE = pathlib.Path(__file__).with_name("fake_service.py")
BOUND_S = 60

BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={folder}/bus</listen>
  <servicedir>{folder}/services</servicedir>
  <policy context="default">
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
    <allow user="*"/>
  </policy>
</busconfig>
"""


def wait_for(condition, what):
    end = time.monotonic() + BOUND_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {BOUND_S} s in vain for {what}")
        time.sleep(0.01)


def answers(path):
    """The socket is there before anybody listens at it."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


def folder_for_test(test):
    folder = tempfile.TemporaryDirectory(prefix="gamesched-test-")
    test.addCleanup(folder.cleanup)
    return pathlib.Path(folder.name)


class DesktopTest(unittest.TestCase):
    """Nothing listens at the bus's address until start_bus()."""

    maxDiff = None

    def setUp(self):
        self.folder = folder_for_test(self)
        self.log = self.folder / "calls"
        self.sched_ext = self.folder / "sched_ext"
        (self.sched_ext / "root").mkdir(parents=True)
        (self.sched_ext / "state").write_text("disabled\n")
        self.env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8",
                    "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.folder}/bus",
                    # Not this machine's own; nobody listens there but a test that is about it.
                    "GAMESCHED_SOCKET": f"{self.folder}/register"}

    def start_bus(self, folder=None):
        folder = folder or self.folder
        (folder / "services").mkdir(exist_ok=True)
        (folder / "bus").unlink(missing_ok=True)
        config = folder / "bus.conf"
        config.write_text(BUS_CONFIG.format(folder=folder))
        with (folder / "bus.log").open("w") as log:
            bus = subprocess.Popen(["dbus-daemon", f"--config-file={config}", "--nofork", "--nosyslog"], stderr=log,
                                   env=self.env)
        self.addCleanup(self.end, bus)
        wait_for(lambda: answers(folder / "bus"), "dbus-daemon's socket")
        return bus

    def start_session_bus(self):
        """The user's own bus, with GameMode's name to be activated on it."""
        folder = self.folder / "session"
        (folder / "services").mkdir(parents=True)
        (folder / "run").mkdir(mode=0o700)
        self.env |= {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/bus", "XDG_RUNTIME_DIR": str(folder / "run")}
        (folder / "services" / "com.feralinteractive.GameMode.service").write_text(
            f"[D-BUS Service]\nName=com.feralinteractive.GameMode\nExec={BRIDGE}\n")
        return self.start_bus(folder)

    def make_activatable(self, *arguments, program=None):
        """The bus starts the fake, or another program, when somebody calls it, as systemd starts gameschedd."""
        command = program or " ".join(map(str, [sys.executable, FAKE, self.log, *arguments]))
        (self.folder / "services" / "org.gamesched.Scheduler1.service").write_text(
            f"[D-BUS Service]\nName=org.gamesched.Scheduler1\nExec=/usr/bin/env "
            f"DBUS_SYSTEM_BUS_ADDRESS={self.env['DBUS_SYSTEM_BUS_ADDRESS']} {command}\n")

    def start_service(self, *arguments):
        before = self.log.read_text().count("ready") if self.log.exists() else 0
        service = subprocess.Popen([sys.executable, FAKE, self.log, *arguments], env=self.env)
        self.addCleanup(self.end, service)

        def ready():
            # One that ends with its first call may have had that call already.
            ended = service.poll() is not None
            if self.log.exists() and self.log.read_text().count("ready") > before:
                return True
            if ended:
                raise AssertionError(f"the fake service ended: {service.returncode}")
            return False

        wait_for(ready, "the fake service")
        return service

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()

    def calls(self, method=None):
        if not self.log.exists():
            return []
        entries = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [e for e in entries if "call" in e and method in (None, e["call"])]

    def execute(self, *command, env=None, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        return subprocess.run([str(c) for c in command], env={**self.env, **(env or {})}, text=True,
                              timeout=BOUND_S, check=False, **options)

    def run_game(self, *arguments, **options):
        return self.execute(RUN, *arguments, **options)

    def ctl(self, *arguments, sched_ext=True, **options):
        return self.execute(CTL, *arguments, *(("--sched-ext", self.sched_ext) if sched_ext else ()), **options)

    def assert_one_line(self, stderr, *words):
        self.assertEqual(stderr.count("\n"), 1, f"not exactly one line: {stderr!r}")
        self.assertTrue(stderr.startswith("gamesched-run: ") and stderr.endswith("\n"), stderr)
        for word in words:
            self.assertIn(word, stderr)
