#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""GameMode's own daemon beside gamesched-gamemode: what clients ask, and what each of the two answers, word for word.

The one is the measure of the other, on the same private buses, one after the other. What gamemoded wants changed on the
machine it has done by pkexec, which finds no polkit on these buses.
"""

import os
import re
import shutil
import signal
import subprocess
import unittest
import xml.etree.ElementTree as ElementTree

from gi.repository import GLib

from gamemode import GAME, NAME, PATH, GameModeTest, error_name, pauses
from harness import wait_for

PATHS = f"{os.environ['PATH']}:/usr/games"
SIMULATE = "gamemode-simulate-game"

# To count games, and little else. It sees the end of a game that did not say farewell at its next look, each second.
CONFIG = """[general]
reaper_freq=1
inhibit_screensaver=0
disable_splitlock=0
renice=0
ioprio=off
softrealtime=off
[cpu]
pin_cores=no
park_cores=no
"""

# What is answered otherwise, with (GameMode's answer, ours) and the reason.
OTHERWISE = {
    # libgamemode sends (game, caller) where GameMode's daemon reads (caller, game), so that there a caller that
    # cannot use pidfds registers itself for the game. Here either order is understood.
    "Requester of RegisterGameByPID game me": ("GAME", "ME"),
    "ListGames of RegisterGameByPID game me": ("ME", "GAME"),
}


def missing():
    return [name for name in ("gamemoded", "gamemoderun", SIMULATE) if not shutil.which(name, path=PATHS)]


@unittest.skipIf(missing(), f"not installed: {', '.join(missing())}")
class Beside(GameModeTest):
    def setUp(self):
        super().setUp()
        self.env |= {"PATH": PATHS, "HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder)}
        (self.folder / "gamemode.ini").write_text(CONFIG)
        self.start_service("--strict")
        self.playing, self.other, ended = self.game(), self.game(), self.game()
        self.end(ended)
        self.ids = {"game": self.playing.pid, "other": self.other.pid, "ended": ended.pid, "me": os.getpid(), "0": 0,
                    "-1": -1, "largest": 2**31 - 1}

    def start_gamemoded(self):
        daemon = subprocess.Popen(["gamemoded"], env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, cwd=self.folder)
        self.addCleanup(self.end, daemon)
        wait_for(lambda: daemon.poll() is not None or self.owner(), "GameMode's name")
        self.assertIsNone(daemon.poll(), "gamemoded ended")
        return daemon

    def of_both(self, ask):
        answers = []
        for start in (self.start_gamemoded, self.start_bridge):
            daemon = start()
            answers.append(ask())
            self.end(daemon)
            wait_for(lambda: not self.owner(), "its name to be free")
        return answers

    def assert_alike(self, theirs, ours):
        self.assertGreater(len(theirs), 0)
        self.assertEqual(list(theirs), list(ours))
        for step, answer in theirs.items():
            with self.subTest(step=step):
                self.assertEqual((answer, ours[step]), OTHERWISE.get(step, (answer, answer)))

    def named(self, value):
        """As text, the processes by what they are here."""
        words = {str(number): word.upper() for word, number in self.ids.items() if number > 2}  # no status
        return re.sub(r"\d+", lambda found: words.get(found[0], "PID" if len(found[0]) > 1 else found[0]), str(value))

    def members(self, path, interface):
        """Each with its kind, signature and access."""
        root = ElementTree.fromstring(self.call("Introspect", path=path, interface="org.freedesktop.DBus.Introspectable"))
        return {member.get("name"): (member.tag, [(a.get("direction", "out"), a.get("type")) for a in member.findall("arg")],
                                     member.get("type"), member.get("access"))
                for member in root.find(f"interface[@name='{interface}']") if member.tag != "annotation"}

    def test_members(self):
        def ask():
            self.by_pidfd("RegisterGame", self.ids["game"])
            return self.members(PATH, NAME), self.members(f"{PATH}/Games/{self.ids['game']}", GAME)

        (theirs, their_game), (ours, our_game) = self.of_both(ask)
        self.assertGreater(len(theirs), 10)
        self.assertEqual(our_game, their_game)
        self.assertEqual({name: ours.get(name) for name in theirs}, theirs)
        # What GameMode has had since.
        self.assertLessEqual(set(ours) - set(theirs), {"RestartGamemode"})

    def test_every_number(self):
        """What is asked of whom, while no game is registered and while one is."""
        pidfds = {word: os.pidfd_open(number) for word, number in self.ids.items() if word in ("game", "other", "me")}
        leaving = self.game()
        pidfds |= {"ended": os.pidfd_open(leaving.pid), "no pidfd": os.open("/dev/null", os.O_RDONLY)}
        self.end(leaving)
        for fd in pidfds.values():
            self.addCleanup(os.close, fd)

        def number(verb, *words):
            return self.call(verb, f"({'i' * len(words)})", *(self.ids[word] for word in words))

        def pidfd(verb, *words):
            return self.call(verb, "(hh)", 0, 1, fds=[pidfds[word] for word in words])

        def ask():
            said = {}

            def note(step, ask, *arguments):
                try:
                    said[step] = self.named(ask(*arguments))
                except GLib.Error as error:
                    said[step] = error_name(error)

            for state in ("none", "one"):
                if state == "one":
                    note("registers", number, "RegisterGame", "game")
                for verb in ("RegisterGame", "UnregisterGame", "QueryStatus"):
                    game = ["game"] if verb == "QueryStatus" else []  # registered and left below
                    for word in game + ["ended", "0", "-1", "largest"]:
                        note(f"{state} {verb} {word}", number, verb, word)
                    for pair in [("me", "ended"), ("ended", "me"), ("ended", "ended"), ("ended", "game"), ("me", "largest"),
                                 ("me", "0")] + [("me", word) for word in game]:
                        note(f"{state} {verb}ByPID {' '.join(pair)}", number, f"{verb}ByPID", *pair)
                    for pair in [("ended", "me"), ("me", "ended"), ("no pidfd", "me"), ("me", "no pidfd"),
                                 ("game", "no pidfd"), ("game", "ended")] + [(word, "me") for word in game]:
                        note(f"{state} {verb}ByPIDFd {' '.join(pair)}", pidfd, f"{verb}ByPIDFd", *pair)
                note(f"{state} QueryStatus other", number, "QueryStatus", "other")
                note(f"{state} ListGames", self.call, "ListGames")
                note(f"{state} ClientCount", self.get, "ClientCount")
                for name in ("ProcessId", "Executable", "Requester"):
                    note(f"{state} {name}", self.get, name, f"{PATH}/Games/{self.ids['game']}", GAME)
            note("registers again", number, "RegisterGame", "game")
            note("another's farewell", number, "UnregisterGame", "other")
            note("farewell", number, "UnregisterGame", "game")
            note("farewell again", number, "UnregisterGame", "game")
            for kind, pair in (("ByPIDFd", ("game", "other")), ("ByPID", ("me", "game")), ("ByPID", ("game", "me"))):
                how = f"RegisterGame{kind} {' '.join(pair)}"
                ask_by = pidfd if kind == "ByPIDFd" else number
                note(how, ask_by, f"RegisterGame{kind}", *pair)
                listed = self.call("ListGames")
                note(f"ListGames of {how}", lambda games=listed: " ".join(str(game) for game, _ in games))
                note(f"Requester of {how}", lambda games=listed: self.get("Requester", games[0][1], GAME))
                note(f"end of {how}", ask_by, f"UnregisterGame{kind}", *pair)
                note(f"ClientCount after {how}", self.get, "ClientCount")
            note("RefreshConfig", self.call, "RefreshConfig")
            for method in ("RestartGamemodeByPIDFd", "Nonsense"):
                note(method, self.call, method)
            return said

        self.assert_alike(*self.of_both(ask))

    def test_every_client(self):
        """What a user sees of it: exit status, standard output, standard error."""
        game, ended = self.ids["game"], self.ids["ended"]
        conversation = [  # and how many games there are once it is over
            # It is registered before it asks, and takes the answer for a failure: with either daemon.
            (["gamemoderun", SIMULATE], 0),
            (["gamemoderun", "sh", "-c", "exit 7"], 0),
            (["gamemoderun", "/nonexistent"], 0),
            (["gamemoderun", "gamemoded", "-s"], 0),
            (["gamemoderun", "sh", "-c", "gamemoded -s$$; exit 7"], 0),
            (["gamemoded", "-s"], 0),
            (["gamemoded", f"-s{game}"], 0),
            (["gamemoded", f"-s{ended}"], 0),
            (["gamemoded", f"-r{ended}"], 0),
            (["gamemoded", f"-r{game}"], 1),
            (["gamemoded", "-s"], 1),
            (["gamemoded", f"-s{game}"], 1),
            (["gamemoded", f"-s{ended}"], 1),
            (["gamemoded", f"-r{game}"], 0),  # to and fro
            (["gamemoded", "-r"], 0),
        ]

        def run(command):
            client = subprocess.Popen(command, env=self.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      stdin=subprocess.DEVNULL, cwd=self.folder)
            self.addCleanup(self.end, client)
            if command == ["gamemoded", "-r"]:  # it stays until it is told to end
                wait_for(lambda: client.poll() is not None or pauses(client.pid), "its pause")
                client.send_signal(signal.SIGINT)
            out, err = client.communicate(timeout=60)
            return client.returncode, self.named(out), self.named(err)

        def ask():
            said = {}
            for at, (command, games) in enumerate(conversation):
                said[f"{at}: {self.named(' '.join(command))}"] = run(command)
                wait_for(lambda count=games: self.get("ClientCount") == count, f"{games} games after {command}")
            return said

        theirs, ours = self.of_both(ask)
        self.assert_alike(theirs, ours)
        self.assertEqual(next(iter(ours.values())), (1, "", "Failed to request gamemode start: ...\n"))


if __name__ == "__main__":
    unittest.main()
