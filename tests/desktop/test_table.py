#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every client with the service up, down, restarting, refusing and full: a table without an empty cell."""

import json
import os
import shutil
import signal
import subprocess
import unittest

from gi.repository import Gio, GLib

from gamemode import NAME as GAMEMODE_NAME, PATH as GAMEMODE_PATH, PORTAL as PORTAL_PROGRAM, flatpak, pauses, start_portal
from harness import wait_for
from test_top import Terminal
from tray import TrayTest

RUN, STATUS, GAMES, ON, OFF, COUNTERS = "gamesched-run", "status", "games", "on", "off", "counters"
PROFILES, EXPLAIN, TOP = "profile list", f"explain {os.getpid()}", "top"
GAMEMODERUN, ASKED, ITSELF, SIMULATED = "gamemoderun", "gamemoded -s", "gamemoded -r", "gamemode-simulate-game"
PORTAL, TRAY, EXTENSION = "gamemoderun in a sandbox", "gamesched-tray", "a shell's extension"
# Through gamesched-gamemode, the last by the desktop portal.
GAMEMODE = (GAMEMODERUN, ASKED, ITSELF, SIMULATED, PORTAL)
CTL = (STATUS, GAMES, ON, OFF, COUNTERS, PROFILES, EXPLAIN)
CLIENTS = (RUN, *CTL, TOP, *GAMEMODE, EXTENSION, TRAY)
PATHS = f"{os.environ['PATH']}:/usr/games"
SERVICE = {"up": ["--strict"], "down": None, "restarting": ["--vanish"], "refusing": ["--fail", "NotAuthorized"],
           "full": ["--fail", "LimitsExceeded"]}

# Exit status, and what standard error has to say. The game's own status is 42. Of the tray: the icon, and what the tooltip
# says. Of the live view: the state it shows, and the words beside it. Of an extension: what it sees the count become.
SILENT = ""
STOPPED = "systemctl start gameschedd"
ENDED = "ended or did not answer"
REFUSED = "The fake refuses"
TABLE = {
    (RUN, "up"): (42, SILENT),
    (RUN, "down"): (42, "gameschedd is not installed or not running"),
    (RUN, "restarting"): (42, "unregistered"),
    (RUN, "refusing"): (42, REFUSED),
    (RUN, "full"): (42, REFUSED),
    (STATUS, "down"): (3, SILENT),  # that it does not run is the answer
    (EXPLAIN, "down"): (3, STOPPED),
    **{(client, "up"): (0, SILENT) for client in CTL},
    **{(client, "down"): (3, STOPPED) for client in (GAMES, ON, OFF, COUNTERS, PROFILES)},
    **{(client, "restarting"): (1, ENDED) for client in CTL},
    **{(client, state): (1, REFUSED) for client in CTL for state in ("refusing", "full")},
    (TOP, "up"): ("standby", "The fake is standby."),
    (TOP, "down"): ("not running", STOPPED),
    (TOP, "restarting"): ("not running", STOPPED),
    (TOP, "refusing"): ("not known", REFUSED),
    (TOP, "full"): ("not known", REFUSED),
    (GAMEMODERUN, "up"): (42, SILENT),
    (GAMEMODERUN, "down"): (42, "gamemodeauto"),
    (GAMEMODERUN, "restarting"): (42, "gamemodeauto"),
    (GAMEMODERUN, "refusing"): (42, "gamemodeauto"),
    (GAMEMODERUN, "full"): (42, SILENT),  # waits for room
    **{(ASKED, state): (0, SILENT) for state in SERVICE},  # a question about games, not about the service
    (ITSELF, "up"): (0, SILENT),
    (ITSELF, "down"): (1, "gamemode request failed"),
    (ITSELF, "restarting"): (1, "gamemode request failed"),
    (ITSELF, "refusing"): (1, "gamemode request failed"),
    (ITSELF, "full"): (0, SILENT),
    (SIMULATED, "up"): (0, SILENT),
    (SIMULATED, "down"): (1, "Failed to request gamemode start"),
    (SIMULATED, "restarting"): (1, "Failed to request gamemode start"),
    (SIMULATED, "refusing"): (1, "Failed to request gamemode start"),
    (SIMULATED, "full"): (0, SILENT),
    (PORTAL, "up"): (42, SILENT),
    (PORTAL, "down"): (42, "gamemodeauto"),
    (PORTAL, "restarting"): (42, "gamemodeauto"),
    (PORTAL, "refusing"): (42, "gamemodeauto"),
    (PORTAL, "full"): (42, SILENT),
    (EXTENSION, "up"): ([1, 0], SILENT),
    (EXTENSION, "down"): ([], SILENT),
    (EXTENSION, "restarting"): ([], SILENT),
    (EXTENSION, "refusing"): ([], SILENT),
    (EXTENSION, "full"): ([1, 0], SILENT),
    (TRAY, "up"): ("gamesched-standby", "The fake is standby"),
    (TRAY, "down"): ("gamesched-not-running", "It starts with the first game"),
    (TRAY, "restarting"): ("gamesched-not-running", "It starts with the first game"),
    (TRAY, "refusing"): ("gamesched-not-running", REFUSED),
    (TRAY, "full"): ("gamesched-not-running", REFUSED),
}


