# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may: root, the user at the screen, and nobody logged in from elsewhere; asked of the real polkit and logind."""

import json
import os
import pathlib

from lab import kernel_ops, kernel_state, wait_until
from service import PLAYER, ServiceTest, Session, games, properties, run, state, systemctl, wait_for_kernel, wait_for_state

# Its main thread wakes all the time, so what the scheduler knows of it is up to date.
RESTLESS = ("sh", "-c", "while :; do sleep 0.1; done")


def scheduled_as(pid):
    """The game that the kernel takes a process for; None: any program."""
    return json.loads(run("gameschedctl", "explain", "--json", pid).stdout)[0]["game"]


class Sessions(ServiceTest):
    def test_without_an_active_session_the_game_runs_all_the_same(self):
        remote = run("su", PLAYER, "-c", "gamesched-run sh -c 'echo played; exit 7'", check=False)
        self.assertEqual(remote.returncode, 7)
        self.assertEqual(remote.stdout, "played\n")
        lines = [line for line in remote.stderr.splitlines() if "pam_" not in line]
        self.assertEqual(len(lines), 1, remote.stderr)
        self.assertRegex(lines[0], "^gamesched-run: .*not allowed.*unregistered$")
        self.assertEqual(games(), [])
        self.assertEqual(state(), "standby")

    def test_the_socket_and_the_bus_say_the_same(self):
        """Either alone: of the user at the screen, and of one who is logged in from elsewhere."""
        for closed in ("DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent", "GAMESCHED_SOCKET="):
            with self.subTest(closed=closed):
                session = Session(self, PLAYER, "/usr/bin/env", closed, "gamesched-run", "sh", "-c", "exit 7")
                self.assertEqual((session.exit_status(), session.err.read_text()), (7, ""))
                session.close()
                remote = run("su", PLAYER, "-c", f"env {closed} gamesched-run true", check=False)
                self.assertRegex(remote.stderr, "(?m)^gamesched-run: .*not allowed.*unregistered$")

    def test_without_an_active_session_nobody_switches_it(self):
        for verb in ("off", "on"):
            remote = run("su", PLAYER, "-c", f"gameschedctl {verb}", check=False)
            self.assertNotEqual(remote.returncode, 0)
            self.assertIn("not allowed", remote.stderr)
        self.assertEqual(state(), "standby")

    def test_the_user_at_the_screen_plays(self):
        session = Session(self, PLAYER, "gamesched-run", "sleep", "1000")
        wait_until(lambda: f"a game; it said: {session.err.read_text()!r}", games, interval_s=0.1)
        game, = games()
        self.assertEqual((game["pid"], game["name"]), (session.pid(), "sleep"))
        wait_for_state("active")
        wait_for_kernel("enabled")
        self.assertEqual(kernel_ops(), "gamesched")
        self.assertEqual(session.err.read_text(), "")
        session.close()
        wait_until("the game's end", lambda: not games(), interval_s=0.1)

    def test_the_user_at_the_screen_switches_it(self):
        for verb, expected in (("off", "off"), ("on", "standby")):
            session = Session(self, PLAYER, "gameschedctl", verb)
            self.assertEqual(session.exit_status(), 0, session.err.read_text())
            session.close()
            self.assertEqual(state(), expected)

    def test_BUS5_a_user_who_is_away_has_no_boost_until_they_are_back(self):
        self.await_registrations_in_time()
        player = Session(self, PLAYER, "gamesched-run", *RESTLESS)
        wait_until(lambda: f"a game; it said: {player.err.read_text()!r}", games, interval_s=0.1)
        own, = games()
        scheduled = lambda wanted: wait_until(f"Scheduled to be {wanted}", lambda: properties(own["path"])["Scheduled"] == wanted,
                                              interval_s=0.1)
        kernel_says = lambda wanted: wait_until(lambda: f"{wanted}, it is {scheduled_as(own['pid'])}",
                                                lambda: scheduled_as(own["pid"]) == wanted, interval_s=0.1)
        scheduled(True)
        kernel_says(own["path"])
        other = Session(self, "other", "sleep", "1000", name="lab-other", vt=2)
        # Who is away is nobody's special while another's game runs (root's here, who has no seat to leave)...
        rooted = self.playing()
        other.in_front()
        scheduled(False)
        wait_for_kernel("enabled")
        kernel_says(None)
        # ... and nothing is scheduled for one who is away alone.
        self.stop(rooted)
        wait_for_state("standby")
        self.assertEqual(kernel_state(), "disabled")
        self.assertEqual([game["pid"] for game in games()], [own["pid"]], "it is still known")
        player.in_front()
        scheduled(True)
        wait_for_state("active")
        kernel_says(own["path"])

    def test_nobody_registers_what_belongs_to_another_user(self):
        """polkit would ask the user at the screen for an administrator's password; without an agent it says no."""
        self.assertEqual(state(), "standby")
        victim = self.start(["setpriv", "--reuid=other", "--clear-groups", "sleep", "1000"])
        caller = pathlib.Path(__file__).parent / "register_pid.py"
        session = Session(self, PLAYER, "/usr/bin/python3", caller, victim.pid)
        self.assertEqual(session.exit_status(), 1)
        self.assertIn("belongs to user", session.err.read_text())
        self.assertEqual(games(), [])

    def test_root_registers_anybodys(self):
        victim = self.start(["setpriv", "--reuid=other", "--clear-groups", "sleep", "1000"])
        caller = pathlib.Path(__file__).parent / "register_pid.py"
        wait_until("it to be another user's", lambda: os.stat(f"/proc/{victim.pid}").st_uid != 0)
        run("python3", caller, victim.pid)
        self.assertEqual([game["pid"] for game in games()], [victim.pid])
        wait_for_state("active")

    def test_without_polkit_root_works_and_users_are_denied(self):
        systemctl("mask", "--runtime", "polkit.service")
        self.addCleanup(lambda: (systemctl("unmask", "--runtime", "polkit.service"), systemctl("start", "polkit.service")))
        systemctl("stop", "polkit.service")
        session = Session(self, PLAYER, "gamesched-run", "sh", "-c", "exit 3")
        self.assertEqual(session.exit_status(), 3)
        self.assertIn("polkit", session.err.read_text())
        self.assertEqual(games(), [])
        wait_for_state("standby")
        run("gameschedctl", "off")
        self.assertEqual(state(), "off")
        run("gameschedctl", "on")
        game = self.playing()
        self.stop(game)
