# SPDX-License-Identifier: GPL-2.0-or-later
"""Profiles on the bus: chosen, held, put into effect; and who may."""

import unittest

import power_profiles
from harness import SOURCES, BusTest, Worker, wait_for

SET_PROFILE, HOLD_PROFILE = "org.gamesched.set-profile", "org.gamesched.hold-profile"


class ProfileTest(BusTest):
    def setUp(self):
        super().setUp()
        drop_ins = self.folder / "vendor" / "gamesched.toml.d"
        drop_ins.mkdir()
        (drop_ins / "profiles.toml").write_text((SOURCES / "packaging" / "data" / "profiles.toml").read_text())
        self.stop_daemon()
        self.start_daemon()

    def active(self):
        return self.root.get(name="ActiveProfile")

    def tunables(self):
        lines = (self.folder / "kernel" / "tunables").read_text().splitlines()
        return {name: int(value) for name, value in (line.split() for line in lines)}


class Profiles(ProfileTest):
    def test_are_those_of_the_distribution(self):
        profiles = self.root.get(name="Profiles")
        self.assertEqual([name for name, _ in profiles], ["balanced", "battery", "competitive", "off", "streaming"])
        self.assertTrue(all(description for _, description in profiles))
        self.assertEqual((self.active(), self.root.get(name="Profile")), ("balanced", "balanced"))
        self.assertEqual(self.tunables(), {})

    def test_are_chosen_put_into_effect_and_remembered(self):
        self.caller().set_profile(profile="competitive")
        self.assertEqual(self.active(), "competitive")
        self.assertEqual(self.tunables()["slice_max_ns"], 3_000_000)
        self.stop_daemon()
        self.start_daemon()
        self.assertEqual(self.active(), "competitive")
        self.assertEqual(self.tunables()["slice_max_ns"], 3_000_000)
        self.root.set_profile(profile="balanced")
        self.assertEqual(self.tunables(), {})

    def test_unknown_ones_are_refused_with_the_nearest(self):
        for call in (self.caller().set_profile, self.caller().hold_profile):
            self.assertIn('did you mean "balanced"', self.assert_refused("NoSuchProfile", call, profile="blanced"))
        self.assertEqual(self.active(), "balanced")

    def test_off_keeps_the_scheduler_away(self):
        player = self.caller()
        player.register()
        self.wait_for_state("active")
        player.set_profile(profile="off")
        self.assertIn('"off"', self.wait_for_state("off"))
        self.assertFalse(self.is_attached())
        player.set_profile(profile="balanced")
        self.wait_for_state("active")

    def test_that_vanish_from_the_configuration_are_no_longer_in_effect(self):
        drop_in = self.folder / "config" / "gamesched.toml"
        drop_in.write_text('[profiles.mine]\ndescription = "x"\n')
        self.daemon.send_signal(1)
        wait_for(lambda: "mine" in [name for name, _ in self.root.get(name="Profiles")], "the new profile")
        self.root.set_profile(profile="mine")
        drop_in.write_text("")
        self.daemon.send_signal(1)
        wait_for(lambda: self.active() == "balanced", "the old profile")


