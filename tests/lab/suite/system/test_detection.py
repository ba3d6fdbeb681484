# SPDX-License-Identifier: GPL-2.0-or-later
"""BUS-5, ASY-3: games that nobody registers, in process trees with the names and namespaces of the real ones."""

import json
import os
import pathlib
import pwd
import shutil
import subprocess

from lab import wait_until
from service import (BUS_NAME, CONFIG, OBJECT, PLAYER, UNIT, ServiceTest, audio_servers_among, bus, configure, games, properties,
                     run, systemctl, wait_for_state)

STEAM = pathlib.Path("/srv/steam")
# Runs what stands behind "--" or its first two arguments, and stays as the real one does.
STANDS_BY = '#!/bin/sh\nwhile [ $# -gt 0 ] && [ "$1" != -- ]; do shift; done\nshift\n"$@" &\nwait\n'
PROTON = '#!/bin/sh\nshift\n"$(dirname "$0")/files/bin/wine64" "c:\\\\windows\\\\system32\\\\steam.exe" "$1" &\nwait\n'
# Forks wineserver twice over, as Wine does, then the game as a process of its own.
WINE = """#!/bin/sh
here=$(dirname "$0")
case $1 in
*steam.exe)
  setsid sh -c "'$here/wineserver' & exit" &
  "$here/wine64" "Z:\\\\srv\\\\steam\\\\steamapps\\\\common\\\\Portal 2\\\\portal2.exe" &
  wait ;;
*) sleep 1000 & wait ;;
esac
"""


def processes(name):
    """Of PLAYER, that run a program or script of that name."""
    uid, found = pwd.getpwnam(PLAYER).pw_uid, []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if entry.stat().st_uid == uid and (entry / "comm").read_text().strip() == name[:15]:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def members_of_games():
    """The processes in the kernel's map."""
    entries = json.loads(run("bpftool", "-j", "map", "dump", "name", "game_processes").stdout)
    return {int.from_bytes(bytes(int(byte, 16) for byte in entry["key"]), "little") for entry in entries}


