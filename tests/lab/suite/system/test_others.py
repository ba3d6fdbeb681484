# SPDX-License-Identifier: GPL-2.0-or-later
"""What gamesched asks of others: of power-profiles-daemon a profile."""

import json

from lab import wait_until
from service import ServiceTest, run, systemctl

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
