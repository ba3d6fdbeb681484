#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""gamesched-tray in Xfce's own panel, on a screen that is looked at."""

import shutil
import time
import unittest

from harness import wait_for
from panel import ICONS, PanelTest, drawn, missing
from tray import TRANSLATIONS, install_view, named

# What the picture of the live view is to show: events a second.
COUNTERS = {"wakeups": 14_200, "idle_dispatches": 3_050, "frame_wakeups": 2_310, "frame_preemptions": 840, "input_wakeups": 125,
            "loans": 16, "slices_kept": 610, "near": 420, "home_cores": 70, "moves": 31, "stays": 55, "path_peers": 92, "path_wakers": 120,
            "frame_waits_64us": 2_270, "frame_waits_256us": 40, "game_audio_waits_32us": 370, "game_network_waits_64us": 66,
            "game_waits_1024us": 4_900, "game_waits_4096us": 110, "normal_waits_8192us": 5_100, "normal_waits_32768us": 90,
            "frame_longest_wait_ns": 410_000, "game_audio_longest_wait_ns": 96_000, "game_network_longest_wait_ns": 190_000,
            "game_longest_wait_ns": 9_100_000, "normal_longest_wait_ns": 31_000_000}
STATES = ("active", "standby", "off", "degraded", "ejected", "unsupported", "conflict")


@unittest.skipIf(missing(), f"not installed: {', '.join(missing())}")
class Panel(PanelTest):
    def test_every_state_has_its_picture_in_every_theme(self):
        for theme in ("Adwaita", "Adwaita:dark", "HighContrast"):
            with self.subTest(theme=theme):
                self.start_panel(theme)
                service = self.start_service()
                tray = self.start_tray()
                before = None
                for state in STATES:
                    self.say(state)
                    self.look_for(state, before)
                    self.keep(f"{theme}-{state}", 26, 30)
                    before = state
                self.end(service)
                self.look_for("not-running", before)
                self.keep_row(f"tray-states-{theme.replace(':', '-').lower()}", [f"{theme}-{state}" for state in STATES])
                self.end(tray)
                self.doCleanups()
                self.setUp()

    def look_for(self, state, before):
        self.wait_for_picture_of(f"gamesched-{state}")
        if before:
            self.assertIsNone(self.panel().find(drawn(f"gamesched-{before}")), "the one before is gone")

    def test_the_menu_opens_and_switches(self):
        self.start_panel()
        self.start_service("--state", "active", "--since", str(time.time_ns() // 1000 - 42 * 60_000_000))
        game = self.register("Half-Life 2")
        self.fake("Lanes", "(oa{su})", game, {"frame": 9, "game_audio": 1, "game": 31})
        self.start_tray()
        x, y = self.wait_for_picture_of("gamesched-active")
        closed = self.picture()
        self.open(x, y)
        # A menu: far more than the icon's highlight.
        wait_for(lambda: self.picture().different(closed) > 10_000, "the menu on the screen")
        self.keep("tray-menu", 300, 200)
        # The first that can be chosen: active is no question.
        self.x("key", "Down", "Return")
        self.wait_for_picture_of("gamesched-off")
        self.assertEqual([call["enabled"] for call in self.calls("SetEnabled")], [False])

    def test_the_menu_from_right_to_left(self):
        self.start_panel()
        self.start_service()
        self.start_tray("--locale-dir", TRANSLATIONS, env=named(self, "he_IL.UTF-8"))
        x, y = self.wait_for_picture_of("gamesched-standby")
        closed = self.picture()
        self.open(x, y)
        wait_for(lambda: self.picture().different(closed) > 10_000, "the menu on the screen")
        self.keep("tray-menu-he", 240, 200)

    @unittest.skipUnless(shutil.which("xterm"), "not installed: xterm")
    def test_the_live_view_opens_in_a_real_terminal(self):
        self.env |= install_view(self)
        self.start_panel()
        self.start_service("--state", "active", "--since", str(time.time_ns() // 1000 - 42 * 60_000_000))
        game = self.register("Half-Life 2")
        self.fake("Lanes", "(oa{su})", game, {"frame": 9, "game_audio": 1, "game_network": 1, "game": 31, "background": 4})
        self.fake("Attach", "(s)", "gamesched")
        self.say("active", "A game runs.")
        self.start_tray()
        self.wait_for_picture_of("gamesched-active")
        before = self.picture()
        self.click("Open the live view")
        wait_for(lambda: self.picture().different(before) > 10_000, "a window")
        # It is the view: who but it looks again and again?
        for look in range(2, 5):
            for name, hz in COUNTERS.items():
                self.fake("Count", "(st)", name, hz if "longest" in name else look * hz)
            wait_for(lambda least=look: len(self.calls("GetCounters")) >= least, "the view to look")
        self.keep("live-view", 488, 320)

    def test_a_panel_that_comes_later_and_again(self):
        self.start_service()
        self.start_tray()
        panel = self.start_panel()
        self.wait_for_picture_of("gamesched-standby")
        # Not by its --restart: the new one sometimes finds the old one still there, and leaves.
        self.end(panel)
        wait_for(lambda: not self.owner("org.kde.StatusNotifierWatcher"), "the end of the panel's tray")
        self.say("active")
        self.start_panel_program()
        self.wait_for_picture_of("gamesched-active")

    def open(self, x, y):
        self.x("mousemove", x + 11, y + 11, "click", 1)


class Icons(unittest.TestCase):
    """What a theme may do to them."""

    @unittest.skipIf(missing(), f"not installed: {', '.join(missing())}")
    def test_no_two_are_taken_for_each_other(self):
        pictures = {state: drawn(f"gamesched-{state}") for state in (*STATES, "not-running")}
        for one, picture in pictures.items():
            for other, another in pictures.items():
                if one != other:
                    # By shape, since colours may be lost: where one is the sign the other is the tile.
                    self.assertGreater(sum((a[0] > 200) != (b[0] > 200) for mine, theirs in zip(picture.rows, another.rows)
                                           for a, b in zip(mine, theirs)), 12, f"{one} and {other}")

    def test_symbolic_ones_are_filled_shapes(self):
        """GTK paints by setting the fill: a line would become a blot."""
        for icon in ICONS.glob("*-symbolic.svg"):
            self.assertNotIn("stroke", icon.read_text(), icon)


if __name__ == "__main__":
    unittest.main()