def missing(client):
    """What this machine has not got."""
    programs = {GAMEMODERUN: ["gamemoderun"], ASKED: ["gamemoded"], ITSELF: ["gamemoded"], SIMULATED: [SIMULATED],
                EXTENSION: ["gamemoderun"], PORTAL: ["gamemoderun", "bwrap", PORTAL_PROGRAM]}
    return [name for name in programs.get(client, []) if not shutil.which(name, path=PATHS)]


class Table(TrayTest):
    def test_has_no_empty_cell(self):
        self.assertEqual(set(TABLE), {(client, state) for client in CLIENTS for state in SERVICE})

    def test_every_cell(self):
        if not missing(PORTAL):
            start_portal(self)
        for client in CLIENTS:
            if missing(client):
                print(f"left out, for it is not installed: {client} ({', '.join(missing(client))})")
                continue
            for state, arguments in SERVICE.items():
                with self.subTest(client=client, service=state):
                    service = None if arguments is None else self.start_service(*arguments)
                    self.check(client, *TABLE[client, state])
                    if service:
                        self.end(service)

    def check(self, client, expected, words):
        if client == TRAY:
            return self.check_tray(expected, words)
        if client == TOP:
            return self.check_view(expected, words)
        if client == EXTENSION:
            return self.check_extension(expected)
        done = self.run_client(client)
        self.assertEqual(done.returncode, expected)
        if words:
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertIn(words, done.stderr)
        else:
            self.assertEqual(done.stderr, "")

    def check_tray(self, icon, words):
        tray = self.start_tray()
        wait_for(lambda: words in self.get("ToolTip")[3], words)
        self.assertEqual(self.get("IconName"), icon)
        self.end(tray)
        wait_for(lambda: not self.owner(), "the tray's end")

    def check_view(self, state, words):
        terminal = Terminal(self)
        terminal.shows(f"gamesched is {state} ", words)
        terminal.press("q")
        self.assertEqual(terminal.ends(), 0)

    def check_extension(self, counts):
        """As GNOME's watches, while somebody plays."""
        seen = []
        proxy = Gio.DBusProxy.new_sync(self.bus, Gio.DBusProxyFlags.DO_NOT_AUTO_START, None, GAMEMODE_NAME, GAMEMODE_PATH,
                                       GAMEMODE_NAME, None)
        proxy.connect("g-properties-changed", lambda _, changed, __: seen.append(changed.unpack().get("ClientCount")))
        self.assertEqual(self.run_client(GAMEMODERUN).returncode, 42)

        def told():
            # What it was told so far came before this answer.
            self.owner(GAMEMODE_NAME)
            while GLib.MainContext.default().iteration(False):
                pass
            return [count for count in seen if count is not None]

        wait_for(lambda: len(told()) >= len(counts), counts)
        self.assertEqual(told(), counts)

    def run_client(self, client):
        if client == RUN:
            return self.run_game("sh", "-c", "exit 42")
        if client == GAMEMODERUN:
            return self.execute(client, "sh", "-c", "exit 42", env={"PATH": PATHS})
        if client in (ASKED, SIMULATED):
            return self.execute(*client.split(), env={"PATH": PATHS})
        if client == ITSELF:
            # It stays until it is told to end.
            process = subprocess.Popen(client.split(), env={**self.env, "PATH": PATHS}, text=True, stderr=subprocess.PIPE,
                                       stdout=subprocess.DEVNULL)
            self.addCleanup(self.end, process)
            wait_for(lambda: process.poll() is not None or pauses(process.pid), client)
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=60)
            return subprocess.CompletedProcess(client, process.returncode, stderr=stderr)
        if client == PORTAL:
            words, fds = flatpak(self)
            return self.execute(*words, "gamemoderun", "sh", "-c", "exit 42", env={"PATH": PATHS}, pass_fds=fds)
        return self.ctl(*client.split())

    def test_the_tray_follows_from_each_to_each(self):
        """What a table of single looks does not show: it lives through them."""
        self.start_tray()
        for state in ("up", "refusing", "down", "up", "restarting", "up"):
            service = None if SERVICE[state] is None else self.start_service(*SERVICE[state])
            icon, words = TABLE[TRAY, state]
            with self.subTest(service=state):
                wait_for(lambda w=words: w in self.get("ToolTip")[3], words)
                self.assertEqual(self.get("IconName"), icon)
            if service:
                self.end(service)

    def test_json_is_json_in_every_cell(self):
        for client, state in TABLE:
            if client not in CTL:
                continue
            with self.subTest(client=client, service=state):
                service = None if SERVICE[state] is None else self.start_service(*SERVICE[state])
                json.loads(self.ctl(*client.split(), "--json").stdout)
                if service:
                    self.end(service)


if __name__ == "__main__":
    unittest.main()
