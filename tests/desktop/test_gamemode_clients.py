#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""GameMode's real clients against gamesched-gamemode: gamemoderun, gamemoded's questions, the portal."""

import os
import pathlib
import shutil
import signal
import subprocess
import unittest

from gi.repository import Gio, GLib

from gamemode import NAME, PATH, PORTAL, GameModeTest, flatpak, pauses, start_portal
from harness import RUN, wait_for

PATHS = f"{os.environ['PATH']}:/usr/games"


def needs(*programs):
    missing = [name for name in programs if not shutil.which(name, path=PATHS)]
    return unittest.skipIf(missing, f"not installed: {', '.join(missing)}")


class Clients(GameModeTest):
    def setUp(self):
        super().setUp()
        self.env["PATH"] = PATHS
        self.start_service("--strict")

    def spawn(self, *command, **options):
        process = subprocess.Popen(command, env=self.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   **options)

        def end():
            self.end(process)
            process.stdout.close()
            process.stderr.close()

        self.addCleanup(end)
        return process

    @needs("gamemoderun")
    def test_gamemoderun(self):
        game = self.spawn("gamemoderun", "sleep", "1000")
        wait_for(self.registered, "the game")
        self.assertEqual(self.registered(), [game.pid])
        self.assertEqual(self.calls("RegisterGame")[0]["options"], {"name": "sleep", "source": "gamemode"})
        wait_for(lambda: self.get("ClientCount") == 1, "the answer")
        game.terminate()
        self.assertEqual(game.wait(60), -15)
        wait_for(lambda: self.get("ClientCount") == 0, "its end")
        self.assertEqual(game.stderr.read(), "")

    @needs("gamemoderun")
    def test_gamemoderun_of_a_script(self):
        """A shell that starts programs, each of which registers itself and leaves."""
        done = self.execute("gamemoderun", "sh", "-c", "for i in 1 2 3 4 5; do /bin/true; done; exit 7")
        self.assertEqual((done.returncode, done.stderr), (7, ""))
        self.assertEqual(len(self.registered()), 1)
        wait_for(lambda: self.get("ClientCount") == 0, "its end")

    @needs("gamemoderun")
    def test_nested_with_gamesched_run(self):
        for command in (["gamemoderun", RUN, "sh", "-c", "exit 3"],
                        [RUN, "gamemoderun", "sh", "-c", "exit 3"],
                        ["env", "A=1", RUN, "env", "B=2", "gamemoderun", "sh", "-c", "exit 3"]):
            with self.subTest(command=command):
                done = self.execute(*command)
                self.assertEqual(done.returncode, 3)
                self.assertNotIn("GameMode ERROR", done.stderr)

    @needs("gamemode-simulate-game")
    def test_gamemode_simulate_game(self):
        game = self.spawn("gamemode-simulate-game")
        wait_for(lambda: self.registered() == [game.pid], "the game")
        self.assertEqual(game.wait(60), 0, "it plays ten seconds, and checks what it is told")
        self.assertEqual(self.get("ClientCount"), 0)

    @needs("gamemoded")
    def test_gamemoded_asks(self):
        game = self.game().pid
        for arguments, words, status in [(["-s"], "inactive", 0), ([f"-s{game}"], "inactive", 0)]:
            done = self.execute("gamemoded", *arguments)
            self.assertEqual((done.returncode, words in done.stdout), (status, True), done.stdout + done.stderr)
        self.by_pidfd("RegisterGame", game)
        other = self.game().pid
        for arguments, words in [(["-s"], "is active"), ([f"-s{game}"], "registered"), ([f"-s{other}"], "is active")]:
            done = self.execute("gamemoded", *arguments)
            self.assertEqual((done.returncode, words in done.stdout), (0, True), done.stdout + done.stderr)
        for expected in (1, 2, 1):  # -r switches to and fro
            self.assertEqual(self.execute("gamemoded", f"-r{other}").returncode, 0)
            self.assertEqual(self.get("ClientCount"), 2 if expected == 1 else 1)

    @needs("gamemoded")
    def test_gamemoded_registers_itself(self):
        client = self.spawn("gamemoded", "-r")
        wait_for(lambda: client.pid in self.registered(), "its registration")
        wait_for(lambda: self.get("ClientCount") == 1, "the answer")
        wait_for(lambda: pauses(client.pid), "its pause")
        client.send_signal(signal.SIGINT)
        self.assertEqual(client.wait(60), 0, client.stderr.read())
        wait_for(lambda: self.get("ClientCount") == 0, "its farewell")

    def test_a_shell_extension_watches_the_count(self):
        """As GNOME's does: it starts nobody, reads the cached property, follows its changes."""
        proxy = Gio.DBusProxy.new_sync(self.bus, Gio.DBusProxyFlags.DO_NOT_AUTO_START, None, NAME, PATH, NAME, None)
        seen = []
        proxy.connect("g-properties-changed", lambda _, changed, __: seen.append(changed.unpack().get("ClientCount")))
        self.assertIsNone(proxy.get_name_owner(), "watching starts nobody")
        game = self.game()
        self.by_pidfd("RegisterGame", game.pid)

        def turned(count):
            GLib.MainContext.default().iteration(False)
            value = proxy.get_cached_property("ClientCount")
            return value is not None and value.unpack() == count

        wait_for(lambda: turned(1), "the count")
        self.end(game)
        wait_for(lambda: turned(0), "the count")
        self.assertIn(1, seen)
        self.assertEqual(seen[-1], 0)


class Portal(GameModeTest):
    """Inside a sandbox with process ids of its own, where the portal is all that can be reached."""

    @needs("bwrap", "gamemode-simulate-game", PORTAL)
    def test_a_sandboxed_game_registers_through_the_portal(self):
        self.env["PATH"] = PATHS
        start_portal(self)
        self.start_service("--strict")
        launcher, fds = flatpak(self)
        game = subprocess.Popen([*launcher, "gamemode-simulate-game"], env=self.env, pass_fds=fds,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(lambda: (self.end(game), game.stdout.close()))
        wait_for(lambda: self.registered() or game.poll() is not None, "the game")
        self.assertEqual(len(self.registered()), 1, game.poll() is not None and game.stdout.read())
        comm = pathlib.Path(f"/proc/{self.registered()[0]}/comm").read_text().strip()
        self.assertEqual(comm, "gamemode-simula"[:15])
        wait_for(self.active, "the portal to know of it")
        self.assertEqual(game.wait(60), 0)
        wait_for(lambda: self.get("ClientCount") == 0, "its end")
        wait_for(lambda: not self.active(), "the portal to know of its end")

    def active(self):
        """What the portal makes of the count."""
        return self.bus.call_sync("org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop",
                                  "org.freedesktop.DBus.Properties", "Get",
                                  GLib.Variant("(ss)", ("org.freedesktop.portal.GameMode", "Active")), None, 0, 30_000,
                                  None).unpack()[0]

    @needs("bwrap", "gamemoded", PORTAL)
    def test_a_sandboxed_client_asks_the_portal(self):
        self.env["PATH"] = PATHS
        start_portal(self)
        self.start_service("--strict")
        launcher, fds = flatpak(self)
        self.assertEqual(self.by_pidfd("RegisterGame", self.game().pid), 0)
        asked = self.execute(*launcher, "gamemoded", "-s", pass_fds=fds)
        self.assertEqual((asked.returncode, "is active" in asked.stdout), (0, True), asked.stdout + asked.stderr)


if __name__ == "__main__":
    unittest.main()
