# SPDX-License-Identifier: GPL-2.0-or-later
"""What gamesched asks of others: of power-profiles-daemon a profile."""

import json
import os
import signal

from lab import wait_until
from service import UNIT, ServiceTest, main_pid, run, show, systemctl, wait_for_state

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

    def test_ASY2_the_hold_ends_with_a_service_that_is_killed(self):
        chosen = self.of_power("ActiveProfile")
        # One that came back at once would hold it again; its record of games is to outlive the pause.
        self.with_drop_in("[Service]\nRestart=no\nRuntimeDirectoryPreserve=yes\n")
        game = self.playing()
        self.wait_for_holds([("gamesched", "power-saver")])
        os.kill(main_pid(), signal.SIGKILL)
        wait_until("its end", lambda: show("ActiveState") == "failed", interval_s=0.1)
        self.wait_for_holds([])
        self.assertEqual(self.of_power("ActiveProfile"), chosen)
        self.assertIsNone(game.poll(), "the game lives on")
        systemctl("start", UNIT)
        self.wait_for_holds([("gamesched", "power-saver")])
        self.stop(game)
        self.wait_for_holds([])

    def test_BUS6_a_hold_is_taken_again_from_a_daemon_that_restarts(self):
        game = self.playing()
        self.wait_for_holds([("gamesched", "power-saver")])
        systemctl("restart", "power-profiles-daemon.service")
        self.wait_for_holds([("gamesched", "power-saver")])
        self.stop(game)
        self.wait_for_holds([])
        # With no game a daemon that comes is nothing to us.
        wait_for_state("standby")
        systemctl("restart", "power-profiles-daemon.service")
        self.assertEqual(self.held(), [])
