# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults: the daemon killed, the bus gone, another scheduler in place, a bad file. Each ends in a known state."""

import os
import signal

from lab import Driver, kernel_ops, kernel_state, wait_until
from service import (UNIT, ServiceTest, configure, games, main_pid, run, show, state, status, systemctl, wait_for_kernel,
                     wait_for_state)


class Trouble(ServiceTest):
    def wait_for_another(self, old):
        wait_until(f"another main process than {old}", lambda: main_pid() not in (0, old), interval_s=0.1)
        wait_until("the service to be active", lambda: show("ActiveState") == "active", interval_s=0.1)

    def test_ASY2_SIGKILL_of_the_daemon_in_mid_game(self):
        game = self.playing()
        known, = games()
        old = main_pid()
        os.kill(old, signal.SIGKILL)
        wait_for_kernel("disabled")
        self.assertEqual(kernel_ops(), "")
        self.assertIsNone(game.poll(), "the game lives on")
        self.wait_for_another(old)
        self.assertEqual(games(), [known], "the same game, at the same path")
        wait_for_state("active")
        self.assertEqual((kernel_state(), kernel_ops()), ("enabled", "gamesched"))

    def test_ASY2_an_orderly_stop_in_mid_game(self):
        self.playing()
        systemctl("stop", UNIT)
        self.assertEqual(kernel_state(), "disabled")
        self.assertEqual((show("Result"), show("ExecMainStatus")), ("success", "0"))

    def test_another_scheduler_is_never_evicted(self):
        foreign = Driver()
        self.addCleanup(foreign.close)
        foreign.ask("attach")
        wait_for_kernel("enabled")
        game = self.game("sleep", "1000")
        wait_until("a game", games)
        wait_for_state("conflict")
        state_of_foreign = foreign.ask("state")
        self.assertEqual((state_of_foreign["attached"], state_of_foreign["exits"]), (True, []))
        # When it leaves by itself, the living game gets what it came for.
        foreign.close()
        wait_for_state("active")
        self.stop(game)

    def test_BUS7_another_scheduler_comes_and_goes_with_no_game(self):
        """Nobody asks the service, for then it would look: the kernel tells it."""
        def wait_for_told(wanted):
            wait_until(f"status {wanted}", lambda: show("StatusText").startswith(wanted), interval_s=0.1)

        foreign = Driver()
        self.addCleanup(foreign.close)
        foreign.ask("attach")
        wait_for_told("conflict")
        self.assertEqual(foreign.ask("state")["attached"], True)
        foreign.ask("detach")
        wait_for_told("standby")
        # Wanted always, it takes over by itself.
        foreign.ask("attach")
        self.addCleanup(configure)
        configure('attach = "always"\n')
        wait_for_told("conflict")
        foreign.close()
        wait_for_told("active")
        self.assertEqual((kernel_state(), kernel_ops()), ("enabled", "gamesched"))

    def test_BUS6_a_bad_file_never_takes_the_service_down(self):
        self.expects_errors = True
        self.addCleanup(configure)
        pid = main_pid()
        for text in ('attach = "game\n', 'attach = "sometimes"\n', "linger_s = -1\n", "\0\1\2"):
            with self.subTest(text=text):
                configure(text)
                self.assertEqual((main_pid(), state()), (pid, "standby"))
                self.assertIn("errors", show("StatusText"))
                self.assertIn("gamesched.toml:1:", self.journal.errors()[-1])
        configure()
        self.assertNotIn("errors", show("StatusText"))
        configure("linger_s = -1\n")
        self.restart()
        self.assertEqual(state(), "standby")

    def test_the_bus_is_killed(self):
        self.expects_errors = True
        game = self.playing()
        old = main_pid()
        run("systemctl", "kill", "--signal=KILL", "dbus.service")
        wait_until("the bus to be back", lambda: show("ActiveState", "dbus.service") == "active", interval_s=0.1)
        self.wait_for_another(old)
        self.assertIsNone(game.poll())
        wait_until("the game to be known", lambda: [each["pid"] for each in games()] == [game.pid], interval_s=0.2)
        wait_for_state("active")

    def test_BUS1_one_that_cannot_be_started_is_told_so(self):
        self.expects_errors = True
        systemctl("stop", UNIT)
        systemctl("mask", "--runtime", UNIT)
        self.addCleanup(lambda: (systemctl("unmask", "--runtime", UNIT), systemctl("start", UNIT)))
        shown = run("gameschedctl", "on", check=False)
        self.assertEqual(shown.returncode, 3, shown.stderr)
        self.assertIn("could not be started", shown.stderr)
        played = run("gamesched-run", "sh", "-c", "exit 7", check=False)
        self.assertEqual(played.returncode, 7)
