#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""gameschedctl top, on a terminal, as somebody sees it who looks at it."""

import fcntl
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unittest

from gi.repository import GLib

from harness import CTL, wait_for
from tray import SERVICE, SERVICE_PATH, TrayTest

ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[()][A-Z0-9])")


class Terminal:
    """A terminal of that size with a program on it; `picture` is what it was told to show last."""

    def __init__(self, test, *arguments, columns=80, rows=24, **env):
        self.ours, theirs = pty.openpty()
        self.before = termios.tcgetattr(theirs)
        self.resize(columns, rows)
        self.process = subprocess.Popen([CTL, "top", "--sched-ext", str(test.sched_ext), *arguments], stdin=theirs,
                                        stdout=theirs, stderr=subprocess.PIPE, text=True, start_new_session=True,
                                        env={**test.env, "TERM": "xterm", **env})
        self.theirs = theirs
        self.all, self.picture = "", ""
        test.addCleanup(self.close, test)

    def close(self, test):
        test.end(self.process)
        self.process.stderr.close()
        os.close(self.ours)
        os.close(self.theirs)

    def resize(self, columns, rows):
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self):
        while select.select([self.ours], [], [], 0)[0]:
            self.all += os.read(self.ours, 65536).decode()
        last = self.all.rsplit("\x1b[H", 1)
        self.picture = ESCAPE.sub("", last[1]).replace("\r", "") if len(last) == 2 else ""
        return self.picture

    def shows(self, *words):
        """Waits for a picture with all of them, wherever its lines break."""
        try:
            wait_for(lambda: all(word in " ".join(self.read().split()) for word in words), f"{words} on the terminal")
        except AssertionError as error:
            raise AssertionError(f"{error}; it shows:\n{self.picture}") from None

    def press(self, keys):
        os.write(self.ours, keys.encode())

    def ends(self):
        """With which status; it is read meanwhile, as a terminal does."""
        wait_for(lambda: (self.read(), self.process.poll())[1] is not None, "its end")
        self.read()
        return self.process.returncode


