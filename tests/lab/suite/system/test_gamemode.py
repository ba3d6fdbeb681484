# SPDX-License-Identifier: GPL-2.0-or-later
"""GameMode's real clients in the session of the user at the screen: its games are scheduled by the kernel's own word."""

import os
import pathlib

from lab import kernel_ops, wait_until
from service import PLAYER, ServiceTest, Session, games, wait_for_kernel, wait_for_state

PATHS = "PATH=/usr/games:/usr/bin:/bin"
SANDBOX = pathlib.Path(__file__).parent / "sandboxed_game.py"


class GameMode(ServiceTest):
    def setUp(self):
        super().setUp()
        self.await_registrations_in_time()

    def play(self, *command):
        session = Session(self, PLAYER, "env", PATHS, *command)
        wait_until("a game", lambda: games() or session.ended(), interval_s=0.05)
        self.assertEqual(len(games()), 1, f"it said: {session.out.read_text()}{session.err.read_text()}")
        game, = games()
        wait_for_kernel("enabled")
        self.assertEqual(kernel_ops(), "gamesched")
        executable = os.path.basename(os.readlink(f"/proc/{game['pid']}/exe"))
        self.assertEqual(session.exit_status(), 0, session.err.read_text())
        wait_until("the game's end", lambda: not games(), interval_s=0.1)
        wait_for_state("standby")
        wait_for_kernel("disabled")
        return session, game, executable

    def test_BUS3_gamemoderun(self):
        session, _, executable = self.play("gamemoderun", "sleep", "5")
        self.assertEqual(executable, "sleep")
        self.assertNotIn("ERROR", session.err.read_text())

    def test_BUS3_gamemoderun_of_a_game_that_asks_itself(self):
        """It is registered before it runs; so its own request is refused, here as with GameMode, and it ends at once."""
        session = Session(self, PLAYER, "env", PATHS, "gamemoderun", "gamemode-simulate-game")
        self.assertEqual(session.exit_status(), 1)
        self.assertIn("Failed to request gamemode start", session.err.read_text())

        def told():
            return [line for line in self.journal.lines() if line.startswith("Game gamemode-simulate-game (process ")]

        wait_until(lambda: f"its registration and its end: {self.journal.lines()}", lambda: len(told()) == 2, interval_s=0.1)
        self.assertTrue(told()[0].endswith(" gamemode"), told())

    def test_BUS3_a_game_that_asks_itself(self):
        """It plays ten seconds, and checks what it is told; its exit status says so."""
        _, _, executable = self.play("gamemode-simulate-game")
        self.assertEqual(executable, "gamemode-simulate-game")

    def test_BUS3_the_desktop_portal(self):
        _, _, executable = self.play("python3", "-B", SANDBOX, "gamemode-simulate-game")
        self.assertEqual(executable, "gamemode-simulate-game")
