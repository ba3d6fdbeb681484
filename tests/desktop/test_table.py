#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every client with the service up, down, restarting and refusing: a table without an empty cell."""

import json
import os
import shutil
import unittest

from harness import DesktopTest

RUN, STATUS, GAMES, ON, OFF, COUNTERS = "gamesched-run", "status", "games", "on", "off", "counters"
GAMEMODERUN, ASKED = "gamemoderun", "gamemoded -s"
GAMEMODE = (GAMEMODERUN, ASKED)  # through gamesched-gamemode
CLIENTS = (RUN, STATUS, GAMES, ON, OFF, COUNTERS, *GAMEMODE)
PATHS = f"{os.environ['PATH']}:/usr/games"
SERVICE = {"up": [], "down": None, "restarting": ["--vanish"], "refusing": ["--fail", "LimitsExceeded"]}

# Exit status, and what standard error has to say. The game's own status is 42.
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
    (COUNTERS, "up"): (0, SILENT),
    (COUNTERS, "down"): (3, "systemctl start gameschedd"),
    (COUNTERS, "restarting"): (1, "ended or did not answer"),
    (COUNTERS, "refusing"): (1, "The fake refuses"),
}


class Table(DesktopTest):
    def test_has_no_empty_cell(self):
        self.assertEqual(set(TABLE), {(client, state) for client in CLIENTS for state in SERVICE})

    def test_every_cell(self):
        self.start_bus()
        self.start_session_bus()
        for (client, state), (status, words) in TABLE.items():
            if client in GAMEMODE and not shutil.which(client.split()[0], path=PATHS):
                continue
            with self.subTest(client=client, service=state):
                service = None if SERVICE[state] is None else self.start_service(*SERVICE[state])
                done = self.run_client(client)
                self.assertEqual(done.returncode, status)
                if words:
                    self.assertEqual(done.stderr.count("\n"), 1)
                    self.assertIn(words, done.stderr)
                else:
                    self.assertEqual(done.stderr, "")
                if service:
                    self.end(service)

    def run_client(self, client):
        if client == RUN:
            return self.run_game("sh", "-c", "exit 42")
        if client == GAMEMODERUN:
            return self.execute(client, "sh", "-c", "exit 42", env={"PATH": PATHS})
        if client == ASKED:
            return self.execute(*client.split(), env={"PATH": PATHS})
        return self.ctl(client)

    def test_json_is_json_in_every_cell(self):
        self.start_bus()
        for client, state in TABLE:
            if client in (RUN, *GAMEMODE):
                continue
            with self.subTest(client=client, service=state):
                service = None if SERVICE[state] is None else self.start_service(*SERVICE[state])
                json.loads(self.ctl(client, "--json").stdout)
                if service:
                    self.end(service)


if __name__ == "__main__":
    unittest.main()
