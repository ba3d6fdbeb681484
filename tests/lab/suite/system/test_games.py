# SPDX-License-Identifier: GPL-2.0-or-later
"""A game's life, from gamesched-run to the kernel and back."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios

from lab import PROGRAMS, kernel_ops, kernel_state, wait_until
from service import PLAYER, ServiceTest, Session, configure, games, run, state, status, wait_for_kernel, wait_for_state


def counters():
    return json.loads(run("busctl", "--json=short", "call", "org.gamesched.Scheduler1", "/org/gamesched/Scheduler1",
                          "org.gamesched.Scheduler1", "GetCounters").stdout)["data"][0]


class Games(ServiceTest):
    def test_BUS7_standby_active_standby(self):
        self.assertEqual((state(), kernel_state()), ("standby", "disabled"))
        game = self.game("sleep", "1000")
        wait_for_state("active")
        self.assertEqual((kernel_state(), kernel_ops()), ("enabled", "gamesched"))
        self.assertEqual([(each["pid"], each["name"], each["uid"]) for each in games()], [(game.pid, "sleep", 0)])
        self.stop(game)
        wait_until("no game", lambda: not games(), interval_s=0.1)
        self.assertEqual(kernel_state(), "enabled", "it lingers")
        wait_for_state("standby")
        self.assertEqual(kernel_state(), "disabled")

    def test_ASY5_the_live_view_shows_what_the_kernel_does(self):
        self.playing()
        ours, theirs = pty.openpty()
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        view = self.start(["gameschedctl", "top"], stdin=theirs, stdout=theirs, env={**os.environ, "TERM": "xterm"})
        os.close(theirs)
        self.addCleanup(os.close, ours)
        shown = ""

        def shows(*patterns):
            nonlocal shown
            while select.select([ours], [], [], 0)[0]:
                shown += os.read(ours, 65536).decode()
            picture = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.rpartition("\x1b[H")[2])
            return all(re.search(pattern, picture) for pattern in patterns)

        # The game's one thread, lanes that have threads and waits, counters that count.
        wait_until(lambda: f"the view, not {shown[-3000:]}",
                   lambda: shows(r"gamesched is active", r"scheduler gamesched", r"sleep +\d+:\d\d .* 1\s", r"RUNS/s",
                                 r"normal .* (us|ms)", r"wakeups +[1-9]"), interval_s=0.1)
        os.write(ours, b"q")
        self.assertEqual(view.wait(), 0)

    def test_the_scheduler_comes_before_the_registration_and_leaves_when_none_follows(self):
        nowhere = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent", "GAMESCHED_SOCKET": ""}
        self.game("sleep", "1000", env=nowhere, stderr=subprocess.DEVNULL)
        wait_for_kernel("enabled")
        self.assertEqual(games(), [])
        wait_for_state("standby")
        self.assertEqual(kernel_state(), "disabled")

    def test_it_does_not_come_for_who_may_not_register(self):
        run("su", PLAYER, "-c", "gamesched-run true", check=False)
        self.assertEqual((state(), kernel_state()), ("standby", "disabled"))

    def test_BUS2_exit_status_and_signals_are_the_games_own(self):
        self.assertEqual(self.game("sh", "-c", "exit 7").wait(), 7)
        self.assertEqual(self.game("/nonexistent", stderr=subprocess.DEVNULL).wait(), 127)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
            game = self.game("sleep", "1000")
            wait_until("a game", games, interval_s=0.1)
            game.send_signal(number)
            self.assertEqual(game.wait(), -number)
            wait_until("no game", lambda: not games(), interval_s=0.1)

    def test_the_game_is_scheduled_as_one(self):
        """A whole frame loop of an ordinary user: found, and its frames are not late because of hogs."""
        hogs = self.start([PROGRAMS / "hogs", "--hogs", os.cpu_count(), "--seconds", "60", "--ready", "/dev/null"],
                          stdout=subprocess.DEVNULL)
        session = Session(self, PLAYER, "gamesched-run", PROGRAMS / "frameloop", "--iterations-per-us", "50", "--jobs", "4",
                          "--workers", "2", "--seconds", "1", "--warmup", "0.3")
        wait_for_kernel("enabled")
        before = counters()
        self.assertEqual(session.exit_status(), 0, session.err.read_text())
        self.stop(hogs)
        after = counters()
        for name in ("periodic_wakeups", "frame_wakeups", "frame_preemptions"):
            self.assertGreater(after[name], before[name], name)

    def test_SetEnabled_false_detaches_at_once_and_stays(self):
        self.playing()
        run("gameschedctl", "off")
        wait_for_kernel("disabled")
        self.assertEqual(state(), "off")
        self.game("sleep", "1000")
        wait_until("two games", lambda: len(games()) == 2, interval_s=0.1)
        self.assertEqual((state(), kernel_state()), ("off", "disabled"))
        run("gameschedctl", "on")
        wait_for_state("active")
        self.assertEqual(kernel_state(), "enabled")

    def test_off_is_remembered_over_a_restart(self):
        run("gameschedctl", "off")
        self.addCleanup(run, "gameschedctl", "on")
        self.restart()
        self.assertEqual(state(), "off")
        self.assertFalse(status()["enabled"])

    def test_attach_never_and_always(self):
        self.addCleanup(configure)
        configure('attach = "never"\n')
        game = self.game("sleep", "1000")
        wait_until("a game", games, interval_s=0.1)
        self.assertEqual((state(), kernel_state()), ("off", "disabled"))
        self.stop(game)
        configure('attach = "always"\n')
        wait_for_state("active")
        self.assertEqual(kernel_state(), "enabled")
