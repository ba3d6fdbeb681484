#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""gamesched-tray in Xfce's own panel, on a screen that is looked at."""

import time
import unittest

from harness import wait_for
from panel import ICONS, PanelTest, drawn, missing
from tray import TRANSLATIONS, named

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
        self.register("Half-Life 2")
        self.start_tray()
        x, y = self.wait_for_picture_of("gamesched-active")
        closed = self.picture()
        self.open(x, y)
        # A menu: far more than the icon's highlight.
        wait_for(lambda: self.picture().different(closed) > 10_000, "the menu on the screen")
        self.keep("tray-menu", 240, 180)
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

    def test_a_panel_that_comes_later_and_again(self):
        self.start_service()
        self.start_tray()
        self.start_panel()
        self.wait_for_picture_of("gamesched-standby")
        done = self.execute("xfce4-panel", "--restart")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.say("active")
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
