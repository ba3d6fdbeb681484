# SPDX-License-Identifier: GPL-2.0-or-later
"""Games on the bus: what can be one, how they end, what is told about them."""

import glob
import json
import os
import subprocess
import unittest

from harness import BusTest, wait_for


def a_kernel_thread():
    """None where this pid namespace shows none."""
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="utf-8", errors="replace") as stat:
                if int(stat.read().rsplit(")", 1)[1].split()[6]) & 0x00200000:
                    return int(path.split("/")[2])
        except OSError:
            continue
    return None


def start_ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        return int(stat.read().rsplit(")", 1)[1].split()[19])


class WhatIsRefused(BusTest):
    """Each is one error with a sentence, and nothing changes."""

    polkit = "no"  # so that nothing passes by chance; own processes are refused before polkit is asked

    def setUp(self):
        super().setUp()
        self.polkitd.ask(answer="yes")
        self.player = self.caller()

    def tearDown(self):
        if hasattr(self, "player"):
            self.assertEqual(self.kernel_games(), set())
            self.assertEqual(self.root.objects(), {})
        super().tearDown()

    def test_process_1(self):
        self.assertIn("rocess 1", self.assert_refused("NotAGame", self.player.register, pid=1))
        self.assert_refused("NotAGame", self.root.register, pid=1)

    def test_the_daemon_itself(self):
        self.assert_refused("NotAGame", self.player.register, pid=self.daemon.pid)
        self.assert_refused("NotAGame", self.root.register, pid=self.daemon.pid)

    def test_a_kernel_thread(self):
        thread = a_kernel_thread()
        if thread is None:
            self.skipTest("no kernel thread is visible in this process-id namespace")
        self.assert_refused("NotYourProcess", self.player.register, pid=thread)
        self.assert_refused("NotYourProcess", self.root.register, pid=thread)

    def test_another_users_process(self):
        self.polkitd.ask(answer="no")
        sentence = self.assert_refused("NotYourProcess", self.player.register, pid=self.process(uid=21_000).pid)
        self.assertIn("21000", sentence)

    def test_a_process_with_the_rights_of_two_users(self):
        # A saved user id of root stays behind: as a set-user-id program does.
        child = subprocess.Popen(
            ["python3", "-c", f"import os,time; os.setresuid({self.player.uid},{self.player.uid},0); print(flush=True); "
                              "time.sleep(1000)"], stdout=subprocess.PIPE)
        self.addCleanup(lambda: (child.kill(), child.wait(), child.stdout.close()))
        child.stdout.readline()
        self.assert_refused("NotYourProcess", self.player.register, pid=child.pid)
        self.assert_refused("NotYourProcess", self.root.register, pid=child.pid)

    def test_a_zombie(self):
        child = self.process(uid=self.player.uid, command=("true",))

        def is_zombie():
            with open(f"/proc/{child.pid}/stat", encoding="utf-8") as stat:
                return stat.read().split()[2] == "Z"

        wait_for(is_zombie, "a zombie")
        self.assert_refused("NoSuchProcess", self.player.register, pid=child.pid)

    def test_a_thread(self):
        try:
            self.assert_refused("InvalidArgument", self.player.register, descriptor="thread")
        except AssertionError as error:
            if "OSError" in str(error):
                self.skipTest("this kernel has no pidfds of threads (Linux 6.9)")
            raise

    def test_descriptors_that_are_no_pidfd(self):
        for descriptor in ("null", "pipe"):
            with self.subTest(descriptor=descriptor):
                self.assert_refused("InvalidArgument", self.player.register, descriptor=descriptor)

    def test_options(self):
        wrong = {
            "name too long": {"name": ("s", "x" * 65)},
            "name too long in bytes": {"name": ("s", "é" * 33)},
            "newline": {"name": ("s", "a\nPRIORITY=0")},
            "escape": {"name": ("s", "\x1b[2J")},
            "C1 control": {"app-id": ("s", "a\u0085b")},
            "direction": {"name": ("s", "a\u202eb")},
            "app-id too long": {"app-id": ("s", "x" * 129)},
            "no rate": {"target-fps": ("u", 0)},
            "rate too high": {"target-fps": ("u", 1001)},
            "rate of another type": {"target-fps": ("i", 60)},
            "name of another type": {"name": ("i", 60)},
            "deep variant": {"name": ("a{sv}", {})},
            "hold of another type": {"hold": ("s", "yes")},
            "unknown option": {"nice": ("i", -20)},
        }
        for what, options in wrong.items():
            with self.subTest(what):
                self.assert_refused("InvalidArgument", self.player.register, options=options)
        self.assertEqual(self.polkitd.ask(asked=True), [])

    def test_too_many_options_are_not_even_decoded(self):
        self.player.get(name="State")  # what is allocated once is
        before = self.peak_kib()
        sentence = self.assert_refused("InvalidArgument", self.player.register_with_many_options, count=100_000)
        self.assertIn("more than 8 options", sentence)
        self.assertLess(self.peak_kib() - before, 16 * 1024)
        self.assert_refused("InvalidArgument", self.player.register_with_many_options, count=9)
        self.assertIn("4096 bytes", self.assert_refused(
            "InvalidArgument", self.player.register_with_many_options, count=1, text="x" * 4096))
        # Fewer are looked at one by one.
        self.assertIn("no option", self.assert_refused(
            "InvalidArgument", self.player.register_with_many_options, count=8, text="x" * 500))

    def peak_kib(self):
        with open(f"/proc/{self.daemon.pid}/status", encoding="utf-8") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))

    def test_paths_of_no_game(self):
        root = "/org/gamesched/Scheduler1/game/"
        for path in (root + "1", root + "01", root + "18446744073709551616", root + "x", "/", root[:-1]):
            with self.subTest(path):
                self.assert_refused("NoSuchGame", self.player.unregister, path=path)


