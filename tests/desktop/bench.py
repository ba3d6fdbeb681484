#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""bench.py --build FOLDER [--json FILE] [--seconds N]: figures of the user's programs, on private buses of this machine.

Real processes register with GameMode's interface at a steady rate, as fast as a launcher full of scripts could, and end
soon after. What gameschedd would have been asked is counted by one that only counts. Memory is the most that a program ever had.
"""

import argparse
import collections
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

RATE_HZ = 200
OFFERED_HZ = 204  # what is offered at 200 exactly arrives at a little less
MOST_ASKING = 64  # a bus lets a client have 128 questions open
LIFE_MSEC = 250  # once it is registered
MAX_MIB = 12
SERVICE = "org.gamesched.Scheduler1"
SERVICE_PATH = "/org/gamesched/Scheduler1"
SOURCES = pathlib.Path(__file__).resolve().parent


def count_registrations():
    """A service that takes everything and tells how often it was asked for how many processes."""
    import dbus
    import dbus.mainloop.glib
    import dbus.service
    from gi.repository import GLib

    class Counter(dbus.service.Object):
        pids = collections.Counter()

        @dbus.service.method(SERVICE, in_signature="ha{sv}", out_signature="o")
        def RegisterGame(self, pidfd, options):
            fd = pidfd.take()
            with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as info:
                self.pids[next(int(line.split()[1]) for line in info if line.startswith("Pid:"))] += 1
            os.close(fd)
            return f"{SERVICE_PATH}/game/{self.pids.total()}"

        @dbus.service.method(SERVICE, in_signature="o")
        def UnregisterGame(self, path):
            pass

        @dbus.service.method("org.gamesched.Bench", out_signature="au")
        def Asked(self):
            return dbus.Array(self.pids.elements(), signature="u")

    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus = dbus.bus.BusConnection(os.environ["DBUS_SYSTEM_BUS_ADDRESS"])
    counter = Counter(bus, SERVICE_PATH)
    name = dbus.service.BusName(SERVICE, bus)
    GLib.MainLoop().run()
    del counter, name


class Players:
    """Processes that start at a rate, are registered, and end."""

    def __init__(self, bus):
        from gi.repository import Gio, GLib
        self.gio, self.glib, self.bus = Gio, GLib, bus
        self.started, self.taken, self.refused = [], 0, collections.Counter()
        self.alive, self.unreaped = set(), set()
        self.loop = GLib.MainLoop()

    def play(self, seconds):
        begin_s = time.monotonic()
        wanted = int(seconds * OFFERED_HZ)

        def tick():
            answered = self.taken + self.refused.total()
            while (len(self.started) < min(wanted, (time.monotonic() - begin_s) * OFFERED_HZ)
                   and len(self.started) - answered < MOST_ASKING):
                self.start_one()
            self.reap()
            if answered == wanted:
                self.loop.quit()
                return False
            return True

        self.glib.timeout_add(2, tick)
        self.loop.run()
        took_s = time.monotonic() - begin_s
        self.end_all()
        return wanted / took_s

    def start_one(self):
        pid = os.posix_spawn("/bin/sleep", ["sleep", "1000"], os.environ)
        self.started.append(pid)
        self.alive.add(pid)
        self.unreaped.add(pid)
        fds = self.gio.UnixFDList.new_from_array([os.pidfd_open(pid), os.pidfd_open(os.getpid())])
        self.bus.call_with_unix_fd_list("com.feralinteractive.GameMode", "/com/feralinteractive/GameMode",
                                        "com.feralinteractive.GameMode", "RegisterGameByPIDFd",
                                        self.glib.Variant("(hh)", (0, 1)), None, 0, 30_000, fds, None, self.answered, pid)

    def answered(self, bus, result, pid):
        try:
            answer = bus.call_with_unix_fd_list_finish(result)[0].unpack()[0]
        except self.glib.Error as error:
            answer = error.message
        if answer == 0:
            self.taken += 1
        else:
            self.refused[answer] += 1
        self.glib.timeout_add(LIFE_MSEC, self.end, pid)

    def end(self, pid):
        if pid in self.alive:
            self.alive.remove(pid)
            os.kill(pid, signal.SIGKILL)  # not reaped yet: reap() finds only those that have ended
        return False

    def end_all(self):
        for pid in list(self.alive):
            self.end(pid)
        while self.reap():
            pass

    def reap(self):
        """How many are left."""
        for pid in [pid for pid in self.unreaped if os.waitpid(pid, os.WNOHANG)[0]]:
            self.unreaped.remove(pid)
        return len(self.unreaped)


def most_memory_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024


def measure(seconds):
    """[(id, name, value, unit, target, better), ...]"""
    from gamemode import NAME
    from tray import TrayTest
    from harness import BRIDGE, wait_for

    test = TrayTest()
    test.setUp()
    try:
        counter = subprocess.Popen([sys.executable, __file__, "--count"], env=test.env)
        test.addCleanup(test.end, counter)
        wait_for(lambda: test.system().call_sync(
            "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
            Players(None).glib.Variant("(s)", (SERVICE,)), None, 0, -1, None).unpack()[0], "the counter")
        bridge = subprocess.Popen([BRIDGE], env=test.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        test.addCleanup(test.end, bridge)
        wait_for(lambda: test.owner(NAME), "the bridge")
        players = Players(test.bus)
        rate_hz = players.play(seconds)
        asked = test.system().call_sync(SERVICE, SERVICE_PATH, "org.gamesched.Bench", "Asked", None, None, 0, -1,
                                        None).unpack()[0]
        lost = len(collections.Counter(players.started) - collections.Counter(asked))
        if players.refused:
            print(f"refused: {dict(players.refused)}", file=sys.stderr)
        rows = [("BUS-3", f"registrations a second of real processes through the bridge, {seconds:g} s", rate_hz, "1/s",
                 RATE_HZ, "higher"),
                ("BUS-3", f"registrations lost, of {len(players.started)}", lost, "", 0, "lower"),
                ("BUS-3", "gamesched-gamemode: most resident memory, after them", most_memory_mib(bridge.pid), "MiB",
                 MAX_MIB, "lower")]
        test.end(counter)

        test.start_desktop()
        test.start_service()
        tray = test.start_tray()
        test.wait_for_icon("gamesched-standby")
        for number in range(100):
            test.say(("active", "ejected", "conflict", "standby")[number % 4])
            test.menu()
        rows.append(("BUS-4", "gamesched-tray: most resident memory, after 100 changes", most_memory_mib(tray.pid), "MiB",
                     MAX_MIB, "lower"))
        return rows
    finally:
        test.doCleanups()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--count", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--build", type=pathlib.Path, metavar="FOLDER", help="meson's build folder")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write the figures here")
    parser.add_argument("--seconds", type=float, default=60, help="how long processes register (default 60)")
    options = parser.parse_args()
    if options.count:
        return count_registrations()
    if options.build is None:
        parser.error("--build is needed")
    desktop = options.build / "desktop"
    os.environ |= {"GAMESCHED_RUN": str(desktop / "run/gamesched-run"), "GAMESCHEDCTL": str(desktop / "cli/gameschedctl"),
                   "GAMESCHED_GAMEMODE": str(desktop / "gamemode/gamesched-gamemode"),
                   "GAMESCHED_TRAY": str(desktop / "tray/gamesched-tray"), "GAMESCHED_TRANSLATIONS": str(desktop / "po"),
                   "GAMESCHED_VIEW": str(desktop / "data/org.gamesched.Top.desktop")}
    sys.path[:0] = [str(SOURCES), str(SOURCES.parent / "lab/bench")]
    sys.dont_write_bytecode = True
    import figures
    rows = [figures.Figure(*row[:4], "host", *row[4:]) for row in measure(options.seconds)]
    print(figures.figures_table(rows))
    if options.json:
        options.json.write_text(json.dumps(figures.document(rows), indent=1) + "\n")
    return 0 if all(row.met() is not False for row in rows) else 3


if __name__ == "__main__":
    sys.exit(main())
