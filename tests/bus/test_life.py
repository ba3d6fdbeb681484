# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon's own life: start, stop, restart, reload, a lost bus, a second one; and its face on the bus."""

import json
import os
import re
import signal
import socket
import subprocess
import unittest
import xml.etree.ElementTree as etree

from harness import DAEMON, PATIENCE_S, SOURCES, BusTest, wait_for


class StartAndStop(BusTest):
    def test_a_second_one_ends_and_says_why(self):
        second = self.spawn_daemon(GAMESCHED_FAKE_KERNEL=str(self.folder / "vendor"))
        self.assertEqual(second.wait(timeout=PATIENCE_S), 1)
        self.log.flush()
        self.assertIn("running already", self.log_path.read_text())
        self.assertTrue(self.root.get(name="State"))

    def test_a_lost_bus_ends_it_with_failure_and_the_scheduler_with_it(self):
        self.caller().register()
        wait_for(self.is_attached, "attached")
        self.stop_bus()
        self.assertEqual(self.daemon.wait(timeout=PATIENCE_S), 1)
        self.assertFalse(self.is_attached())

    def test_told_to_stop_it_detaches_and_ends_well(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number=number):
                self.caller().register()
                wait_for(self.is_attached, "attached")
                self.assertEqual(self.stop_daemon(number), 0)
                self.assertFalse(self.is_attached())
                self.start_daemon()

    def test_version_and_help(self):
        version = subprocess.run([DAEMON, "--version"], capture_output=True, text=True, check=True,
                                 env={**os.environ, "GAMESCHED_FAKE_KERNEL": "/nonexistent"})
        self.assertRegex(version.stdout, r"^gameschedd \d+\.\d+\.\d+\n$")

    def test_without_a_bus_it_ends_and_says_so(self):
        daemon = self.spawn_daemon("--bus", "unix:path=/nonexistent")
        self.assertEqual(daemon.wait(timeout=PATIENCE_S), 1)


class ARestart(BusTest):
    def kill_and_start(self):
        self.stop_daemon(signal.SIGKILL)
        self.start_daemon()

    def test_takes_up_the_games_that_still_run(self):
        player = self.caller()
        stays, ends = self.process(uid=player.uid), self.process(uid=player.uid)
        path = player.register(pid=stays.pid, options={"name": ("s", "Doom"), "target-fps": ("u", 60)})
        player.register(pid=ends.pid)
        before = self.root.objects()[path]
        # The other one, started later, is the one that is played, and will be gone.
        before["org.gamesched.Game1"]["Foreground"] = True
        self.stop_daemon(signal.SIGKILL)
        ends.kill()
        ends.wait()
        self.start_daemon()
        self.assertEqual(self.root.objects(), {path: before})
        self.assertEqual(self.kernel_games(), {stays.pid})
        wait_for(self.is_attached, "attached again")
        # Still its user's, and still ended by its process's end; its path is not given to another.
        new = player.register()
        self.assertGreater(int(new.rsplit("/", 1)[1]), int(path.rsplit("/", 1)[1]) + 1)
        stays.kill()
        stays.wait()
        wait_for(lambda: set(self.root.objects()) == {new}, "the end of the game")

    def test_keeps_a_hold_while_its_holder_is_on_the_bus(self):
        stays, leaves = self.caller(), self.caller()
        games = [self.process(uid=holder.uid) for holder in (stays, leaves)]
        path = stays.register(pid=games[0].pid, options={"hold": ("b", True)})
        leaves.register(pid=games[1].pid, options={"hold": ("b", True)})
        self.stop_daemon(signal.SIGKILL)
        leaves.kill()
        self.start_daemon()
        wait_for(lambda: set(self.root.objects()) == {path}, "the end of the one whose holder left meanwhile")
        stays.kill()
        wait_for(lambda: self.root.objects() == {}, "the end of the other")

    def test_believes_nothing_that_does_not_fit(self):
        player = self.caller()
        game = self.process(uid=player.uid)
        player.register(pid=game.pid, options={"name": ("s", "Doom")})
        record = self.folder / "run" / "games.json"
        good = wait_for(lambda: record.exists() and json.loads(record.read_text()), "the record")
        for change in ({"start_ticks": 1}, {"uid": 0}, {"pid": 1}, {"pid": -1}, {"pid": 2**40}, {"name": "a\nb"},
                       {"name": 7}, {"app_id": "x" * 129}, {"id": 0}, {"target_fps": 5000}, {"uid": "x"},
                       {"holder": ":1.1',arg2='"}, {"holder": "org.example.Name"}, {"holder": 7}):
            with self.subTest(change):
                self.stop_daemon(signal.SIGKILL)
                broken = {**good, "games": [{**good["games"][0], **change}]}
                record.write_text(json.dumps(broken))
                self.start_daemon()
                self.assertEqual(self.root.objects(), {})

    def test_starts_with_any_record(self):
        for text in ("", "{", "[]", "null", '{"version": 1}', '{"version": 2, "next_id": 1, "games": []}', "\xff" * 300_000):
            with self.subTest(text[:20]):
                self.stop_daemon(signal.SIGKILL)
                (self.folder / "run" / "games.json").write_text(text)
                self.start_daemon()
                self.assertEqual(self.root.objects(), {})

    def test_remembers_off_with_any_state_file(self):
        for text, enabled in (("true\n", True), ("false\n", False), ("", True), ("maybe", True), ("x" * 1000, True)):
            with self.subTest(text[:10]):
                self.stop_daemon()
                (self.folder / "state" / "enabled").write_text(text)
                self.start_daemon()
                self.assertEqual(self.root.get(name="Enabled"), enabled)

    def test_works_from_memory_where_nothing_can_be_written(self):
        (self.folder / "state").rmdir()
        (self.folder / "run" / "games.json.new").mkdir()
        self.caller().register()
        self.root.set_enabled(enabled=False)
        self.assertEqual(self.root.get(name="State"), "off")


