# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests on the installed service: its state, its clients, its unit; in order and in standby before and after each test."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import time

import dbus
import dbus.bus

from lab import LabTest, become_realtime, kernel_ops, kernel_state, wait_until  # first: it knows where seat.py lies
import seat

UNIT = "gameschedd.service"
BUS_NAME = "org.gamesched.Scheduler1"
OBJECT = "/org/gamesched/Scheduler1"
CONFIG = pathlib.Path("/etc/gamesched")
DROP_INS = pathlib.Path(f"/run/systemd/system/{UNIT}.d")
PLAYER = seat.PLAYER


def run(*argv, check=True, **options):
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, argv))}: {done.returncode}: {done.stdout}{done.stderr}")
    return done


def audio_servers_among(pids):
    """Those that are marked as audio servers in the service's map: 64 process ids a value."""
    def marked(pid):
        key = [str(byte) for byte in (pid // 64).to_bytes(4, "little")]
        found = json.loads(run("bpftool", "-j", "map", "lookup", "name", "audio_servers", "key", *key).stdout)
        return int.from_bytes(bytes(int(byte, 16) for byte in found["value"]), "little") >> pid % 64 & 1

    return {pid for pid in pids if marked(pid)}


def systemctl(*words):
    return run("systemctl", *words).stdout.strip()


def show(prop, unit=UNIT):
    return systemctl("show", "--value", "--property", prop, unit)


def main_pid():
    return int(show("MainPID"))


def status():
    return json.loads(run("gameschedctl", "status", "--json", check=False).stdout)


class Bus:
    """Asks the service and never starts it. In this process, for each start of a program costs the emulator more than the
    answer."""

    def __init__(self):
        self._connection = None

    def ask(self, path, interface, method, signature="", *arguments):
        """None when the service or the bus is not there."""
        try:
            if self._connection is None:
                self._connection = dbus.bus.BusConnection(dbus.bus.BusConnection.TYPE_SYSTEM)
                self._connection.set_exit_on_disconnect(False)
            owner = self._connection.get_name_owner(BUS_NAME)
            return self._connection.call_blocking(owner, path, interface, method, signature, arguments)
        except dbus.DBusException as error:
            if not self._connection or not self._connection.get_is_connected():
                self._connection = None
            if error.get_dbus_name() in self.ABSENT:
                return None
            raise

    ABSENT = {f"org.freedesktop.DBus.Error.{name}"
              for name in ("NameHasNoOwner", "ServiceUnknown", "NoReply", "Disconnected", "NoServer", "FileNotFound")}


bus = Bus()


def state():
    found = bus.ask(OBJECT, "org.freedesktop.DBus.Properties", "Get", "ss", BUS_NAME, "State")
    return "not running" if found is None else str(found)


def games():
    """[] too while the service is not there."""
    found = bus.ask(OBJECT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects") or {}
    return [{"path": str(path), "pid": int(game["Pid"]), "uid": int(game["Uid"]), "name": str(game["Name"])}
            for path, interfaces in found.items() if (game := interfaces.get("org.gamesched.Game1"))]


def properties(path):
    """Of a game."""
    found = bus.ask(path, "org.freedesktop.DBus.Properties", "GetAll", "s", "org.gamesched.Game1") or {}
    return {str(name): value for name, value in found.items()}


def wait_for_state(wanted):
    wait_until(lambda: f"state {wanted}, it is {status()}", lambda: state() == wanted)


def wait_for_kernel(wanted):
    wait_until(lambda: f"sched_ext to be {wanted}, it is {kernel_state()}", lambda: kernel_state() == wanted)


# A short linger, for most tests wait for its end.
DEFAULT_CONFIG = "linger_s = 1\n"


def configure(text=DEFAULT_CONFIG):
    CONFIG.mkdir(exist_ok=True)
    (CONFIG / "gamesched.toml").write_text(text)
    systemctl("reload", UNIT)


class Journal:
    """What the service logs from now on."""

    def __init__(self):
        self._begin = run("journalctl", "--sync", check=False)
        self._cursor = run("journalctl", "-n", "0", "--show-cursor").stdout.rpartition("cursor: ")[2].strip()

    def errors(self):
        return self.lines("-p", "err")

    def lines(self, *filters):
        run("journalctl", "--sync", check=False)
        return run("journalctl", "--after-cursor", self._cursor, "-u", UNIT, "-o", "cat", *filters,
                   check=False).stdout.splitlines()


class ServiceTest(LabTest):
    expects_errors = False  # a test that makes the service complain sets it
    restarts_anyway = False  # in its tests, with settings of its own
    _stale = False  # it still runs with the settings of a test

    def setUp(self):
        super().setUp()
        become_realtime()
        # Ours are more starts a minute than an honest service needs.
        run("systemctl", "reset-failed", UNIT, check=False)
        if ServiceTest._stale and not self.restarts_anyway:
            self.restart()
        self.start_service()
        if not (CONFIG / "gamesched.toml").exists():
            configure()
        self.addCleanup(self._standby)
        self.journal = Journal()
        self.addCleanup(self._check_journal)

    @staticmethod
    def start_service():
        if show("ActiveState") != "active":
            systemctl("start", UNIT)

    def _check_journal(self):
        if not self.expects_errors:
            self.assertEqual(self.journal.errors(), [], "the service's errors in the journal")

    def _standby(self):
        self.start_service()
        wait_until(lambda: f"no game, there are {games()}", lambda: not games(), interval_s=0.1)
        if not ServiceTest._stale:
            wait_for_state("standby")

    def game(self, *argv, **options):
        """A game as root starts it: registered before its first instruction."""
        return self.start(["gamesched-run", *argv], **options)

    def playing(self):
        game = self.game("sleep", "1000")
        # Active it may be for another game still.
        wait_until(lambda: f"game {game.pid} among {games()}", lambda: game.pid in [each["pid"] for each in games()])
        wait_for_state("active")
        return game

    def await_registrations_in_time(self):
        """In a machine that has just booted polkit and the user's own services may take longer than a game waits."""
        def registered():
            session = Session(self, PLAYER, "gamesched-run", "true")
            status, said = session.exit_status(), session.err.read_text()
            session.close()
            return (status, said) == (0, "")

        wait_until("a registration in time", registered)

    def stop(self, process):
        process.terminate()
        process.wait()

    def with_drop_in(self, text):
        """The service, started anew with other settings."""
        DROP_INS.mkdir(parents=True, exist_ok=True)
        drop_in = DROP_INS / "lab.conf"
        drop_in.write_text(text)

        def undo():
            drop_in.unlink()
            ServiceTest._stale = True

        self.addCleanup(undo)
        self.restart()

    @staticmethod
    def restart():
        systemctl("daemon-reload")
        run("systemctl", "reset-failed", UNIT, check=False)
        systemctl("restart", UNIT)
        ServiceTest._stale = False


def show_terminal(number):
    run("busctl", "call", "org.freedesktop.login1", "/org/freedesktop/login1/seat/seat0", "org.freedesktop.login1.Seat",
        "SwitchTo", "u", str(number))


class Session:
    """A user's session on the machine's own screen, at its virtual terminal `vt`: what logind calls active while that one
    is in front."""

    def __init__(self, test, user, *argv, name="lab-session", vt=1):
        self.unit, self.user = f"{name}.service", user
        self.out, self.err = test.scratch() / "out", test.scratch() / "err"
        run("systemctl", "reset-failed", self.unit, check=False)
        run(*seat.session(user, self.out, self.err, f"--unit={name}", "--service-type=exec", "--remain-after-exit", vt=vt),
            *argv)
        if vt != 1:
            test.addCleanup(show_terminal, 1)  # or nobody is at the screen for the tests that come
        test.addCleanup(self.close)

    def pid(self):
        return int(show("MainPID", self.unit))

    def in_front(self):
        """logind brings it to the screen."""
        sessions = json.loads(run("loginctl", "list-sessions", "--json=short").stdout)
        number, = (each["session"] for each in sessions if each["user"] == self.user and each["seat"] == "seat0")
        run("loginctl", "activate", number)

    def ended(self):
        return show("SubState", self.unit) in ("exited", "failed")

    def exit_status(self):
        wait_until("the session's command to end", self.ended, interval_s=0.1)
        return int(show("ExecMainStatus", self.unit))

    def close(self):
        run("systemctl", "stop", self.unit, check=False)
