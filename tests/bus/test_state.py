# SPDX-License-Identifier: GPL-2.0-or-later
"""State, reason and signals, from attach to ejection."""

import json
import subprocess
import sys
import time
import unittest

from harness import BusTest, Refused, wait_for

MONITOR = r"""
import json, sys, gi
gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib
flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
bus = Gio.DBusConnection.new_for_address_sync(sys.argv[1], flags, None, None)
def on_signal(_bus, _sender, path, _interface, name, parameters):
    print(json.dumps([path, name, parameters.unpack()]), flush=True)
bus.signal_subscribe("org.gamesched.Scheduler1", None, None, None, None, 0, on_signal)
bus.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId", None, None, 0, 5000, None)
# From here on it is told of games, too.
bus.call_sync("org.gamesched.Scheduler1", "/org/gamesched/Scheduler1", "org.freedesktop.DBus.ObjectManager",
              "GetManagedObjects", None, None, 0, 5000, None)
print(json.dumps(["", "ready", []]), flush=True)
GLib.MainLoop().run()
"""


class StateTest(BusTest):
    def monitor(self, uid=0):
        """As that user, a list of [path, signal, arguments] that grows in a file."""
        path = self.folder / f"signals{len(list(self.folder.iterdir()))}"
        with open(path, "w", encoding="utf-8") as out:
            child = subprocess.Popen([sys.executable, "-c", MONITOR, self.address], stdout=out, user=uid, group=uid,
                                     extra_groups=[])
        self.addCleanup(lambda: (child.kill(), child.wait()))

        def read():
            text = path.read_text()
            return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]

        wait_for(read, "the monitor")
        return read

    def configure(self, text):
        (self.folder / "config" / "gamesched.toml").write_text(text)
        self.stop_daemon()
        self.start_daemon()


class Counters(StateTest):
    def reads(self):
        return self.root.get_counters()["counter_reads"]

    def test_are_read_from_the_kernel_now_and_then_only(self):
        begin = time.monotonic()
        reads = max(self.reads() for _ in range(100))
        self.assertLessEqual(reads, (time.monotonic() - begin) / 0.1 + 1)
        wait_for(lambda: self.reads() > reads, "new counters")


class Metrics(StateTest):
    """OpenMetrics: counters in memory."""

    def reads(self):
        return self.root.get_counters()["counter_reads"]

    def test_the_page_has_what_get_counters_has_and_stays_fresh(self):
        page = self.root.open_metrics()
        self.assertEqual(page["version"], 1)
        self.assertEqual(set(page["counters"]), set(self.root.get_counters()))
        self.assertEqual(page["counters"]["enqueued"], 7)
        wait_for(lambda: self.root.read_metrics()["read_at_usec"] > page["read_at_usec"], "a fresh page")

    def test_nothing_is_read_once_the_last_reader_has_left(self):
        reader = self.caller()
        reader.open_metrics()
        wait_for(lambda: reader.read_metrics()["counters"]["counter_reads"] > 3, "a page that is updated")
        reader.kill()

        def quiet():
            """Between two questions of ours there was no other read of the kernel's counters."""
            before = self.reads()
            wait_for(lambda: self.reads() != before, "new counters")
            return self.reads() - before == 1

        wait_for(quiet, "no more reads than are asked for")

    def test_readers_are_bounded_for_each_user(self):
        first = self.caller()
        readers = [first] + [self.caller(first.uid) for _ in range(8)]
        for reader in readers[:8]:
            reader.open_metrics()
        self.assertIn("readers", self.assert_refused("LimitsExceeded", readers[8].open_metrics))
        self.caller().open_metrics()
        first.kill()

        def opens():
            try:
                return readers[8].open_metrics()
            except Refused:
                return None

        wait_for(opens, "room for another reader")


