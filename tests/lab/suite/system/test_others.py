# SPDX-License-Identifier: GPL-2.0-or-later
"""What gamesched asks of others: of power-profiles-daemon a profile, of logind who is in front of the screen."""

import json
import os
import signal

from lab import kernel_state, wait_until
from service import PLAYER, ServiceTest, Session, games, main_pid, properties, run, systemctl, wait_for_state

POWER = "org.freedesktop.UPower.PowerProfiles"


class PowerProfiles(ServiceTest):
    def setUp(self):
        super().setUp()
        systemctl("start", "power-profiles-daemon.service")
        self.addCleanup(run, "gameschedctl", "profile", "set", "balanced")
        run("gameschedctl", "profile", "set", "battery")

    def of_power(self, name):
        return json.loads(run("busctl", "--json=short", "get-property", POWER, "/org/freedesktop/UPower/PowerProfiles", POWER,
                              name).stdout)["data"]

    def held(self):
        return [(hold["ApplicationId"]["data"], hold["Profile"]["data"]) for hold in self.of_power("ActiveProfileHolds")]

    def wait_for_holds(self, wanted):
        wait_until(lambda: f"holds {wanted}, there are {self.held()}", lambda: self.held() == wanted, interval_s=0.1)

    def test_BUS6_a_power_profile_is_held_while_a_game_runs(self):
        chosen = self.of_power("ActiveProfile")
        self.assertEqual(self.held(), [], "no game, no hold")
        game = self.playing()
        self.wait_for_holds([("gamesched", "power-saver")])
        self.assertEqual(self.of_power("ActiveProfile"), "power-saver")
        self.stop(game)
        self.wait_for_holds([])
        self.assertEqual(self.of_power("ActiveProfile"), chosen, "held, never set")

    def test_BUS6_a_power_profile_is_let_go_after_a_crash(self):
        self.with_drop_in("[Service]\nRestart=no\n")
        chosen = self.of_power("ActiveProfile")
        game = self.playing()
        self.wait_for_holds([("gamesched", "power-saver")])
        os.kill(main_pid(), signal.SIGKILL)
        self.wait_for_holds([])
        self.assertEqual(self.of_power("ActiveProfile"), chosen)
        # The service that comes back takes up the game, and the hold with it.
        self.start_service()
        self.wait_for_holds([("gamesched", "power-saver")])
        self.stop(game)

    def test_BUS6_a_power_profiles_daemon_that_restarts_is_asked_again(self):
        game = self.playing()
        self.wait_for_holds([("gamesched", "power-saver")])
        systemctl("restart", "power-profiles-daemon.service")
        self.wait_for_holds([("gamesched", "power-saver")])
        self.stop(game)


class Seats(ServiceTest):
    def test_BUS5_a_game_has_no_boost_while_its_user_is_not_in_front(self):
        player = Session(self, PLAYER, "gamesched-run", "sleep", "1000")
        wait_until(lambda: f"a game; it said: {player.err.read_text()!r}", games, interval_s=0.1)
        path = games()[0]["path"]
        scheduled = lambda: properties(path)["Scheduled"]
        self.assertTrue(scheduled())
        wait_for_state("active")
        other = Session(self, "other", "sleep", "1000", name="lab-other", vt=2)
        wait_until("the other session", lambda: "other" in run("loginctl", "list-sessions").stdout, interval_s=0.1)
        other.in_front()
        wait_until("the game to be parked", lambda: not scheduled(), interval_s=0.1)
        wait_for_state("standby")
        self.assertEqual(kernel_state(), "disabled")
        self.assertEqual(len(games()), 1, "it is listed all the same")
        player.in_front()
        wait_until("the game to be one again", scheduled, interval_s=0.1)
        wait_for_state("active")
        other.close()
        player.close()
