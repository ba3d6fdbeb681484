# SPDX-License-Identifier: GPL-2.0-or-later
"""Games that nobody registers, from what the kernel tells to what the bus shows."""

import signal
import unittest

from harness import SOURCES, BusTest, wait_for

UID = 21_500
STEAM = "/srv/steam"


class DetectedTest(BusTest):
    config = ""

    def setUp(self):
        super().setUp()
        drop_ins = self.folder / "vendor" / "gamesched.toml.d"
        drop_ins.mkdir()
        for name in ("profiles", "detection"):
            (drop_ins / f"{name}.toml").write_text((SOURCES / "packaging" / "data" / f"{name}.toml").read_text())
        (self.folder / "config" / "gamesched.toml").write_text("linger_s = 0\n" + self.config)
        self.stop_daemon()
        self.start_daemon()

    def games(self):
        return {path: interfaces["org.gamesched.Game1"] for path, interfaces in self.root.objects().items()}

    def game(self, **wanted):
        """The one game there is, when its properties are as wanted."""

        def found():
            games = list(self.games().values())
            return len(games) == 1 and wanted.items() <= games[0].items() and games[0]

        return wait_for(found, f"a game with {wanted}, there are {self.games()}")

    def steam_game(self, app_id="620"):
        reaper = self.process(uid=UID)
        self.program_starts(reaper, "SteamLaunch", f"AppId={app_id}", "--", "x", path=f"{STEAM}/ubuntu12_32/reaper", uid=UID)
        self.game(Pid=reaper.pid)
        return reaper

    def slot(self, pid):
        lines = (self.folder / "kernel" / "games").read_text().splitlines()
        return next(int(line.split()[0]) for line in lines if int(line.split()[1]) == pid)


class Detected(DetectedTest):
    def test_BUS5_a_wrapper_is_the_game_and_the_program_in_it_is_the_one_shown(self):
        reaper = self.steam_game()
        self.game(Source="detected", AppId="620", Name="reaper", Uid=UID, Main=reaper.pid)
        self.wait_for_state("active")
        slot = self.slot(reaper.pid)
        helper, game = self.process(uid=UID), self.process(uid=UID)
        self.program_starts(helper, "/x/wine64", "C:\\windows\\system32\\services.exe", path="/x/wine64-preloader", uid=UID, slot=slot)
        self.program_starts(game, "/x/wine64", "C:\\Games\\Portal 2\\portal2.exe", path="/x/wine64-preloader", uid=UID, slot=slot)
        self.game(Pid=reaper.pid, Main=game.pid, Name="portal2", Executable="portal2.exe", AppId="620")
        # A helper that comes later is not the game.
        self.program_starts(helper, "/x/wine64", "C:\\Games\\Portal 2\\UnityCrashHandler64.exe", path="/x/wine64-preloader", uid=UID, slot=slot)
        self.program_starts(helper, "/x/wine64", "C:\\x\\unrelated.txt", path="/x/wine64-preloader", uid=UID, slot=slot)
        self.game(Main=game.pid, Name="portal2")
        game.kill()
        game.wait()
        self.game(Main=reaper.pid)
        reaper.kill()
        reaper.wait()
        wait_for(lambda: not self.games(), "the game's end")
        self.wait_for_state("standby")

    def test_BUS5_a_game_outlives_the_launcher_that_started_it(self):
        reaper = self.steam_game()
        game = self.process(uid=UID)
        self.program_starts(game, path=f"{STEAM}/steamapps/common/Celeste/Celeste", uid=UID, slot=self.slot(reaper.pid))
        self.game(Main=game.pid)
        reaper.kill()
        reaper.wait()
        self.root.get(name="State")
        self.game(Main=game.pid)
        game.kill()
        game.wait()
        wait_for(lambda: not self.games(), "the game's end")

    def test_BUS5_what_is_no_game_is_none(self):
        launcher, tool = self.process(uid=UID), self.process(uid=UID)
        self.program_starts(launcher, path=f"{STEAM}/ubuntu12_32/steam", uid=UID)
        self.program_starts(tool, path=f"{STEAM}/ubuntu12_64/steamwebhelper", uid=UID, from_launcher=True)
        self.program_starts(self.process(uid=0), "SteamLaunch", path=f"{STEAM}/ubuntu12_32/reaper", uid=0)
        # It says it is another's: no process of that user has this id.
        self.program_starts(self.process(uid=UID), "SteamLaunch", path=f"{STEAM}/ubuntu12_32/reaper", uid=UID + 1)
        game = self.steam_game()
        self.game(Pid=game.pid)

    def test_BUS5_what_registers_itself_in_a_found_game_is_that_game(self):
        reaper = self.steam_game()
        player = self.caller(UID)
        self.program_starts(player, path="/usr/bin/gamesched-run", uid=UID, slot=self.slot(reaper.pid))
        path = wait_for(lambda: list(self.games()), "the game")[0]
        # The kernel has to have told that it is in the game.
        self.game(Main=player.pid)
        self.assertEqual(player.register(options={"name": ("s", "Portal 2"), "target-fps": ("u", 144)}), path)
        self.game(Pid=reaper.pid, Source="registered", Name="Portal 2", TargetFps=144, AppId="620")
        self.assert_refused("AlreadyRegistered", self.root.register, pid=reaper.pid)
        player.unregister(path=path)
        self.assertEqual(self.games(), {})

    def test_BUS5_found_games_are_taken_up_after_a_restart(self):
        reaper = self.steam_game()
        before = self.game(Pid=reaper.pid)
        wait_for(lambda: (self.folder / "run" / "games.json").exists(), "the record")
        self.stop_daemon(signal.SIGKILL)
        self.start_daemon()
        self.assertEqual(self.game(Pid=reaper.pid)["Source"], "detected")
        self.assertEqual(before["Since"], self.game(Pid=reaper.pid)["Since"])

    def test_BUS5_a_users_games_have_a_limit(self):
        # Beyond it nothing is scheduled, and nobody else loses anything.
        games = [self.process(uid=UID) for _ in range(33)]
        for game in games:
            self.program_starts(game, "SteamLaunch", f"AppId={game.pid}", path=f"{STEAM}/ubuntu12_32/reaper", uid=UID)
            wait_for(lambda pid=game.pid: pid in self.kernel_games() or len(self.kernel_games()) == 32, "the game")
        self.assertEqual(len(self.kernel_games()), 32)
        self.caller().register()
        self.assertEqual(len(self.kernel_games()), 33)

    def test_the_game_that_is_played_is_the_one_the_kernel_says(self):
        first, second = self.caller(), self.caller()
        one, two = first.register(), second.register()
        self.assertEqual(self.root.get(name="ForegroundGame"), two)
        self.kernel_event(f"foreground {self.slot(first.pid)}")
        wait_for(lambda: self.root.get(name="ForegroundGame") == one, "the other game")
        games = self.games()
        self.assertEqual((games[one]["Foreground"], games[two]["Foreground"]), (True, False))
        first.unregister(path=one)
        self.assertEqual(self.root.get(name="ForegroundGame"), two)