class Attaching(StateTest):
    def test_while_a_game_runs_and_a_little_longer(self):
        self.configure("linger_s = 1\n")
        self.assertEqual(self.root.get(name="State"), "standby")
        self.assertFalse(self.is_attached())
        player = self.caller()
        path = player.register()
        self.assertIn("1 game", self.wait_for_state("active"))
        self.assertEqual(self.root.get(name="KernelScheduler"), "gamesched")
        player.unregister(path=path)
        self.assertIn("few seconds", self.root.get(name="StateReason"))
        self.assertTrue(self.is_attached())
        self.wait_for_state("standby")
        self.assertFalse(self.is_attached())

    def test_always(self):
        self.configure('attach = "always"\n')
        self.wait_for_state("active")
        self.assertTrue(self.is_attached())
        self.assertEqual(self.root.get(name="Attach"), "always")

    def test_never(self):
        self.configure('attach = "never"\n')
        self.caller().register()
        self.assertIn("never", self.wait_for_state("off"))
        self.assertFalse(self.is_attached())

    def test_off_detaches_before_it_answers_and_stays(self):
        player = self.caller()
        player.register()
        self.wait_for_state("active")
        player.set_enabled(enabled=False)
        self.assertFalse(self.is_attached())
        self.caller().register()
        self.assertIn("gameschedctl on", self.wait_for_state("off"))
        self.assertFalse(self.is_attached())
        player.set_enabled(enabled=True)
        self.wait_for_state("active")

    def test_off_is_remembered(self):
        self.root.set_enabled(enabled=False)
        self.stop_daemon()
        self.start_daemon()
        self.assertFalse(self.root.get(name="Enabled"))
        self.assertEqual(self.root.get(name="State"), "off")

    def test_degraded_names_what_is_missing(self):
        self.kernel_write("missing", "input")
        self.caller().register()
        self.assertIn("input", self.wait_for_state("degraded"))
        self.assertIn(["input", False, "not in this kernel"], self.root.get(name="Detectors"))


class Trouble(StateTest):
    def test_unsupported_machines_still_have_a_service(self):
        self.kernel_write("unsupported", "This kernel has no sched_ext; install Linux 6.12 or later.")
        self.stop_daemon()
        self.start_daemon()
        path = self.caller().register()
        self.assertIn("no sched_ext", self.wait_for_state("unsupported"))
        self.assertIn(path, self.root.objects())

    def test_another_scheduler_is_left_alone_and_followed(self):
        self.kernel_write("foreign", "scx_lavd")
        self.assertIn("scx_lavd", self.wait_for_state("conflict"))
        self.assertEqual(self.root.get(name="KernelScheduler"), "scx_lavd")
        player = self.caller()
        player.register()
        self.assertEqual(self.root.get(name="State"), "conflict")
        self.assertFalse(self.is_attached())
        (self.folder / "kernel" / "foreign").unlink()
        self.wait_for_state("active")

    def test_an_ejection_is_told_and_tried_again(self):
        signals = self.monitor()
        self.caller().register()
        self.wait_for_state("active")
        self.kernel_event("runnable task stall|cc1plus[42] failed to run for 5.1s")
        ejected = wait_for(lambda: [s for s in signals() if s[1] == "Ejected"], "the signal")
        self.assertEqual(ejected[0][2], ["runnable task stall", "cc1plus[42] failed to run for 5.1s", 1])
        self.wait_for_state("active")

    def test_a_restart_request_is_no_ejection(self):
        signals = self.monitor()
        self.caller().register()
        self.wait_for_state("active")
        self.kernel_event("restart")
        wait_for(self.is_attached, "attached again")
        self.wait_for_state("active")
        self.assertEqual([s for s in signals() if s[1] == "Ejected"], [])

    def test_what_cannot_attach_says_why(self):
        self.kernel_write("attach-error", "the verifier rejected the program")
        self.caller().register()
        self.assertIn("verifier", self.wait_for_state("unsupported"))


class Signals(StateTest):
    def test_a_game_comes_and_goes(self):
        signals = self.monitor()
        player = self.caller()
        path = player.register(options={"name": ("s", "Doom")})
        self.wait_for_state("active")
        player.unregister(path=path)
        wait_for(lambda: [s for s in signals() if s[1] == "InterfacesRemoved"], "the end of the game")
        seen = signals()
        [added] = [s for s in seen if s[1] == "InterfacesAdded"]
        self.assertEqual(added[2][0], path)
        self.assertEqual(added[2][1]["org.gamesched.Game1"]["Name"], "Doom")
        [removed] = [s for s in seen if s[1] == "InterfacesRemoved"]
        self.assertEqual(removed[2][0], path)
        self.assertIn("org.gamesched.Game1", removed[2][1])

    def test_properties_change_together_and_once(self):
        signals = self.monitor()
        self.root.set_enabled(enabled=False)
        self.root.set_enabled(enabled=False)
        wait_for(lambda: [s for s in signals() if s[1] == "PropertiesChanged"], "PropertiesChanged")
        self.root.get(name="State")
        changes = [s[2] for s in signals() if s[1] == "PropertiesChanged"]
        self.assertEqual(len(changes), 1, changes)
        interface, values, invalidated = changes[0]
        self.assertEqual((interface, invalidated), ("org.gamesched.Scheduler1", []))
        self.assertEqual(set(values), {"State", "StateReason", "Enabled"})
        self.assertEqual(values["State"], "off")


if __name__ == "__main__":
    unittest.main()