class Configuration(BusTest):
    def reload(self):
        self.daemon.send_signal(signal.SIGHUP)

    def test_is_read_again_when_told(self):
        (self.folder / "config" / "gamesched.toml").write_text('attach = "always"\n')
        self.reload()
        wait_for(lambda: self.root.get(name="Attach") == "always", "the new configuration")
        wait_for(self.is_attached, "attached")

    def test_a_wrong_file_is_named_and_what_was_good_stays(self):
        drop_ins = self.folder / "config" / "gamesched.toml.d"
        drop_ins.mkdir()
        (self.folder / "config" / "gamesched.toml").write_text('attach = "never"\n')
        self.reload()
        wait_for(lambda: self.root.get(name="Attach") == "never", "the new configuration")
        (self.folder / "config" / "gamesched.toml").write_text('attach = "game"\n')
        (drop_ins / "50-mine.toml").write_text("linger_s = 1\n\nlinger = 3\n")
        self.reload()
        [error] = wait_for(lambda: self.root.get(name="ConfigurationErrors"), "the error")
        self.assertRegex(error, r'50-mine\.toml:3:1: there is no key "linger"; did you mean "linger_s"\?')
        self.assertEqual(self.root.get(name="Attach"), "never")
        self.log.flush()
        self.assertIn("50-mine.toml:3:1", self.log_path.read_text())
        (drop_ins / "50-mine.toml").unlink()
        self.reload()
        wait_for(lambda: self.root.get(name="Attach") == "game", "the mended configuration")
        self.assertEqual(self.root.get(name="ConfigurationErrors"), [])

    def test_at_the_start_a_wrong_file_is_left_out(self):
        drop_ins = self.folder / "config" / "gamesched.toml.d"
        drop_ins.mkdir()
        (self.folder / "config" / "gamesched.toml").write_text('attach = "never"\n')
        (drop_ins / "50-mine.toml").write_text("linger = 3\n")
        self.stop_daemon()
        self.start_daemon()
        self.assertEqual(self.root.get(name="Attach"), "never")
        self.assertEqual(len(self.root.get(name="ConfigurationErrors")), 1)

    def test_systemd_is_told(self):
        self.stop_daemon()
        path = str(self.folder / "notify")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(listener.close)
        listener.bind(path)
        os.chmod(path, 0o777)
        listener.settimeout(PATIENCE_S)
        self.daemon = self.spawn_daemon(NOTIFY_SOCKET=path, WATCHDOG_USEC="200000")
        seen = []

        def heard(pattern):
            while not any(re.search(pattern, text, re.M) for text in seen):
                seen.append(listener.recv(65536).decode())
            return True

        self.assertTrue(heard(r"^STATUS=standby: \S"))
        self.assertTrue(heard(r"^READY=1$"))
        # The watchdog watches while the scheduler is attached; standby makes no wake-ups.
        self.caller().register()
        self.assertTrue(heard(r"^WATCHDOG=1$"))
        seen.clear()
        self.reload()
        self.assertTrue(heard(r"^RELOADING=1\nMONOTONIC_USEC=\d+$"))
        self.assertTrue(heard(r"^READY=1$"))
        self.daemon.terminate()
        self.assertTrue(heard(r"^STOPPING=1$"))


class Introspection(BusTest):
    @staticmethod
    def members(root, interface):
        [node] = [i for i in root.iter("interface") if i.get("name") == interface]
        out = set()
        for member in node:
            if member.tag in ("method", "signal"):
                arguments = tuple((a.get("name"), a.get("type"), a.get("direction") if member.tag == "method" else None)
                                  for a in member.iter("arg"))
                out.add((member.tag, member.get("name"), arguments))
            elif member.tag == "property":
                out.add((member.tag, member.get("name"), (member.get("type"), member.get("access"))))
        return out

    def test_shows_every_member_as_documented(self):
        player = self.caller()
        path = player.register()
        for at, interface in (("/org/gamesched/Scheduler1", "org.gamesched.Scheduler1"), (path, "org.gamesched.Game1")):
            with self.subTest(interface):
                live = etree.fromstring(player.introspect(path=at))
                documented = etree.parse(SOURCES / "dbus" / f"{interface}.xml").getroot()
                self.assertEqual(self.members(live, interface), self.members(documented, interface))

    def test_the_version_is_the_programs(self):
        self.assertRegex(self.root.get(name="Version"), r"^\d+\.\d+\.\d+$")


if __name__ == "__main__":
    unittest.main()
