#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""gamesched-tray on a private session bus: what hosts are shown, what a click does, what it lives through."""

import os
import pathlib
import signal
import time
import unittest

from gi.repository import GLib

from harness import wait_for
from tray import MENU, NAME, SERVICE, TRANSLATIONS, TRAY, TrayTest, install_view, named

# State: icon, status, title, and the question in the menu.
STATES = {
    "active": ("gamesched-active", "Active", "Game scheduling: active", None),
    "standby": ("gamesched-standby", "Active", "Game scheduling: waiting for a game", "Why is it not active?"),
    "off": ("gamesched-off", "Active", "Game scheduling: off", "Why is it off?"),
    "degraded": ("gamesched-degraded", "Active", "Game scheduling: active, but something is missing", "What is missing?"),
    "ejected": ("gamesched-ejected", "NeedsAttention", "Game scheduling: removed by the kernel", "What happened?"),
    "unsupported": ("gamesched-unsupported", "Active", "Game scheduling: not possible on this system", "Why is it off?"),
    "conflict": ("gamesched-conflict", "NeedsAttention", "Game scheduling: another scheduler is in place",
                 "Why is it off?"),
}


class Shown(TrayTest):
    def test_every_state(self):
        self.start_all()
        for state, (icon, status, title, question) in STATES.items():
            with self.subTest(state=state):
                self.say(state, f"This <b>is</b> why it is {state}, and whoever reads it wants it in lines that fit.")
                self.wait_for_icon(icon)
                self.assertEqual(self.get("Status"), status)
                self.assertEqual(self.get("AttentionIconName"), icon if status == "NeedsAttention" else "")
                self.assertEqual(self.get("Title"), title)
                self.assertEqual(self.get("ToolTip")[2], title)
                self.assertIn("&lt;b&gt;is&lt;/b&gt;", self.get("ToolTip")[3])
                self.assertEqual(self.labels()[0], title)
                if question:
                    lines = [self.label(line) for line in self.entry(question)[2]]
                    self.assertEqual(len(lines), 2, lines)
                    self.assertTrue(all(len(line) <= 60 for line in lines), lines)
                    self.assertTrue(" ".join(lines).startswith("This <b>is</b> why it is"))
        wait_for(lambda: {"NewIcon", "NewTitle", "NewToolTip", "NewStatus", "NewAttentionIcon"}
                 <= {each["signal"] for each in self.seen("signal")}, "every signal")

    def test_a_state_of_a_later_service_is_shown_by_its_name(self):
        self.start_all()
        self.say("hibernating", "It is cold.")
        self.wait_for_icon("gamesched-not-running")
        self.assertEqual(self.labels()[0], "Game scheduling: hibernating")

    def test_without_a_service(self):
        self.start_desktop()
        self.make_activatable()
        self.start_tray()
        self.open_menu()
        self.assertEqual(self.get("IconName"), "gamesched-not-running")
        self.assertEqual(self.labels()[0], "Game scheduling: not running")
        self.assertFalse(self.log.exists(), "looking starts nobody")
        self.click("Start the service")
        self.wait_for_icon("gamesched-standby")
        self.assertNotIn("Start the service", self.labels())

    def test_games_come_and_go_with_their_time(self):
        self.start_all()
        self.assertIn("No game is running", self.labels())
        # The fake's first game has been running since 2023.
        games = [self.register(name) for name in ("quake_2", "doom")]
        wait_for(lambda: sum("doom" in label for label in self.labels()) == 1, "the games")
        shown = [label for label in self.labels() if " h" in label]
        self.assertEqual([label.split(",")[0] for label in shown], ["quake__2", "doom"])
        self.assertNotIn("No game is running", self.labels())
        self.say("active")
        self.wait_for_icon("gamesched-active")
        self.assertEqual("".join(c for c in self.get("ToolTip")[3] if c not in "\u2068\u2069"), "doom and 1 more")
        for game in games:
            self.system().call_sync(SERVICE, "/org/gamesched/Scheduler1", SERVICE, "UnregisterGame",
                                    GLib.Variant("(o)", (game,)), None, 0, 30_000, None)
        wait_for(lambda: "No game is running" in self.labels(), "their end")

    def test_times_are_of_the_menus_opening(self):
        self.start_desktop()
        self.start_service("--since", str(time.time_ns() // 1000 - 58_000_000))
        self.register("doom")
        self.start_tray()
        wait_for(lambda: "doom, for less than a minute" in self.labels(), "the game")

        def a_minute():
            self.open_menu()
            return "doom, for 1 min" in self.labels()

        wait_for(a_minute, "a minute of play")

    def test_boosted_threads_are_of_the_menus_opening(self):
        self.start_all()
        game = self.register("doom")
        self.say("active")
        self.wait_for_icon("gamesched-active")
        self.assertFalse(any("boosted" in label for label in self.labels()))
        self.fake("Lanes", "(oa{su})", game, {"frame": 8, "game_audio": 1, "game": 30, "background": 2})
        self.open_menu()
        wait_for(lambda: any(label.endswith(", 9 threads boosted") for label in self.labels()), "the count")

    def test_games_from_before_the_tray(self):
        self.start_desktop()
        self.start_service()
        self.register("doom")
        self.start_tray()
        wait_for(lambda: any("doom" in label for label in self.labels()), "the game")

    def test_german(self):
        self.start_desktop()
        self.start_service()
        self.start_tray("--locale-dir", TRANSLATIONS, env=named(self, "de_DE.UTF-8"))
        self.wait_for_icon("gamesched-standby")
        self.assertEqual(self.labels()[0], "Spiele-Scheduling: wartet auf ein Spiel")
        self.assertEqual(self.labels()[-1], "Beenden")
        self.assertEqual(self.text_direction(), "ltr")

    def test_hebrew_from_right_to_left(self):
        self.start_desktop()
        self.start_service()
        self.start_tray("--locale-dir", TRANSLATIONS, env=named(self, "he_IL.UTF-8"))
        self.wait_for_icon("gamesched-standby")
        self.assertEqual(self.labels()[-1], "יציאה")
        self.assertEqual(self.text_direction(), "rtl")

    def text_direction(self):
        return self.bus.call_sync(NAME, self.get("Menu"), "org.freedesktop.DBus.Properties", "Get",
                                  GLib.Variant("(ss)", (MENU, "TextDirection")), None, 0, 30_000, None).unpack()[0]


class Clicks(TrayTest):
    def test_on_and_off(self):
        self.start_all()
        for enabled, icon in ((False, "gamesched-off"), (True, "gamesched-standby")):
            self.assertEqual(self.entry("Schedule games")[1]["toggle-state"], int(not enabled))
            self.click("Schedule games")
            self.wait_for_icon(icon)
            self.assertEqual(self.calls("SetEnabled")[-1]["enabled"], enabled)
            wait_for(lambda: self.entry("Schedule games")[1].get("enabled", True), "the answer")
        self.assertEqual(self.entry("Schedule games")[1]["toggle-type"], "checkmark")
        self.assertEqual(self.seen("notification"), [])

    def test_profile(self):
        self.start_all()
        radios = self.entry("Profile")[2]
        self.assertEqual([(self.label(r), r[1]["toggle-type"], r[1]["toggle-state"]) for r in radios],
                         [("balanced: as usual", "radio", 1), ("fast: faster?[31m", "radio", 0)])
        self.click("Profile", "fast: faster?[31m")
        wait_for(lambda: [r[1]["toggle-state"] for r in self.entry("Profile")[2][:2]] == [0, 1], "the choice")
        self.assertEqual(self.calls("SetProfile")[-1]["profile"], "fast")
        wait_for(lambda: len(self.entry("Profile")[2]) == 2, "the profile in effect to be the chosen one")

    def test_text_cannot_be_clicked(self):
        self.start_all()
        for label in ("No game is running", "Game scheduling: waiting for a game"):
            self.assertFalse(self.entry(label)[1]["enabled"])
            self.click(label)
        self.assertEqual(self.calls("SetEnabled"), [])

    def test_a_refused_click_is_told(self):
        self.start_desktop()
        self.start_service("--fail", "NotAuthorized")
        self.start_tray()
        wait_for(lambda: self.labels()[0] == "Game scheduling: no answer", "the refusal")
        self.assertIn("The fake refuses: NotAuthorized.", [self.label(e) for e in self.entry("Why is it off?")[2]])
        self.say("standby")  # by a signal it tells its state all the same
        self.wait_for_icon("gamesched-standby")
        for _ in range(2):
            before = len(self.seen("notification"))
            self.click("Schedule games")
            wait_for(lambda n=before: len(self.seen("notification")) > n, "the notification")
        first, second = self.seen("notification")
        self.assertEqual((first["notification"], first["body"]),
                         ("Game scheduling was not changed", "The fake refuses: NotAuthorized."))
        self.assertEqual((first["replaces"], second["replaces"]), (0, 1), "one on the screen")

    def view(self, **env):
        """A tray whose desktop file of the live view is installed where `env` says; a terminal that tells what it is to run."""
        told = self.folder / "terminal"
        terminal = self.folder / "bin/xdg-terminal-exec"
        terminal.parent.mkdir(exist_ok=True)
        terminal.write_text(f'#!/bin/sh\necho "$@" >{told}\n')
        terminal.chmod(0o755)
        self.start_desktop()
        self.start_service()
        self.start_tray(env=env)
        self.wait_for_icon("gamesched-standby")
        self.click("Open the live view")
        return told

    def test_the_live_view_opens_in_the_users_terminal(self):
        told = self.view(**install_view(self))
        wait_for(lambda: told.exists() and told.read_text(), "the terminal")
        self.assertEqual(told.read_text(), "gameschedctl top\n")
        self.assertEqual(self.seen("notification"), [])

    def test_a_live_view_that_cannot_be_opened_is_told(self):
        nowhere = str(self.folder / "nowhere")
        self.view(XDG_DATA_DIRS=nowhere, XDG_DATA_HOME=nowhere)
        wait_for(lambda: self.seen("notification"), "the notification")
        notification, = self.seen("notification")
        self.assertEqual(notification["notification"], "The live view could not be opened")
        self.assertIn("gameschedctl top", notification["body"])

    def test_quit(self):
        _, tray = self.start_all()
        self.click("Quit")
        self.assertEqual(tray.wait(60), 0)
        self.assertEqual(tray.stderr.read(), "")


class Notifications(TrayTest):
    def test_ejections_are_told_once_a_minute(self):
        self.start_all()
        for _ in range(3):
            self.fake("Eject", "(ssu)", "runnable task stall <", "detail", 30)
        # After it on the same connection: all three are through.
        self.say("ejected")
        self.wait_for_icon("gamesched-ejected")
        wait_for(lambda: self.seen("notification"), "the notification")
        self.say("conflict")
        self.wait_for_icon("gamesched-conflict")
        notification, = self.seen("notification")
        self.assertEqual(notification["notification"], "The kernel removed the game scheduler")
        self.assertIn("runnable task stall &lt;", notification["body"])
        self.assertIn("30 seconds", notification["body"])
        self.assertEqual(notification["hints"]["desktop-entry"], "org.gamesched.Tray")

    def test_a_conflict_is_told_and_its_staying_is_not(self):
        service, _ = self.start_all()
        self.say("conflict", "scx_rusty is attached.")
        wait_for(lambda: self.seen("notification"), "the notification")
        self.end(service)
        self.wait_for_icon("gamesched-not-running")
        self.start_service("--state", "conflict")
        self.wait_for_icon("gamesched-conflict")
        notification, = self.seen("notification")
        self.assertEqual(notification["body"], "scx_rusty is attached.")

    def test_a_desktop_without_notifications(self):
        self.start_desktop("--no-notifications")
        self.start_service()
        tray = self.start_tray()
        self.wait_for_icon("gamesched-standby")
        self.fake("Eject", "(ssu)", "stall", "", 0)
        self.say("ejected")
        self.wait_for_icon("gamesched-ejected")
        self.assertIsNone(tray.poll())


class Life(TrayTest):
    def test_the_service_restarts(self):
        service, _ = self.start_all()
        for _ in range(2):
            self.end(service)
            self.wait_for_icon("gamesched-not-running")
            service = self.start_service()
            self.wait_for_icon("gamesched-standby")

    def test_a_service_that_hangs_is_asked_again_when_somebody_looks(self):
        self.start_desktop()
        self.start_service("--vanish")  # gone with the first question
        self.start_tray()
        self.wait_for_icon("gamesched-not-running")
        self.start_service()
        self.wait_for_icon("gamesched-standby")

    def test_the_system_bus_restarts(self):
        service, _ = self.start_all()
        self.end(self.system_bus)
        self.wait_for_icon("gamesched-not-running")
        self.end(service)
        self.start_bus()
        self.start_service()
        self.wait_for_icon("gamesched-standby")

    def test_a_desktop_that_comes_later_and_again(self):
        self.start_service()
        self.start_tray()
        self.wait_for_icon("gamesched-standby")
        for count in (1, 2):
            host = self.start_desktop()
            wait_for(lambda n=count: len(self.seen("item")) == n, "the registration")
            self.end(host)
        self.assertEqual({each["item"] for each in self.seen("item")}, {NAME})

    def test_one_in_a_session(self):
        self.start_all()
        second = self.execute(TRAY)
        self.assertEqual((second.returncode, second.stderr), (0, "gamesched-tray: it runs in this session already\n"))
        self.assertEqual(len(self.seen("item")), 1)

    def test_it_ends_with_its_session_and_when_told(self):
        _, tray = self.start_all()
        tray.send_signal(signal.SIGTERM)
        self.assertEqual(tray.wait(60), 0)
        tray = self.start_tray()
        self.end(self.session)
        self.assertEqual(tray.wait(60), 0)

    def test_without_a_session_bus(self):
        lost = self.execute(TRAY, env={"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"})
        self.assertEqual(lost.returncode, 1)
        self.assertIn("no session bus", lost.stderr)
        self.assertEqual(self.execute(TRAY, "--what").returncode, 2)

    def test_it_sleeps_while_nothing_changes(self):
        """Two seconds are a length of looking, not of waiting: whoever polls is seen in it."""
        _, tray = self.start_all()
        self.say("active")
        self.wait_for_icon("gamesched-active")
        self.open_menu()

        def switches():
            return {(task / "comm").read_text().strip(): [line for line in (task / "status").read_text().splitlines() if "ctxt_switches" in line]
                    for task in pathlib.Path(f"/proc/{tray.pid}/task").iterdir()}

        def asleep():
            before = switches()
            time.sleep(0.2)
            return switches() == before and not any(name.startswith("pool-") and name != "pool-spawner" for name in before)

        wait_for(asleep, "what follows of the questions to be through")
        before = switches()
        time.sleep(2)
        self.assertEqual(switches(), before)


if __name__ == "__main__":
    unittest.main()
