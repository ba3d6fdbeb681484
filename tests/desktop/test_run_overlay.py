#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""gamesched-run with MangoHud itself: the game is registered once, and the overlay is in its frames. Drawn in software."""

import csv
import os
import pathlib
import shutil
import unittest

from harness import RUN, wait_for
from panel import PanelTest

PATHS = f"{os.environ['PATH']}:/usr/games"
GAME = "glxgears"


def missing():
    return [name for name in ("mangohud", "gamemoderun", GAME, "Xvfb") if not shutil.which(name, path=PATHS)]


@unittest.skipIf(missing(), f"not installed: {', '.join(missing())}")
class MangoHud(PanelTest):
    def setUp(self):
        super().setUp()
        self.env |= {"PATH": PATHS, "HOME": str(self.folder), "LIBGL_ALWAYS_SOFTWARE": "1"}
        self.start_service("--strict")

    def test_on_either_side_and_with_gamemode(self):
        self.start_x()
        for chain in ([RUN, "mangohud"], ["mangohud", RUN], ["env", "A=1", RUN, "--fps", "60", "--", "mangohud", "--dlsym"],
                      [RUN, "gamemoderun", "mangohud"], ["gamemoderun", "mangohud", RUN]):
            with self.subTest(chain=chain):
                self.play(chain)

    def play(self, chain):
        frames = self.folder / f"frames{len(self.calls())}"
        frames.mkdir()
        # Its log is the proof that it draws: a line for each look at the frames, of two seconds of them.
        self.env["MANGOHUD_CONFIG"] = f"fps_limit=60,output_folder={frames},autostart_log=1,log_duration=2,log_interval=100"
        before = len(self.calls("RegisterGame"))
        game = self.start_quiet(*chain, GAME)
        wait_for(lambda: game.poll() is not None or any(frames.glob("*_summary.csv")), "MangoHud's log")
        self.assertIsNone(game.poll(), (self.folder / "noise").read_text())
        # One process from the first word to the last, the game, and both libraries are where they belong.
        self.assertEqual(os.readlink(f"/proc/{game.pid}/exe"), os.path.realpath(shutil.which(GAME, path=PATHS)))
        maps = pathlib.Path(f"/proc/{game.pid}/maps").read_text()
        self.assertIn("libMangoHud", maps)
        self.assertEqual("libgamemodeauto" in maps, "gamemoderun" in chain)
        # libgamemode asks once more, for the same one. Of the game before, which was killed, a helper of MangoHud's may
        # have been left: that one was asked for, too.
        asked = [call["pid"] for call in self.calls("RegisterGame")[before:]]
        self.assertEqual(asked.count(game.pid), 2 if "gamemoderun" in chain else 1, asked)
        log, = (file for file in frames.glob(f"{GAME}*.csv") if "summary" not in file.name)
        # Two lines about the machine, one of names, then the frames.
        lines = list(csv.DictReader(log.read_text().splitlines()[2:]))
        self.assertGreater(len(lines), 0)
        self.assertTrue(all(float(line["frametime"]) > 0 for line in lines), lines)
        self.end(game)

    def test_of_a_program_that_draws_nothing(self):
        for chain in ([RUN, "mangohud"], ["mangohud", RUN]):
            with self.subTest(chain=chain):
                before = len(self.calls("RegisterGame"))
                done = self.execute(*chain, "sh", "-c", 'echo "$MANGOHUD"; exit 7')
                self.assertEqual((done.returncode, done.stdout, done.stderr), (7, "1\n", ""))
                self.assertEqual(len(self.calls("RegisterGame")), before + 1)
                self.assertEqual(self.execute(*chain, "true").returncode, 0)


if __name__ == "__main__":
    unittest.main()