class Detection(ServiceTest):
    def setUp(self):
        super().setUp()
        self.addCleanup(shutil.rmtree, STEAM, ignore_errors=True)
        self.uid = pwd.getpwnam(PLAYER).pw_uid
        proton = STEAM / "steamapps/common/Proton 9.0"
        for path, text in ((STEAM / "ubuntu12_32/steam", STANDS_BY), (STEAM / "ubuntu12_32/reaper", STANDS_BY),
                           (STEAM / "ubuntu12_64/steamwebhelper", "#!/bin/sh\nsleep 1000\n"), (proton / "proton", PROTON),
                           (proton / "files/bin/wine64", WINE), (proton / "files/bin/wineserver", "#!/bin/sh\nsleep 1000\n"),
                           (STEAM / "steamapps/common/Celeste/Celeste", "#!/bin/sh\nsleep 1000 & wait\n")):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755)
        self.proton = proton / "proton"

    def as_player(self, *argv, **options):
        process = self.start(argv, user=self.uid, group=self.uid, extra_groups=[], start_new_session=True, **options)
        self.addCleanup(run, "pkill", "-KILL", "-u", PLAYER, check=False)
        return process

    def the_game(self, **wanted):
        def found():
            shown = [properties(game["path"]) for game in games()]
            return len(shown) == 1 and all(shown[0][name] == value for name, value in wanted.items()) and shown[0]

        return wait_until(lambda: f"a game with {wanted}, there are {[properties(g['path']) for g in games()]}", found,
                          interval_s=0.1)

    def steam_game(self, app_id, *command):
        return self.as_player(STEAM / "ubuntu12_32/reaper", "SteamLaunch", f"AppId={app_id}", "--", *command)

    def test_BUS5_the_real_game_inside_reaper_bwrap_proton_wine(self):
        reaper = self.steam_game("620", "bwrap", "--dev-bind", "/", "/", "--unshare-pid", "--", self.proton, "waitforexitandrun",
                                 "/srv/steam/steamapps/common/Portal 2/portal2.exe")
        self.the_game(Pid=reaper.pid, Name="portal2", AppId="620", Source="detected", Uid=self.uid, Foreground=True)
        wait_for_state("active")
        # All of it is the game, wineserver too, which has left the tree.
        wait_until("wineserver", lambda: processes("wineserver"), interval_s=0.1)
        members = members_of_games()
        for name in ("wineserver", "wine64", "proton", "bwrap", "reaper"):
            self.assertTrue(set(processes(name)) <= members, f"{name} {processes(name)} in {members}")
        # And what its threads are scheduled as.
        explained = json.loads(run("gameschedctl", "explain", "--json", *processes("wineserver")[:1]).stdout)
        self.assertEqual([explained[0]["game"]], [game["path"] for game in games()])

    def test_BUS5_launchers_are_no_games(self):
        self.as_player(STEAM / "ubuntu12_32/steam", "--", STEAM / "ubuntu12_64/steamwebhelper")
        wait_until("the web helper", lambda: processes("steamwebhelper"), interval_s=0.1)
        game = self.steam_game("504230", STEAM / "steamapps/common/Celeste/Celeste")
        self.the_game(Pid=game.pid, Name="Celeste")

    def test_BUS5_what_runs_already_when_the_service_starts(self):
        self.steam_game("504230", STEAM / "steamapps/common/Celeste/Celeste")
        self.the_game(Name="Celeste")
        systemctl("stop", "gameschedd.service")
        pathlib.Path("/run/gamesched/games.json").unlink(missing_ok=True)
        self.start_service()
        self.the_game(Name="Celeste", AppId="504230", Source="detected")

    def test_BUS5_BUS6_a_flatpak_game_is_known_by_its_control_group_and_has_its_profile(self):
        entry = pathlib.Path("/var/lib/flatpak/exports/share/applications/org.example.Kart.desktop")
        program = pathlib.Path("/app/bin/kart-engine")
        for path, text, mode in ((entry, "[Desktop Entry]\nType=Application\nName=Kart\nCategories=Game;ArcadeGame;\n"
                                         "Exec=/usr/bin/flatpak run --command=kart-engine org.example.Kart\n", 0o644),
                                 (program, "#!/bin/sh\nsleep 1000 & wait\n", 0o755)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(mode)
            self.addCleanup(path.unlink)
        self.addCleanup(configure)
        configure('linger_s = 1\n[[game]]\napp_id = "org.example.Kart"\nprofile = "competitive"\ntarget_fps = 120\n')
        sandbox = ("bwrap", "--dev-bind", "/", "/", "--unshare-pid", "--die-with-parent", "--", program)
        # One that is in no such control group is nothing.
        self.as_player(*sandbox)
        unit = "app-flatpak-org.example.Kart-4711.scope"
        self.start(["systemd-run", "--scope", f"--unit={unit}", f"--uid={PLAYER}", "--", *sandbox])
        self.addCleanup(run, "systemctl", "kill", "--signal=KILL", unit, check=False)
        self.the_game(Name="kart-engine", AppId="org.example.Kart", Profile="competitive", TargetFps=120, Source="detected",
                      Foreground=True)
        active = bus.ask(OBJECT, "org.freedesktop.DBus.Properties", "Get", "ss", BUS_NAME, "ActiveProfile")
        self.assertEqual(str(active), "competitive")

    def test_BUS5_AU2_a_sound_server_that_ran_before_and_one_that_restarts(self):
        runtime = self.scratch()
        os.chown(runtime, self.uid, self.uid)
        start = lambda: self.as_player("pipewire", env={"XDG_RUNTIME_DIR": str(runtime), "PATH": os.environ["PATH"]},
                                       stderr=subprocess.DEVNULL)
        first = start()
        wait_until("the exec hook", lambda: audio_servers_among({first.pid}), interval_s=0.1)
        self.restart()
        self.assertTrue(audio_servers_among({first.pid}), "found at the start, in maps that are new")
        first.kill()
        first.wait()
        wait_until("its end", lambda: not audio_servers_among({first.pid}), interval_s=0.1)
        second = start()
        wait_until("the one that came back", lambda: audio_servers_among({second.pid}), interval_s=0.1)

    def test_BUS5_others_do_not_see_it(self):
        self.steam_game("504230", STEAM / "steamapps/common/Celeste/Celeste")
        self.the_game(Name="Celeste")
        listing = ("busctl", "--json=short", "call", BUS_NAME, OBJECT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
        self.assertIn("Celeste", run(*listing, user=self.uid, group=self.uid, extra_groups=[]).stdout)
        self.assertNotIn("Celeste", run(*listing, user=65534, group=65534, extra_groups=[]).stdout)

    def test_BUS5_explain_process_says_which_rule_and_why(self):
        reaper = self.steam_game("504230", STEAM / "steamapps/common/Celeste/Celeste")
        self.the_game(Name="Celeste")
        told = run("gameschedctl", "explain-process", reaper.pid).stdout
        self.assertIn("yes steam-game (/usr/share/gamesched/gamesched.toml.d/detection.toml:", told)
        self.assertIn("no  tools", told)
        told = run("gameschedctl", "explain-process", os.getpid()).stdout
        self.assertIn("It is no game.", told)

    def test_BUS5_a_rule_of_the_administrators_own_counts_at_once(self):
        engine = STEAM / "shard/shard-engine"
        engine.parent.mkdir()
        engine.write_text("#!/bin/sh\nsleep 1000 & wait\n")
        engine.chmod(0o755)
        self.as_player(engine)
        drop_in = CONFIG / "gamesched.toml.d/50-shard.toml"
        drop_in.parent.mkdir(parents=True, exist_ok=True)
        self.addCleanup(systemctl, "reload", UNIT)
        self.addCleanup(drop_in.unlink)
        drop_in.write_text('[[detect]]\nname = "shard"\nverdict = "game"\npath = "/srv/steam/shard/*"\n')
        self.assertEqual(games(), [], "no rule knows it")
        systemctl("reload", UNIT)
        game = self.as_player(engine)
        self.the_game(Pid=game.pid, Name="shard-engine", Source="detected")
        self.assertIn("yes shard (/etc/gamesched/gamesched.toml.d/50-shard.toml:1)", run("gameschedctl", "explain-process", game.pid).stdout)

    def test_ASY3_a_storm_of_programs_hides_no_game(self):
        storm = self.as_player("sh", "-c", "while :; do /usr/bin/true; done")
        elsewhere = self.as_player("sh", "-c", "cp /usr/bin/true /srv/steam/x 2>/dev/null || cp /usr/bin/true /tmp/x; "
                                               "while :; do /tmp/x; done")
        self.steam_game("504230", STEAM / "steamapps/common/Celeste/Celeste")
        self.the_game(Name="Celeste")
        for process in (storm, elsewhere):
            self.stop(process)

