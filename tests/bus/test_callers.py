# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may do what: caller times polkit, and callers that leave."""

import os
import unittest

from harness import EDGE_UIDS, BusTest, Refused, wait_for

REGISTER = "org.gamesched.register-game"
REGISTER_OTHERS = "org.gamesched.register-other-users-game"
SET_ENABLED = "org.gamesched.set-enabled"


class WhenPolkitSaysYes(BusTest):
    def test_a_user_registers_its_own_game(self):
        player = self.caller()
        path = player.register(options={"name": ("s", "Doom")})
        self.assertRegex(path, r"^/org/gamesched/Scheduler1/game/\d+$")
        self.assertEqual(self.kernel_games(), {player.pid})
        [question] = self.polkitd.ask(asked=True)
        self.assertEqual(question["action"], REGISTER)
        self.assertEqual(question["kind"], "system-bus-name")
        self.assertEqual(question["subject"], {"name": player.unique_name()})
        self.assertEqual(question["flags"], 0)

    def test_a_dialog_is_allowed_only_when_the_caller_said_so(self):
        self.caller().register(interactive=True)
        self.caller().set_enabled(enabled=True, interactive=True)
        self.caller().set_enabled(enabled=True)
        self.assertEqual([q["flags"] for q in self.polkitd.ask(asked=True)], [1, 1, 0])

    def test_another_users_process_is_another_action(self):
        victim = self.process(uid=20_500)
        self.caller().register(pid=victim.pid)
        self.assertEqual([q["action"] for q in self.polkitd.ask(asked=True)], [REGISTER_OTHERS])

    def test_switching_on_and_off(self):
        player = self.caller()
        player.set_enabled(enabled=False)
        self.assertEqual(player.get(name="Enabled"), False)
        self.assertEqual([q["action"] for q in self.polkitd.ask(asked=True)], [SET_ENABLED])

    def test_root_is_not_asked_about(self):
        self.root.register()
        self.root.register(pid=self.process(uid=20_501).pid)
        self.root.set_enabled(enabled=False)
        self.assertEqual(self.polkitd.ask(asked=True), [])

    def test_user_ids_at_the_edges(self):
        for uid in EDGE_UIDS:
            with self.subTest(uid=uid):
                player = self.caller(uid)
                path = player.register()
                self.assertEqual(self.root.objects()[path]["org.gamesched.Game1"]["Uid"], uid)
                self.assert_refused("NoSuchGame", self.caller().unregister, path=path)
                player.unregister(path=path)

    def test_user_ids_at_the_edges_are_not_root(self):
        self.polkitd.ask(answer="no")
        for uid in EDGE_UIDS:
            with self.subTest(uid=uid):
                self.assert_refused("NotAuthorized", self.caller(uid).set_enabled, enabled=False)
        self.assertTrue(self.root.get(name="Enabled"))

    def test_one_answer_is_for_one_request(self):
        player = self.caller()
        player.set_enabled(enabled=True)
        self.polkitd.ask(answer="no")
        self.assert_refused("NotAuthorized", player.set_enabled, enabled=False)


class WhenPolkitSaysNo(BusTest):
    polkit = "no"

    def test_nothing_changes(self):
        player = self.caller()
        self.assertIn(REGISTER, self.assert_refused("NotAuthorized", player.register))
        self.assert_refused("NotYourProcess", player.register, pid=self.process(uid=20_502).pid)
        self.assert_refused("NotAuthorized", player.set_enabled, enabled=False)
        self.assertEqual(self.kernel_games(), set())
        self.assertTrue(player.get(name="Enabled"))

    def test_reading_needs_no_leave(self):
        player = self.caller()
        self.assertEqual(player.get(name="State"), "standby")
        self.assertEqual(player.get_counters()["enqueued"], 7)
        self.assertEqual(player.objects(), {})

    def test_root_may_all_the_same(self):
        self.root.set_enabled(enabled=False)
        self.assertEqual(self.root.get(name="State"), "off")


class WhenPolkitFails(WhenPolkitSaysNo):
    polkit = "error"


class WhenThereIsNoPolkit(WhenPolkitSaysNo):
    polkit = None


