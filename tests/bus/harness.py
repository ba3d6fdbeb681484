# SPDX-License-Identifier: GPL-2.0-or-later
"""A private bus with the rules of a system bus and our policy, a fake polkitd, gameschedd on a fake kernel,
and callers of any user. Everything lies in one temporary folder and ends with the test."""

import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
SOURCES = HERE.parent.parent
DAEMON = os.environ.get("GAMESCHEDD_FAKE", "gameschedd-fake")

# Long enough for a busy machine; nothing waits this long when all is well.
PATIENCE_S = 20

SERVICE_UID = 19_999  # the user gamesched, as whom the daemon runs here too
EDGE_UIDS = (65534, 2**31, 4_000_000_000, 2**32 - 3)

# What matters of dbus's own system.conf: nothing is allowed but what a policy allows.
BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/>
    <allow send_destination="org.freedesktop.PolicyKit1"/>
    <allow send_destination="org.freedesktop.UPower.PowerProfiles"/>
  </policy>
  <policy user="root">
    <allow own="org.freedesktop.PolicyKit1"/>
    <allow own="org.freedesktop.UPower.PowerProfiles"/>
  </policy>
  <include>{policy}</include>
</busconfig>
"""


class Refused(Exception):
    """A D-Bus error; .name is without its prefix when it is one of ours."""

    def __init__(self, name, message):
        super().__init__(f"{name}: {message}")
        self.name = name.removeprefix("org.gamesched.Error.")
        self.message = message


class Worker:
    """A child that speaks lines of JSON."""

    def __init__(self, script, address, uid=0, debug=None):
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / script), address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=debug,
            text=True, user=uid, group=uid, extra_groups=[])
        self.pid = self.process.pid
        self.receive()

    def send(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def receive(self):
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE_S)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            raise AssertionError(f"{self.process.args[1]} said nothing")
        answer = json.loads(line)
        if "error" in answer:
            raise Refused(answer["error"], answer["message"])
        return answer["ok"]

    def ask(self, **request):
        self.send(**request)
        return self.receive()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Caller(Worker):
    def __init__(self, address, uid, debug=None):
        super().__init__("caller.py", address, uid, debug)
        self.uid = uid

    def __getattr__(self, operation):
        return lambda **arguments: self.ask(op=operation, **arguments)

    def say_it_left(self, name):
        """Tells the service in the bus's stead that this client has left; the service has heard it then."""
        service = self.owner_of(name="org.gamesched.Scheduler1")
        self.signal(destination=service, path="/org/freedesktop/DBus", interface="org.freedesktop.DBus",
                    name="NameOwnerChanged", words=[name, name, ""])
        self.get(name="State")


def wait_for(condition, what, interval_s=0.005):
    """The first true value of condition()."""
    end = time.monotonic() + PATIENCE_S
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain for: {what}")
        time.sleep(interval_s)