class AGame(BusTest):
    def test_shows_what_was_registered(self):
        player = self.caller()
        path = player.register(options={"name": ("s", "Célèste ☃"), "app-id": ("s", "504230"), "target-fps": ("u", 144)})
        game = player.objects()[path]["org.gamesched.Game1"]
        since = game.pop("Since")
        self.assertGreater(since, 1_600_000_000_000_000)
        self.assertEqual(game, {"Pid": player.pid, "Uid": player.uid, "Name": "Célèste ☃", "AppId": "504230",
                                "Source": "registered", "TargetFps": 144, "Main": player.pid, "Executable": "caller.py", "Profile": "",
                                "Foreground": True, "Scheduled": True, "Lanes": {}})

    def test_strings_of_exactly_the_limit_pass(self):
        self.caller().register(options={"name": ("s", "x" * 64), "app-id": ("s", "y" * 128), "target-fps": ("u", 1000)})

    def test_without_a_name_has_that_of_its_process(self):
        player = self.caller()
        path = player.register()
        with open(f"/proc/{player.pid}/comm", encoding="utf-8") as comm:
            self.assertEqual(self.root.objects()[path]["org.gamesched.Game1"]["Name"], comm.read().strip())

    def test_with_a_process_name_of_any_bytes_is_still_text(self):
        child = self.process(uid=21_100, command=(
            "python3", "-c", "import time; open('/proc/self/comm','wb').write(b'\\xff\\nx'); time.sleep(1000)"))

        def renamed():
            with open(f"/proc/{child.pid}/comm", "rb") as comm:
                return comm.read().startswith(b"\xff")

        wait_for(renamed, "the new name")
        path = self.root.register(pid=child.pid)
        self.assertEqual(self.root.objects()[path]["org.gamesched.Game1"]["Name"], "??x")

    def test_ends_with_its_process(self):
        player = self.caller()
        game = self.process(uid=player.uid)
        path = player.register(pid=game.pid)
        self.assertIn(path, self.root.objects())
        game.kill()
        game.wait()
        wait_for(lambda: self.root.objects() == {}, "the game's end")
        self.assertEqual(self.kernel_games(), set())
        self.assert_refused("NoSuchGame", player.unregister, path=path)

    def test_outlives_the_one_who_registered_it(self):
        player = self.caller()
        game = self.process(uid=player.uid)
        path = player.register(pid=game.pid)
        player.kill()
        wait_for(lambda: not os.path.exists(f"/proc/{player.pid}"), "the caller's end")
        self.assertIn(path, self.root.objects())
        self.assertEqual(self.kernel_games(), {game.pid})

    def test_registered_with_a_hold_ends_with_its_registrar(self):
        player = self.caller()
        games = [self.process(uid=player.uid) for _ in range(3)]
        for game in games[:2]:
            player.register(pid=game.pid, options={"hold": ("b", True)})
        path = player.register(pid=games[2].pid, options={"hold": ("b", False)})
        # A hold adds an end, it takes none away.
        games[0].kill()
        games[0].wait()
        wait_for(lambda: len(self.root.objects()) == 2, "the end of the first game")
        player.kill()
        wait_for(lambda: set(self.root.objects()) == {path}, "the end of the held game")
        self.assertEqual(self.kernel_games(), {games[2].pid})

    def test_nobody_but_the_bus_says_that_a_registrar_has_left(self):
        player = self.caller()
        path = player.register(options={"hold": ("b", True)})
        stranger = self.caller()
        stranger.say_it_left(player.unique_name())
        self.assertIn(path, self.root.objects())
        self.assertEqual(self.kernel_games(), {player.pid})

    def test_registered_with_a_hold_by_one_that_left_at_once_ends(self):
        """The kill falls anywhere: before the call was seen, while it is, after the answer."""
        game = self.process()
        for delay in range(25):
            player = self.caller(0)
            player.send(op="register", pid=game.pid, options={"hold": ("b", True)})
            for _ in range(delay * 400):
                os.getpid()
            player.kill()
            wait_for(lambda: self.root.objects() == {} and self.kernel_games() == set(), "no game")

    def test_ends_when_unregistered_and_its_path_never_comes_back(self):
        player = self.caller()
        first = player.register()
        player.unregister(path=first)
        self.assertEqual(self.root.objects(), {})
        second = player.register()
        self.assertNotEqual(first, second)
        self.assertEqual(self.kernel_games(), {player.pid})

    def test_is_its_users_alone_to_end(self):
        path = self.caller().register()
        unknown = self.assert_refused("NoSuchGame", self.caller().unregister, path="/org/gamesched/Scheduler1/game/999")
        self.assertEqual(self.assert_refused("NoSuchGame", self.caller().unregister, path=path), unknown)
        self.assertIn(path, self.root.objects())
        self.root.unregister(path=path)
        self.assertEqual(self.root.objects(), {})

    def test_of_another_user_can_be_ended_by_both(self):
        for ended_by_registrar in (True, False):
            with self.subTest(ended_by_registrar=ended_by_registrar):
                registrar, owner = self.caller(), self.caller()
                path = registrar.register(pid=self.process(uid=owner.uid).pid)
                self.assert_refused("NoSuchGame", self.caller().unregister, path=path)
                (registrar if ended_by_registrar else owner).unregister(path=path)
                self.assertEqual(self.root.objects(), {})

    def test_is_registered_once(self):
        player = self.caller()
        path = player.register()
        sentence = self.assert_refused("AlreadyRegistered", player.register)
        self.assertTrue(sentence.endswith(path), sentence)


