#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""gamesched-tray in a second desktop's own tray: sway's bar, on a screen that is looked at."""

import shutil
import unittest

from harness import wait_for
from panel import WIDTH, HEIGHT, PanelTest, Picture, drawn
from test_tray_panel import STATES

PROGRAMS = ("sway", "swaybar", "grim", "convert")
MISSING = [name for name in PROGRAMS if not shutil.which(name)]
BAR_PIXELS = 28
CONFIG = f"""output HEADLESS-1 resolution {WIDTH}x{HEIGHT}
xwayland disable
bar {{
    position top
    height {BAR_PIXELS}
    tray_output *
    tray_padding 2
    colors {{
        background #202020
    }}
}}
"""


@unittest.skipIf(MISSING, f"not installed: {', '.join(MISSING)}")
class SwayBar(PanelTest):
    def start_sway(self):
        self.install_icons()
        config = self.folder / "sway"
        config.write_text(CONFIG)
        self.env |= {"WLR_BACKENDS": "headless", "WLR_RENDERER": "pixman", "WLR_LIBINPUT_NO_DEVICES": "1",
                     "XDG_DATA_DIRS": f"{self.folder}/share:/usr/share", "HOME": str(self.folder)}
        sway = self.start_quiet("sway", "--config", config)
        run = self.folder / "session/run"

        def sockets():
            return [path.name for path in run.iterdir() if path.name.startswith("wayland-") and path.suffix != ".lock"]

        wait_for(sockets, "sway")
        self.env["WAYLAND_DISPLAY"] = sockets()[0]
        wait_for(lambda: self.owner("org.kde.StatusNotifierWatcher"), "the bar's tray")
        return sway

    def bar(self):
        shot, rgb = self.folder / "screen.png", self.folder / "screen.rgb"
        for command in (["grim", shot], ["convert", shot, "-crop", f"{WIDTH}x{BAR_PIXELS}+0+0", "-depth", "8", f"rgb:{rgb}"]):
            done = self.execute(*command)
            self.assertEqual(done.returncode, 0, done.stderr)
        return Picture(WIDTH, BAR_PIXELS, rgb.read_bytes())

    def test_every_state_has_its_picture(self):
        self.start_sway()
        service = self.start_service()
        self.start_tray()
        before = None
        for state in (*STATES, "not-running"):
            if state == "not-running":
                self.end(service)
            else:
                self.say(state)
            wait_for(lambda s=state: self.bar().find(drawn(f"gamesched-{s}")), f"{state} on the screen")
            if before:
                self.assertIsNone(self.bar().find(drawn(f"gamesched-{before}")), "the one before is gone")
            before = state

    def test_a_bar_that_comes_later_and_again(self):
        self.start_service()
        self.start_tray()
        sway = self.start_sway()
        wait_for(lambda: self.bar().find(drawn("gamesched-standby")), "the icon")
        self.end(sway)
        wait_for(lambda: not self.owner("org.kde.StatusNotifierWatcher"), "its end")
        shutil.rmtree(self.folder / "share")
        self.start_sway()
        self.say("active")
        wait_for(lambda: self.bar().find(drawn("gamesched-active")), "the icon")


if __name__ == "__main__":
    unittest.main()
