# SPDX-License-Identifier: GPL-2.0-or-later
"""gamesched-tray in the session of the user at the screen: a click in its menu, and the kernel."""

import pathlib
import pwd

from lab import kernel_ops
from service import PLAYER, ServiceTest, Session, run, state, wait_for_kernel, wait_for_state

CLICK = pathlib.Path(__file__).parent / "click.py"
SWITCH = "Schedule games"


class Tray(ServiceTest):
    @staticmethod
    def choose(*words):
        """As the user's desktop does, from beside the session: who asks gameschedd is the tray."""
        folder = f"/run/user/{pwd.getpwnam(PLAYER).pw_uid}"
        run("setpriv", f"--reuid={PLAYER}", f"--regid={PLAYER}", "--clear-groups", "env", f"XDG_RUNTIME_DIR={folder}",
                   f"DBUS_SESSION_BUS_ADDRESS=unix:path={folder}/bus", "python3", "-B", CLICK, *words)

    def wait_for_icon(self, name):
        self.choose("--icon", name)

    def test_BUS4_a_click_switches_the_kernel(self):
        session = Session(self, PLAYER, "gamesched-tray")
        game = self.playing()
        wait_for_kernel("enabled")
        self.wait_for_icon("gamesched-active")
        self.choose(SWITCH)
        wait_for_state("off")
        wait_for_kernel("disabled")
        self.wait_for_icon("gamesched-off")
        self.choose(SWITCH)
        wait_for_kernel("enabled")
        self.assertEqual(kernel_ops(), "gamesched")
        self.wait_for_icon("gamesched-active")
        self.stop(game)
        wait_for_state("standby")
        self.wait_for_icon("gamesched-standby")
        self.choose("Quit")
        self.assertEqual(session.exit_status(), 0)
        self.assertEqual(session.err.read_text(), "")

    def test_BUS4_it_follows_a_restart_and_starts_the_service(self):
        Session(self, PLAYER, "gamesched-tray")
        self.wait_for_icon("gamesched-standby")
        self.restart()
        self.wait_for_icon("gamesched-standby")
        run("systemctl", "stop", "gameschedd.service")
        self.wait_for_icon("gamesched-not-running")
        self.assertEqual(state(), "not running", "looking started nobody")
        self.choose("Start the service")
        wait_for_state("standby")
        self.wait_for_icon("gamesched-standby")