class Limits(BusTest):
    def test_games_of_one_user(self):
        # 32 at once would meet the limit on changes first: all but the first come from the record of a restart.
        player = self.caller()
        games = [self.process(uid=player.uid) for _ in range(33)]
        player.register(pid=games[0].pid)
        path = self.folder / "run" / "games.json"
        record = wait_for(lambda: path.exists() and json.loads(path.read_text()), "the record")
        self.stop_daemon()
        template = record["games"][0]
        record["games"] = [{**template, "id": number, "pid": game.pid, "start_ticks": start_ticks(game.pid)}
                           for number, game in enumerate(games[:32], start=1)]
        path.write_text(json.dumps(record))
        self.start_daemon()
        self.assertEqual(self.kernel_games(), {game.pid for game in games[:32]})
        self.assertIn("32 games", self.assert_refused("LimitsExceeded", player.register, pid=games[32].pid))
        self.assertEqual(len(self.kernel_games()), 32)
        # Others are not touched by it, and an end makes room.
        self.caller().register()
        games[0].kill()
        games[0].wait()
        wait_for(lambda: len(self.kernel_games()) == 32, "the end of one")
        player.register(pid=games[32].pid)

    def test_changes_of_one_user(self):
        player, other = self.caller(), self.caller()
        for _ in range(25):
            player.set_enabled(enabled=True)
        sentence = self.assert_refused("LimitsExceeded", player.set_enabled, enabled=False)
        self.assertRegex(sentence, r"again in \d+ s")
        self.assertTrue(player.get(name="Enabled"))
        other.set_enabled(enabled=False)


if __name__ == "__main__":
    unittest.main()
