#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every client with the service up, down, restarting and refusing: a table without an empty cell."""

import json
import os
import shutil
import unittest

from gamemode import PORTAL as PORTAL_PROGRAM, flatpak, start_portal
from harness import wait_for
from tray import TrayTest

RUN, STATUS, GAMES, ON, OFF, COUNTERS = "gamesched-run", "status", "games", "on", "off", "counters"
GAMEMODERUN, ASKED = "gamemoderun", "gamemoded -s"
PORTAL, TRAY = "gamemoderun in a sandbox", "gamesched-tray"
GAMEMODE = (GAMEMODERUN, ASKED, PORTAL)  # through gamesched-gamemode, the last by the desktop portal
CTL = (STATUS, GAMES, ON, OFF, COUNTERS)
CLIENTS = (RUN, *CTL, *GAMEMODE, TRAY)
PATHS = f"{os.environ['PATH']}:/usr/games"
SERVICE = {"up": [], "down": None, "restarting": ["--vanish"], "refusing": ["--fail", "LimitsExceeded"]}

# Exit status, and what standard error has to say. The game's own status is 42. Of the tray: the icon, and what the tooltip
# says.
SILENT = ""
TABLE = {
    (RUN, "up"): (42, SILENT),
    (RUN, "down"): (42, "gameschedd is not installed or not running"),
    (RUN, "restarting"): (42, "unregistered"),
    (RUN, "refusing"): (42, "The fake refuses"),
    (STATUS, "up"): (0, SILENT),
    (STATUS, "down"): (3, SILENT),  # that it does not run is the answer
    (STATUS, "restarting"): (1, "ended or did not answer"),
    (STATUS, "refusing"): (1, "The fake refuses"),
    (GAMES, "up"): (0, SILENT),
    (GAMES, "down"): (3, "systemctl start gameschedd"),
    (GAMES, "restarting"): (1, "ended or did not answer"),
    (GAMES, "refusing"): (1, "The fake refuses"),
    (ON, "up"): (0, SILENT),
    (ON, "down"): (3, "systemctl start gameschedd"),
    (ON, "restarting"): (1, "ended or did not answer"),
    (ON, "refusing"): (1, "The fake refuses"),
    (OFF, "up"): (0, SILENT),
    (OFF, "down"): (3, "systemctl start gameschedd"),
    (OFF, "restarting"): (1, "ended or did not answer"),
    (OFF, "refusing"): (1, "The fake refuses"),
    (GAMEMODERUN, "up"): (42, SILENT),
    (GAMEMODERUN, "down"): (42, "gamemodeauto"),
    (GAMEMODERUN, "restarting"): (42, "gamemodeauto"),
    (GAMEMODERUN, "refusing"): (42, SILENT),  # waits for room
    (ASKED, "up"): (0, SILENT),  # a question about games, not about the service
    (ASKED, "down"): (0, SILENT),
    (ASKED, "restarting"): (0, SILENT),
    (ASKED, "refusing"): (0, SILENT),
    (PORTAL, "up"): (42, SILENT),
    (PORTAL, "down"): (42, "gamemodeauto"),
    (PORTAL, "restarting"): (42, "gamemodeauto"),
    (PORTAL, "refusing"): (42, SILENT),
    (TRAY, "up"): ("gamesched-standby", "The fake is standby"),
    (TRAY, "down"): ("gamesched-not-running", "It starts with the first game"),
    (TRAY, "restarting"): ("gamesched-not-running", "It starts with the first game"),
    (TRAY, "refusing"): ("gamesched-not-running", "The fake refuses"),
    (COUNTERS, "up"): (0, SILENT),
    (COUNTERS, "down"): (3, "systemctl start gameschedd"),
    (COUNTERS, "restarting"): (1, "ended or did not answer"),
    (COUNTERS, "refusing"): (1, "The fake refuses"),
}


def missing(client):
    """What this machine has not got."""
    programs = {GAMEMODERUN: ["gamemoderun"], ASKED: ["gamemoded"], PORTAL: ["gamemoderun", "bwrap", PORTAL_PROGRAM]}
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
            tray = self.start_tray()
            wait_for(lambda: words in self.get("ToolTip")[3], words)
            self.assertEqual(self.get("IconName"), expected)
            self.end(tray)
            wait_for(lambda: not self.owner(), "the tray's end")
            return
        done = self.run_client(client)
        self.assertEqual(done.returncode, expected)
        if words:
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertIn(words, done.stderr)
        else:
            self.assertEqual(done.stderr, "")

    def run_client(self, client):
        if client == RUN:
            return self.run_game("sh", "-c", "exit 42")
        if client == GAMEMODERUN:
            return self.execute(client, "sh", "-c", "exit 42", env={"PATH": PATHS})
        if client == ASKED:
            return self.execute(*client.split(), env={"PATH": PATHS})
        if client == PORTAL:
            words, fds = flatpak(self)
            return self.execute(*words, "gamemoderun", "sh", "-c", "exit 42", env={"PATH": PATHS}, pass_fds=fds)
        return self.ctl(client)

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
                json.loads(self.ctl(client, "--json").stdout)
                if service:
                    self.end(service)


if __name__ == "__main__":
    unittest.main()
