#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""gamesched-run where the system bus is out of reach: containers, Flatpak. It finds the bridge or the portal."""

import os
import pathlib
import shutil
import subprocess
import unittest

from gamemode import PORTAL, GameModeTest, flatpak, start_portal
from harness import RUN, wait_for


def name_of(pid):
    return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()


class Sandbox(GameModeTest):
    def setUp(self):
        super().setUp()
        self.service = self.start_service("--strict")

    def play(self, *launcher, env=None, **options):
        """A game that runs until the test ends."""
        game = subprocess.Popen([*map(str, launcher), RUN, "sleep", "1000"], env={**self.env, **(env or {})},
                                stderr=subprocess.PIPE, text=True, **options)

        def end():
            self.end(game)
            game.stderr.close()

        self.addCleanup(end)
        return game

    def assert_registered_once(self, game):
        wait_for(lambda: self.registered() or game.poll() is not None, "the game")
        self.assertIsNone(game.poll(), game.poll() is not None and game.stderr.read())
        pid, = self.registered()
        wait_for(lambda: name_of(pid) == "sleep", "the game's own program")
        return pid

    def test_without_a_system_bus_it_asks_the_bridge(self):
        game = self.play(env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"})
        self.assertEqual(self.assert_registered_once(game), game.pid)

    def test_without_both_the_reason_is_the_system_bus(self):
        nowhere = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"}
        game = self.run_game("sh", "-c", "exit 5", env=nowhere)
        self.assertEqual(game.returncode, 5)
        self.assert_one_line(game.stderr, "no connection to the system bus", "unregistered")

    def test_a_refusing_service_is_not_asked_through_the_bridge(self):
        self.end(self.service)
        self.start_service("--fail", "NotAuthorized")
        game = self.run_game("true")
        self.assert_one_line(game.stderr, "The fake refuses")
        self.assertEqual(len(self.registered()), 1)
        self.assertFalse(self.owner(), "nobody started the bridge")

    def test_outside_a_sandbox_an_absent_service_is_not_asked_for_twice(self):
        self.end(self.service)
        game = self.run_game("true")
        self.assert_one_line(game.stderr, "not installed or not running")
        self.assertFalse(self.owner(), "nobody started the bridge")

    @unittest.skipUnless(shutil.which("bwrap"), "not installed: bwrap")
    def test_in_a_container_whose_bus_hides_the_service(self):
        """As pressure-vessel: the host's process ids, and a system bus that shows less."""
        self.start_bus(self.hidden())
        game = self.play("bwrap", "--die-with-parent", "--dev-bind", "/", "/", "--tmpfs", "/run", "--dir", "/run/pressure-vessel", "--bind",
                         self.folder, self.folder, env={"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.hidden()}/bus"})
        self.assert_registered_once(game)

    def hidden(self):
        folder = self.folder / "hidden"
        folder.mkdir(exist_ok=True)
        return folder

    @unittest.skipUnless(shutil.which("bwrap") and os.path.exists(PORTAL), "not installed: bwrap, xdg-desktop-portal")
    def test_in_flatpak_it_asks_the_portal(self):
        start_portal(self)
        launcher, fds = flatpak(self)
        game = self.play(*launcher, env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"}, pass_fds=fds)
        self.assert_registered_once(game)


if __name__ == "__main__":
    unittest.main()