class BusTest(unittest.TestCase):
    """Each test has its own bus, polkitd and daemon; polkit = None: there is no polkitd."""

    polkit = "yes"
    next_uid = 20_000  # a user for every caller: limits of one test do not reach into the next

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("needs to act as several users: run as root, or in ./dev test")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gamesched-bus-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.folder.chmod(0o755)
        for name in ("kernel", "config", "vendor", "state", "run"):
            (self.folder / name).mkdir()
            os.chown(self.folder / name, SERVICE_UID, SERVICE_UID)
        self.log_path = self.folder / "log"
        self.log = open(self.log_path, "w", encoding="utf-8")
        self.addCleanup(self.log.close)
        self.daemon = None
        self.start_bus()
        self.polkitd = None
        if self.polkit is not None:
            self.polkitd = Worker("polkitd.py", self.address, debug=self.log)
            self.addCleanup(self.polkitd.kill)
            self.polkitd.ask(answer=self.polkit)
        self.root = self.caller(0)
        self.start_daemon()

    def tearDown(self):
        self.stop_daemon()
        failed = any(error for _, error in getattr(self._outcome, "errors", [])) or (
            getattr(self._outcome, "result", None) and any(t is self for t, _ in
            self._outcome.result.failures + self._outcome.result.errors))
        if failed:
            self.log.flush()
            sys.stderr.write(f"--- log of {self.id()}\n{self.log_path.read_text()}---\n")

    def start_bus(self):
        config = self.folder / "bus.conf"
        policy = SOURCES / "dbus" / "org.gamesched.Scheduler1.conf"
        config.write_text(BUS_CONFIG.format(socket=self.folder / "bus", policy=policy))
        self.address = f"unix:path={self.folder / 'bus'}"
        # dbus-daemon turns away users without an entry in passwd: it gets a passwd of its own.
        passwd = self.folder / "passwd"
        users = {uid: f"u{uid}" for uid in (*range(20_000, 22_000), *EDGE_UIDS)} | {0: "root", SERVICE_UID: "gamesched"}
        passwd.write_text("".join(f"{name}:x:{uid}:{uid}::/:/bin/false\n" for uid, name in users.items()))
        self.bus = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c",
             'mount --bind "$1" /etc/passwd && exec dbus-daemon "--config-file=$2" --nofork --nopidfile --nosyslog',
             "sh", str(passwd), str(config)], stderr=self.log)
        self.addCleanup(self.stop_bus)
        wait_for((self.folder / "bus").exists, "the bus")

    def stop_bus(self):
        if self.bus.poll() is None:
            self.bus.kill()
        self.bus.wait()

    def spawn_daemon(self, *arguments, **environment):
        """Later arguments win. What it sees of systemd-logind is what lies in self.logind."""
        self.logind = self.folder / "logind" / "systemd"
        for name in ("seats", "sessions", "users"):
            (self.logind / name).mkdir(parents=True, exist_ok=True)
        real = pathlib.Path("/run/systemd")
        logind = (self.logind, real) if real.is_dir() else (self.logind.parent, real.parent)
        folders = [f"--{option}={self.folder / name}" for option, name in (
            ("config-dir", "config"), ("vendor-config-dir", "vendor"), ("state-dir", "state"), ("runtime-dir", "run"))]
        return subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", 'mount --bind "$1" "$2"; shift 2; exec "$@"', "sh",
             *logind, "setpriv", f"--reuid={SERVICE_UID}", f"--regid={SERVICE_UID}", "--clear-groups",
             DAEMON, *folders, *arguments], stderr=self.log,
            env={**os.environ, "GAMESCHED_FAKE_KERNEL": str(self.folder / "kernel"),
                 "DBUS_SYSTEM_BUS_ADDRESS": self.address, **environment})

    def start_daemon(self):
        self.daemon = self.spawn_daemon()
        wait_for(lambda: self.daemon.poll() is not None or self.answers(), "the daemon's name on the bus")
        self.assertIsNone(self.daemon.poll(), "the daemon ended at once")

    def answers(self):
        try:
            return self.root.get(name="State")
        except Refused:
            return False

    def stop_daemon(self, number=signal.SIGTERM):
        if self.daemon is None:
            return None
        if self.daemon.poll() is None:
            self.daemon.send_signal(number)
        status = self.daemon.wait(timeout=PATIENCE_S)
        self.daemon = None
        return status

    def caller(self, uid=None):
        if uid is None:
            BusTest.next_uid += 1
            uid = BusTest.next_uid
        caller = Caller(self.address, uid, debug=self.log)
        self.addCleanup(caller.kill)
        return caller

    def process(self, uid=None, command=("sleep", "1000")):
        """A process of that user that is not on the bus."""
        child = subprocess.Popen(command, user=uid, group=uid, extra_groups=[] if uid else None)

        def end():
            if child.poll() is None:
                child.kill()
            child.wait()

        self.addCleanup(end)
        return child

    # Kernel

    def kernel_write(self, name, text):
        temporary = self.folder / "kernel" / (name + ".test")
        temporary.write_text(text)
        temporary.rename(self.folder / "kernel" / name)

    def kernel_event(self, line):
        with open(self.folder / "kernel" / "events", "w", encoding="utf-8") as fifo:
            fifo.write(line + "\n")

    def kernel_games(self):
        """{pid} of the games the kernel knows."""
        lines = (self.folder / "kernel" / "games").read_text().splitlines()
        return {int(line.split()[1]) for line in lines}

    def program_starts(self, process, *arguments, path, parent=1, from_launcher=False, slot=0, uid=None):
        """The kernel tells that this process executes another program."""
        words = "\t".join((path, *arguments))
        self.kernel_event(f"exec {process.pid} {parent} {uid} {int(from_launcher)} {slot} {words}")

    def is_attached(self):
        return (self.folder / "kernel" / "attached").exists()

    def wait_for_state(self, state):
        wait_for(lambda: self.root.get(name="State") == state, f"State {state}")
        return self.root.get(name="StateReason")

    def assert_refused(self, name, call, **arguments):
        """The call is refused with that error, by a sentence; returns the sentence."""
        with self.assertRaises(Refused) as caught:
            call(**arguments)
        self.assertEqual(caught.exception.name, name, caught.exception.message)
        self.assertRegex(caught.exception.message, r"^\S.{15,}")
        return caught.exception.message