class Top(TrayTest):
    def test_follows_state_games_and_counters(self):
        self.start_service()
        terminal = Terminal(self)
        terminal.shows("gamesched is standby", "The fake is standby.", "No game is running.", "q: quit")
        game = self.register("Half-Life 2")
        terminal.shows("Half-Life 2")
        self.fake("Lanes", "(oa{su})", game, {"frame": 8, "game": 30})
        (self.sched_ext / "state").write_text("enabled\n")
        self.fake("Attach", "(s)", "gamesched")
        self.say("active", "A game runs.")
        # Lanes and counters no signal tells of: it looks by itself.
        terminal.shows("gamesched is active", "A game runs.", "frame", "38", "COUNTERS", "preempt")
        before = terminal.picture
        self.assertRegex(before, r"Half-Life 2 .* 8 +38\n")
        self.assertEqual(before.count("\n"), 23)
        self.fake("Count", "(st)", "preempt", 1_000_000)
        wait_for(lambda: re.search(r"preempt +\d{2,4}k", terminal.read()), "a rate")
        self.system().call_sync(SERVICE, SERVICE_PATH, SERVICE, "UnregisterGame", GLib.Variant("(o)", (game,)), None, 0, 30_000,
                                None)
        terminal.shows("No game is running.")
        terminal.press("q")
        self.assertEqual(terminal.ends(), 0)

    def test_stays_without_the_service_and_follows_its_return(self):
        terminal = Terminal(self)
        terminal.shows("gamesched is not running", "systemctl start gameschedd")
        for number in range(2):
            service = self.start_service("--state", "active")
            terminal.shows("gamesched is active")
            self.end(service)
            terminal.shows("gamesched is not running")
        self.assertEqual(len(self.calls("RegisterGame")), 0, number)

    def test_follows_the_bus_too(self):
        self.start_service("--state", "active")
        terminal = Terminal(self)
        terminal.shows("gamesched is active")
        self.end(self.system_bus)
        terminal.shows("gamesched is not known", "system bus")
        self.start_bus()
        self.start_service("--state", "off")
        terminal.shows("gamesched is off")

    def test_looking_starts_nobody(self):
        self.make_activatable()
        terminal = Terminal(self)
        terminal.shows("gamesched is not running")
        terminal.press("q")
        self.assertEqual(terminal.ends(), 0)
        self.assertFalse(self.log.exists())

    def test_a_refusal_and_silence_are_told_and_q_works(self):
        for arguments, words in ((["--fail", "LimitsExceeded"], "The fake refuses"), (["--hang"], "did not answer in time")):
            service = self.start_service(*arguments)
            terminal = Terminal(self)
            terminal.shows("gamesched is not known", words)
            terminal.press("q")
            self.assertEqual(terminal.ends(), 0)
            self.end(service)

    def test_the_terminal_is_given_back_as_it_was(self):
        ways = [lambda t: t.press("q"), lambda t: t.press("\x03"), lambda t: t.process.send_signal(signal.SIGTERM),
                lambda t: t.process.send_signal(signal.SIGHUP)]
        for number, leave in enumerate(ways):
            with self.subTest(number=number):
                terminal = Terminal(self)
                terminal.shows("not running")
                self.assertNotEqual(termios.tcgetattr(terminal.theirs)[3], terminal.before[3])
                leave(terminal)
                self.assertEqual(terminal.ends(), 0)
                self.assertEqual(termios.tcgetattr(terminal.theirs), terminal.before)
                self.assertTrue(terminal.all.endswith("\x1b[?25h\x1b[?1049l"), terminal.all[-40:])
                self.assertEqual(terminal.process.stderr.read(), "")

    def test_ctrl_z_gives_it_back_until_it_goes_on(self):
        terminal = Terminal(self)
        terminal.shows("not running")
        terminal.press("\x1a")

        def state():
            terminal.read()
            return (pathlib.Path(f"/proc/{terminal.process.pid}/stat").read_text().rpartition(")")[2].split()[0])

        wait_for(lambda: state() == "T", "the stop")
        self.assertEqual(termios.tcgetattr(terminal.theirs), terminal.before)
        terminal.all = ""
        terminal.process.send_signal(signal.SIGCONT)
        terminal.shows("not running")

    def test_another_size(self):
        self.start_service("--state", "active")
        terminal = Terminal(self)
        terminal.shows("gamesched is active")
        terminal.resize(132, 40)
        terminal.process.send_signal(signal.SIGWINCH)  # the kernel's goes to the foreground group of a session's terminal
        wait_for(lambda: terminal.read().count("\n") == 39, "40 lines")
        terminal.resize(20, 5)
        terminal.process.send_signal(signal.SIGWINCH)
        terminal.shows("too small")

    def test_more_games_than_fit(self):
        self.start_service("--state", "active")
        terminal = Terminal(self)
        for number in range(8):
            self.register(f"game-{number}")
        terminal.shows("6 of 8 games", "game-5")
        terminal.press("\x1b[Bj")
        terminal.shows("game-7")
        self.assertNotIn("game-0", terminal.picture)
        terminal.press("\x1b[A\x1b[Ak")
        terminal.shows("game-0")

    def test_text_from_elsewhere_never_controls_the_terminal(self):
        self.start_service("--state", "active")
        self.register("\x1b[2Jevil")
        terminal = Terminal(self)
        terminal.shows("evil")
        self.assertNotIn("\x1b[2J", terminal.all)

    def test_it_sleeps_while_nothing_changes(self):
        """Two seconds are a length of looking, not of waiting: whoever polls is seen in it."""
        self.start_service()
        terminal = Terminal(self)
        terminal.shows("gamesched is standby")
        status = pathlib.Path(f"/proc/{terminal.process.pid}/status")

        def switches():
            return [line for line in status.read_text().splitlines() if "ctxt_switches" in line]

        def asleep():
            before = switches()
            time.sleep(2)
            return switches() == before

        wait_for(asleep, "two seconds without a switch")
        self.assertEqual([path.name for path in pathlib.Path(f"/proc/{terminal.process.pid}/task").iterdir()],
                         [str(terminal.process.pid)], "one thread")

    def test_without_a_terminal_it_says_what_else_there_is(self):
        for options in ({}, {"stdin": None}):
            done = self.execute(CTL, "top", env={"TERM": "xterm"}, **options)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("gameschedctl status --json", done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)

    def test_a_terminal_that_cannot_place_text(self):
        terminal = Terminal(self, TERM="dumb")
        self.assertEqual(terminal.ends(), 1)
        self.assertIn("TERM", terminal.process.stderr.read())
        self.assertNotIn("\x1b", terminal.all)


if __name__ == "__main__":
    unittest.main()