class WhenPolkitIsSlow(BusTest):
    polkit = "hold"

    def questions(self, count):
        return wait_for(lambda: (lambda asked: asked if len(asked) >= count else None)(self.polkitd.ask(asked=True)),
                        f"{count} questions")

    def test_nobody_but_the_bus_says_that_who_asked_has_left(self):
        player = self.caller()
        name = player.unique_name()
        player.send(op="register")
        self.questions(1)
        self.caller().say_it_left(name)
        self.polkitd.ask(release=True)
        self.assertRegex(player.receive(), "/game/")

    def test_others_are_served_meanwhile(self):
        player = self.caller()
        player.send(op="register")
        self.questions(1)
        self.assertEqual(self.root.get(name="State"), "standby")
        self.root.register()
        self.polkitd.ask(release=True)
        self.assertIn("/game/", player.receive())

    def test_a_caller_that_leaves_gets_nothing_and_the_dialog_closes(self):
        player = self.caller()
        game = self.process(uid=player.uid)
        player.send(op="register", pid=game.pid)
        self.questions(1)
        player.kill()
        wait_for(lambda: self.polkitd.ask(asked=True)[0]["cancelled"], "the cancellation")
        self.polkitd.ask(release=True)
        self.assertEqual(self.root.get(name="State"), "standby")
        self.assertEqual(self.root.objects(), {})
        self.assertEqual(self.kernel_games(), set())

    def test_a_process_that_ends_meanwhile_is_no_game(self):
        player = self.caller()
        game = self.process(uid=player.uid)
        player.send(op="register", pid=game.pid)
        self.questions(1)
        game.kill()
        game.wait()
        self.polkitd.ask(release=True)
        self.assert_refused("NoSuchProcess", player.receive)
        self.assertEqual(self.kernel_games(), set())

    def test_the_same_process_twice_at_once_is_one_game(self):
        first = self.caller()
        second = self.caller(first.uid)
        game = self.process(uid=first.uid)
        for player in (first, second):
            player.send(op="register", pid=game.pid)
        self.questions(2)
        self.polkitd.ask(release=True)
        answers = []
        for player in (first, second):
            try:
                answers.append(player.receive())
            except Refused as error:
                answers.append(error.name)
        self.assertIn("AlreadyRegistered", answers)
        self.assertEqual(len(self.root.objects()), 1)

    def test_eight_questions_a_user_and_no_more(self):
        uid = 20_600
        waiting = [self.caller(uid) for _ in range(8)]
        for player in waiting:
            player.send(op="set_enabled", enabled=False)
        self.questions(8)
        self.assert_refused("LimitsExceeded", self.caller(uid).set_enabled, enabled=False)
        # Another user's share is untouched.
        other = self.caller()
        other.send(op="set_enabled", enabled=True)
        self.questions(9)
        self.polkitd.ask(release=False)
        for player in waiting:
            self.assert_refused("NotAuthorized", player.receive)
        # And the share is free again.
        waiting[0].send(op="set_enabled", enabled=True)
        self.questions(10)
        self.polkitd.ask(release=True)
        waiting[0].receive()

    def test_callers_killed_at_any_moment_leave_nothing(self):
        games = []
        for delay in range(12):
            player = self.caller()
            games.append(self.process(uid=player.uid))
            player.send(op="register", pid=games[-1].pid)
            # Spin, so that the kill falls on different steps of the request.
            for _ in range(delay * 2000):
                os.getpid()
            player.kill()
        self.polkitd.ask(release=True)
        wait_for(lambda: self.root.get(name="State"), "the daemon")
        for path, interfaces in self.root.objects().items():
            self.assertIn(interfaces["org.gamesched.Game1"]["Pid"], [game.pid for game in games], path)
        for game in games:
            game.kill()
            game.wait()
        wait_for(lambda: self.root.objects() == {}, "no games")


class TheBusPolicy(BusTest):
    def test_only_the_service_may_own_the_name(self):
        with self.assertRaises(Refused) as caught:
            self.caller().own(name="org.gamesched.Scheduler1")
        self.assertEqual(caught.exception.name, "org.freedesktop.DBus.Error.AccessDenied")

    def test_what_is_not_listed_does_not_arrive(self):
        with self.assertRaises(Refused) as caught:
            self.caller().set(name="State", value="off")
        self.assertEqual(caught.exception.name, "org.freedesktop.DBus.Error.AccessDenied")

    def test_properties_are_read_only_for_root_too(self):
        with self.assertRaises(Refused):
            self.root.set(name="State", value="off")
        self.assertEqual(self.root.get(name="State"), "standby")


if __name__ == "__main__":
    unittest.main()
