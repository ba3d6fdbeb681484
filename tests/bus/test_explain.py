# SPDX-License-Identifier: GPL-2.0-or-later
"""Explain: what is told of a thread, and to whom. Detectors that are switched off."""

import os
import signal
import unittest

from harness import BusTest, Refused, wait_for

EXPLAIN_OTHERS = "org.gamesched.explain-other-users-thread"


class Explain(BusTest):
    def test_a_users_own_thread(self):
        player = self.caller()
        path = player.register()
        self.kernel_write("threads", f"{player.pid} frame gpu,peer\n")
        facts = player.explain()
        self.assertEqual(facts["Tid"], player.pid)
        self.assertEqual(facts["Process"], player.pid)
        self.assertEqual((facts["Lane"], facts["Evidence"]), ("frame", ["gpu", "peer"]))
        self.assertEqual((facts["Ages"], facts["FramePeriod"]), ({"submit": 1000}, 16667))
        self.assertEqual(facts["Game"], path)
        self.assertLess(facts["Cpu"], os.cpu_count())
        self.assertEqual([q["action"] for q in self.polkitd.ask(asked=True)], ["org.gamesched.register-game"])

    def test_one_thread_of_several(self):
        player = self.caller()
        facts = player.explain(thread=True)
        self.assertEqual(facts["Process"], player.pid)
        self.assertNotEqual(facts["Tid"], player.pid)
        self.assertEqual((facts["Lane"], facts["Evidence"], facts["Game"]), ("", [], "/"))

    def test_another_users_thread_takes_an_administrator(self):
        victim = self.process(uid=20_500)
        self.assertEqual(self.caller().explain(pid=victim.pid)["Tid"], victim.pid)
        self.assertEqual([q["action"] for q in self.polkitd.ask(asked=True)], [EXPLAIN_OTHERS])
        self.polkitd.ask(answer="no")
        self.assert_refused("NotAuthorized", self.caller().explain, pid=victim.pid)
        self.assertEqual(self.root.explain(pid=victim.pid)["Tid"], victim.pid)

    def test_a_game_that_the_caller_may_not_see_is_not_named(self):
        player = self.caller()
        path = player.register()
        self.kernel_write("threads", f"{player.pid} frame gpu\n")
        self.assertEqual(self.caller().explain(pid=player.pid)["Game"], "/")
        self.assertEqual(self.root.explain(pid=player.pid)["Game"], path)

    def test_what_is_no_thread(self):
        player = self.caller()
        self.assert_refused("InvalidArgument", player.explain, descriptor="null")
        self.assert_refused("InvalidArgument", player.explain, descriptor="pipe")

    def test_a_thread_that_has_ended(self):
        victim = self.process(uid=20_500)
        fd = os.pidfd_open(victim.pid)
        self.addCleanup(os.close, fd)
        self.polkitd.ask(answer="hold")
        asking = self.caller()
        asking.send(op="explain", pid=victim.pid)
        wait_for(lambda: self.polkitd.ask(asked=True), "the question")
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        self.polkitd.ask(release=True)
        with self.assertRaises(Refused) as caught:
            asking.receive()
        self.assertEqual(caught.exception.name, "NoSuchProcess")


class Lanes(BusTest):
    """Game1.Lanes: how many of its threads are in each lane."""

    def lanes(self, caller, path):
        return caller.get_of(path=path, name="Lanes")

    def test_are_counted_while_the_scheduler_is_attached(self):
        player = self.caller()
        path = player.register()
        self.wait_for_state("active")
        self.kernel_write("threads", f"{player.pid} frame gpu\n")
        wait_for(lambda: self.lanes(player, path) == {"frame": 1}, "the count")
        self.assertEqual(player.get_all_of(path=path)["Lanes"], {"frame": 1})
        self.assertEqual(player.objects()[path]["org.gamesched.Game1"]["Lanes"], {"frame": 1})
        self.root.set_enabled(enabled=False)
        wait_for(lambda: self.lanes(player, path) == {}, "the scheduler's end")

    def test_are_nobody_elses_business(self):
        player = self.caller()
        path = player.register()
        with self.assertRaises(Refused):
            self.lanes(self.caller(), path)


class Detectors(BusTest):
    def off(self):
        return (self.folder / "kernel" / "detectors-off").read_text().split()

    def configure(self, text):
        (self.folder / "config" / "gamesched.toml").write_text(text)
        self.daemon.send_signal(signal.SIGHUP)

    def test_one_is_switched_off_and_on_by_configuration(self):
        self.assertEqual(self.off(), [])
        self.configure("[detectors]\ngpu = false\nfence = false\nnames = true\n")
        wait_for(lambda: self.off() == ["fence", "gpu"], "both to be off")
        rows = {name: (attached, why) for name, attached, why in self.root.get(name="Detectors")}
        self.assertEqual(rows["gpu"], (False, "switched off by the configuration"))
        self.caller().register()
        self.wait_for_state("active")  # not "degraded": nothing is missing
        self.configure("")
        wait_for(lambda: self.off() == [], "none to be off")

    def test_none_of_another_name_can_be(self):
        self.configure("[detectors]\nprocess = false\n")
        [error] = wait_for(lambda: self.root.get(name="ConfigurationErrors"), "an error")
        self.assertIn('there is no key "process"', error)


if __name__ == "__main__":
    unittest.main()