class Holds(ProfileTest):
    def test_last_until_released(self):
        holder = self.caller()
        cookie = holder.hold_profile(profile="streaming", reason="recording", application="com.obsproject.Studio")
        self.assertEqual(self.active(), "streaming")
        self.assertEqual(self.root.get(name="Profile"), "balanced")
        self.assertEqual(self.caller().get(name="ActiveProfileHolds"), [
            {"Profile": "streaming", "Reason": "recording", "ApplicationId": "com.obsproject.Studio", "Uid": holder.uid}])
        holder.release_profile(cookie=cookie)
        self.assertEqual((self.active(), self.root.get(name="ActiveProfileHolds")), ("balanced", []))
        self.assert_refused("NoSuchHold", holder.release_profile, cookie=cookie)

    def test_end_with_their_holder_and_the_newest_counts(self):
        first, second = self.caller(), self.caller()
        first.hold_profile(profile="battery")
        second.hold_profile(profile="competitive")
        self.assertEqual(self.active(), "competitive")
        second.kill()
        wait_for(lambda: self.active() == "battery", "the end of the newer hold")
        first.kill()
        wait_for(lambda: self.active() == "balanced", "the end of the older hold")

    def test_are_their_holders_alone_to_release(self):
        holder = self.caller()
        cookie = holder.hold_profile(profile="battery")
        unknown = self.assert_refused("NoSuchHold", self.caller().release_profile, cookie=cookie ^ 1)
        self.assertEqual(self.assert_refused("NoSuchHold", self.caller().release_profile, cookie=cookie), unknown)
        same_user = self.caller(holder.uid)
        self.assertEqual(self.assert_refused("NoSuchHold", same_user.release_profile, cookie=cookie), unknown)
        self.assertEqual(self.active(), "battery")
        self.root.release_profile(cookie=cookie)
        self.assertEqual(self.active(), "balanced")

    def test_end_when_their_user_chooses(self):
        holder, other = self.caller(), self.caller()
        holder.hold_profile(profile="battery")
        other.hold_profile(profile="streaming")
        holder.set_profile(profile="competitive")
        self.assertEqual([hold["Uid"] for hold in self.root.get(name="ActiveProfileHolds")], [other.uid])
        self.root.set_profile(profile="balanced")
        self.assertEqual(self.root.get(name="ActiveProfileHolds"), [])
        self.assertEqual(self.active(), "balanced")

    def test_a_client_that_leaves_while_it_is_decided_holds_nothing(self):
        self.polkitd.ask(answer="hold")
        holder = self.caller()
        holder.send(op="hold_profile", profile="battery")
        wait_for(lambda: self.polkitd.ask(asked=True), "the question")
        holder.kill()
        wait_for(lambda: self.polkitd.ask(asked=True)[0]["cancelled"], "the cancellation")
        self.polkitd.ask(release=True)
        self.assertEqual((self.active(), self.root.get(name="ActiveProfileHolds")), ("balanced", []))

    def test_are_limited_in_number_and_size(self):
        for what, arguments in {"long reason": {"reason": "x" * 257}, "newline": {"reason": "a\nb"},
                                "long application": {"application": "x" * 129},
                                "very long": {"reason": "x" * 100_000}}.items():
            with self.subTest(what):
                self.assert_refused("InvalidArgument", self.caller().hold_profile, profile="battery", **arguments)
        uid = self.caller().uid
        holders = [self.caller(uid) for _ in range(2)]
        for _ in range(24):
            holders[0].hold_profile(profile="battery", reason="x" * 256, application="y" * 128)
        # One more is beyond the changes that one user may make, before it is beyond its holds.
        self.assert_refused("LimitsExceeded", lambda: [holders[1].hold_profile(profile="battery") for _ in range(9)])


class PowerProfile(ProfileTest):
    """What is held in power-profiles-daemon while a game runs."""

    def setUp(self):
        super().setUp()
        self.power = Worker("power_profiles.py", self.address, debug=self.log)
        self.addCleanup(self.power.kill)
        self.root.set_profile(profile="battery")
        self.player = self.caller()
        self.game = self.player.register()
        wait_for(lambda: self.power.ask()["holds"] == {"1": "power-saver"}, "the hold")

    def test_is_given_back_with_the_last_game(self):
        self.player.unregister(path=self.game)
        wait_for(lambda: self.power.ask()["released"] == [1], "its end")

    def test_that_the_user_ended_is_not_taken_again_before_the_next_game(self):
        self.power.ask(end=True)
        self.root.get(name="State")
        self.player.unregister(path=self.game)
        self.wait_for_state("standby")
        self.player.register()
        wait_for(lambda: self.power.ask()["holds"] == {"2": "power-saver"}, "the next game's hold")
        self.assertEqual(self.power.ask()["released"], [], "there was nothing to give back")

    def test_is_ended_by_nobody_else(self):
        for stranger in (self.caller(), self.root):
            stranger.signal(destination=self.root.owner_of(name="org.gamesched.Scheduler1"), path=power_profiles.PATH,
                         interface=power_profiles.NAME, name="ProfileReleased", words=[1], types="u")
            self.root.get(name="State")
        self.player.unregister(path=self.game)
        wait_for(lambda: self.power.ask()["released"] == [1], "its end")


class WhenPolkitSaysNo(ProfileTest):
    polkit = "no"

    def test_nothing_changes(self):
        player = self.caller()
        self.assertIn(SET_PROFILE, self.assert_refused("NotAuthorized", player.set_profile, profile="battery"))
        self.assertIn(HOLD_PROFILE, self.assert_refused("NotAuthorized", player.hold_profile, profile="battery"))
        self.assertEqual((self.active(), self.root.get(name="ActiveProfileHolds")), ("balanced", []))
        self.root.set_profile(profile="battery")
        self.assertEqual(self.active(), "battery")


class WhenThereIsNoPolkit(WhenPolkitSaysNo):
    polkit = None


if __name__ == "__main__":
    unittest.main()
