# SPDX-License-Identifier: GPL-2.0-or-later
"""What somebody plays is seen by that user and root, and by nobody else."""

import unittest

from harness import Refused, wait_for
from test_state import StateTest

UNKNOWN = "org.freedesktop.DBus.Error.UnknownObject"


class Privacy(StateTest):
    def setUp(self):
        super().setUp()
        self.player, self.other = self.caller(), self.caller()
        self.path = self.player.register(options={"name": ("s", "Doom")})

    def assert_unknown(self, call, **arguments):
        with self.assertRaises(Refused) as caught:
            call(**arguments)
        self.assertEqual(caught.exception.name, UNKNOWN)
        return caught.exception.message

    def test_others_do_not_see_the_game(self):
        self.assertEqual(set(self.player.objects()), {self.path})
        self.assertEqual(set(self.root.objects()), {self.path})
        self.assertEqual(self.other.objects(), {})

    def test_to_others_its_path_is_as_any_other(self):
        nothing = self.path + "0"
        for call, arguments in ((self.other.get_of, {"name": "Name"}), (self.other.get_all_of, {}), (self.other.introspect, {})):
            self.assertEqual(self.assert_unknown(call, path=self.path, **arguments),
                             self.assert_unknown(call, path=nothing, **arguments))

    def test_its_user_and_root_can_ask_it(self):
        for caller in (self.player, self.root, self.caller(self.player.uid)):
            self.assertEqual(caller.get_of(path=self.path, name="Name"), "Doom")
            self.assertEqual(caller.get_all_of(path=self.path)["Pid"], self.player.pid)
            self.assertIn("org.gamesched.Game1", caller.introspect(path=self.path))
        node = f'<node name="{self.path.rsplit("/", 1)[1]}"/>'
        self.assertIn(node, self.player.introspect(path="/org/gamesched/Scheduler1/game"))
        self.assertNotIn(node, self.other.introspect(path="/org/gamesched/Scheduler1/game"))

    def test_signals_go_to_those_who_may_see_it_alone(self):
        own, others, roots = self.monitor(self.player.uid), self.monitor(self.other.uid), self.monitor()
        game = self.process(uid=self.player.uid)
        second = self.player.register(pid=game.pid)
        game.kill()
        game.wait()
        for seen in (own, roots):
            wait_for(lambda seen=seen: [s for s in seen() if s[1] == "InterfacesRemoved"], "the end of the game")
            self.assertEqual([s[2][0] for s in seen() if s[1] == "InterfacesAdded"], [second])
            # The first one lost the foreground to it.
            self.assertIn([self.path, "PropertiesChanged", ["org.gamesched.Game1", {"Foreground": False}, []]], seen())
        # What is told to all comes after.
        self.root.set_enabled(enabled=False)
        wait_for(lambda: [s for s in others() if s[1] == "PropertiesChanged" and "State" in s[2][1]], "the change of state")
        self.assertEqual([s for s in others() if s[1].startswith("Interfaces") or "/game/" in s[0]], [])

    def test_who_registered_it_sees_it(self):
        victim = self.process(uid=20_700)
        path = self.other.register(pid=victim.pid)
        self.assertEqual(set(self.other.objects()), {path})

    def test_the_played_game_is_a_path_and_no_more(self):
        self.assertEqual(self.other.get(name="ForegroundGame"), self.path)
        self.player.unregister(path=self.path)
        self.assertEqual(self.other.get(name="ForegroundGame"), "/")


if __name__ == "__main__":
    unittest.main()