class SwitchedOff(DetectedTest):
    config = "detection = false\n"

    def test_nothing_is_found(self):
        reaper = self.process(uid=UID)
        self.program_starts(reaper, "SteamLaunch", "AppId=1", path=f"{STEAM}/ubuntu12_32/reaper", uid=UID)
        # Events come in order: this one is seen after.
        self.kernel_event("foreground 0")
        self.root.get(name="State")
        self.assertEqual(self.games(), {})


class GameRules(DetectedTest):
    config = """
[[game]]
app_id = "620"
profile = "competitive"
name = "The Cake"
target_fps = 120

[[game]]
executable = "quiet.exe"
profile = "off"
"""

    def test_BUS6_a_games_profile_is_in_effect_while_it_is_played(self):
        reaper = self.steam_game()
        self.game(Profile="competitive", Name="The Cake", TargetFps=120)
        self.assertEqual((self.root.get(name="ActiveProfile"), self.root.get(name="Profile")), ("competitive", "balanced"))
        # Another game comes to the front.
        other = self.caller()
        path = other.register()
        self.assertEqual(self.root.get(name="ActiveProfile"), "balanced")
        other.unregister(path=path)
        self.assertEqual(self.root.get(name="ActiveProfile"), "competitive")
        # What somebody says themselves counts more than a rule.
        player = self.caller()
        player.register(options={"app-id": ("s", "620"), "profile": ("s", "streaming")})
        self.assertEqual(self.root.get(name="ActiveProfile"), "streaming")
        player.kill()
        wait_for(lambda: self.root.get(name="ActiveProfile") == "competitive", "the first game")
        reaper.kill()
        reaper.wait()
        wait_for(lambda: self.root.get(name="ActiveProfile") == "balanced", "no game")

    def test_BUS6_a_game_may_be_left_alone(self):
        reaper = self.steam_game("1")
        self.wait_for_state("active")
        game = self.process(uid=UID)
        self.program_starts(game, "/x/wine64", "C:\\quiet.exe", path="/x/wine64-preloader", uid=UID, from_launcher=True,
                            slot=self.slot(reaper.pid))
        self.game(Profile="off", Scheduled=False)
        self.assertIn("parked", (self.folder / "kernel" / "games").read_text())
        self.wait_for_state("off")


if __name__ == "__main__":
    unittest.main()
