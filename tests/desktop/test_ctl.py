#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""gameschedctl: what it prints, what it exits with, what it never does."""

import json
import os
import pty
import subprocess
import threading
import unittest

from harness import BOUND_S, CTL, DesktopTest

STATES = ["active", "standby", "off", "degraded", "ejected", "unsupported", "conflict"]


def read_all(fd):
    output = b""
    while True:
        try:
            piece = os.read(fd, 4096)
        except OSError:  # the terminal's other end was closed
            return output.decode()
        if not piece:
            return output.decode()
        output += piece


class WithTheService(DesktopTest):
    def setUp(self):
        super().setUp()
        self.start_bus()

    def register(self, *arguments):
        self.assertEqual(self.run_game(*arguments, "true").stderr, "")

    def test_status_says_what_the_service_and_the_kernel_say(self):
        (self.sched_ext / "state").write_text("enabled\n")
        (self.sched_ext / "root" / "ops").write_text("gamesched_1\n")
        self.start_service("--state", "active")
        self.register("--name", "Portal 2", "--app-id", "620", "--fps", "60")
        shown = self.ctl("status")
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        for text in ("gamesched is active", "The fake is active.", "scheduler gamesched_1", "Portal 2", "app 620",
                     "60 fps", "process", "input missing: no symbol", "9.9.9"):
            self.assertIn(text, shown.stdout)

    def test_status_tells_for_every_state_what_to_do(self):
        told = set()
        for state in STATES:
            with self.subTest(state=state):
                service = self.start_service("--state", state)
                self.assertIn(f"gamesched is {state}\n", self.ctl("status").stdout)
                advice = json.loads(self.ctl("status", "--json").stdout)["advice"]
                self.assertEqual(advice is None, state == "active")
                told.add(advice)
                self.end(service)
        self.assertEqual(len(told), len(STATES), "two states share their advice")

    def test_a_state_of_a_newer_service_is_shown_as_it_is(self):
        self.start_service("--state", "dreaming")
        shown = self.ctl("status")
        self.assertEqual(shown.returncode, 0)
        self.assertIn("gamesched is dreaming\n", shown.stdout)

    def test_status_in_json_has_every_field(self):
        self.start_service("--state", "standby")
        self.register("--name", "Portal 2", "--fps", "60")
        status = json.loads(self.ctl("status", "--json").stdout)
        game = status["games"][0]
        self.assertEqual(status, {
            "running": True, "version": "9.9.9", "state": "standby", "reason": "The fake is standby.",
            "advice": status["advice"], "enabled": True, "attach": "game",
            "detectors": [{"name": "process", "attached": True, "reason": None},
                          {"name": "input", "attached": False, "reason": "no symbol input_event?[31m"}],
            "profile": "balanced", "configuration_errors": [],
            "games": [{"path": "/org/gamesched/Scheduler1/game/1", "pid": game["pid"], "uid": os.getuid(),
                       "name": "Portal 2", "app_id": None, "source": "registered",
                       "since_usec": 1_700_000_000_000_000, "target_fps": 60, "foreground": False, "lanes": {}}],
            "kernel": {"sched_ext": "disabled", "scheduler": None}})

    def test_games_are_listed_oldest_first(self):
        self.start_service()
        self.assertEqual(self.ctl("games").stdout, "No game is registered.\n")
        self.assertEqual(json.loads(self.ctl("games", "--json").stdout), [])
        for name in ("zeta", "alpha", "mid"):
            self.register("--name", name)
        self.assertEqual([line.split()[-1] for line in self.ctl("games").stdout.splitlines()],
                         ["NAME", "zeta", "alpha", "mid"])
        self.assertEqual([game["name"] for game in json.loads(self.ctl("games", "--json").stdout)],
                         ["zeta", "alpha", "mid"])

    def test_counters_are_whole_numbers_of_64_bits(self):
        self.start_service()
        self.assertEqual(json.loads(self.ctl("counters", "--json").stdout), {"enqueue": 2**63 + 1, "preempt": 7})
        self.assertEqual([line.split() for line in self.ctl("counters").stdout.splitlines()],
                         [["enqueue", str(2**63 + 1)], ["preempt", "7"]])

    def test_on_and_off_reach_the_service(self):
        self.start_service()
        for command, enabled in (("off", False), ("on", True)):
            with self.subTest(command=command):
                done = self.ctl(command)
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
                self.assertEqual(self.calls("SetEnabled")[-1]["enabled"], enabled)
                self.assertEqual(json.loads(self.ctl(command, "--json").stdout), {"enabled": enabled})

    def test_text_from_elsewhere_never_controls_the_terminal(self):
        self.start_service()
        self.register("--name", "\x1b[2Jevil")
        for command in ("status", "games"):
            self.assertNotIn("\x1b", self.ctl(command).stdout)

    def test_refusals_are_told_and_exit_1(self):
        self.start_service("--fail", "NotAuthorized")
        for command in ("status", "games", "on", "off", "counters"):
            with self.subTest(command=command):
                plain = self.ctl(command)
                self.assertEqual((plain.returncode, plain.stdout), (1, ""))
                self.assertEqual(plain.stderr, "gameschedctl: The fake refuses: NotAuthorized.\n")
                in_json = self.ctl(command, "--json")
                self.assertEqual(in_json.returncode, 1)
                self.assertEqual(json.loads(in_json.stdout),
                                 {"error": "The fake refuses: NotAuthorized.", "running": True})


class Profiles(DesktopTest):
    def setUp(self):
        super().setUp()
        self.start_bus()
        self.start_service()

    def test_are_listed_the_one_in_effect_marked(self):
        for arguments in (["profile"], ["profile", "list"]):
            self.assertEqual(self.ctl(*arguments).stdout, "* balanced  as usual\n  fast      faster?[31m\n")
        self.assertEqual(self.ctl("profile", "get").stdout, "balanced\n")

    def test_are_chosen(self):
        done = self.ctl("profile", "set", "fast")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assertEqual(self.calls("SetProfile")[-1]["profile"], "fast")
        self.assertEqual(self.ctl("profile", "get").stdout, "fast\n")

    def test_are_held_while_a_command_runs_and_its_status_is_passed_on(self):
        held = self.ctl("profile", "hold", "--reason", "a test", "--sched-ext", self.sched_ext, "fast", "--",
                        "sh", "-c", f"{CTL} profile list --json; exit 7", sched_ext=False)
        self.assertEqual(held.returncode, 7, held.stderr)
        state = json.loads(held.stdout)
        self.assertEqual((state["active"], state["profile"]), ("fast", "balanced"))
        self.assertEqual(state["holds"], [{"profile": "fast", "reason": "a test", "application_id": "sh", "uid": os.getuid()}])
        self.assertEqual(self.ctl("profile", "hold", "fast", "/nonexistent", sched_ext=False).returncode, 127)

    def test_refusals_are_told(self):
        self.assertEqual(self.ctl("profile", "set").returncode, 2)
        self.assertEqual(self.ctl("profile", "nonsense").returncode, 2)


class Configuration(DesktopTest):
    def check(self, command="check", *arguments):
        return self.execute(CTL, "config", command, "--config-dir", self.folder / "etc", "--vendor-config-dir",
                            self.folder / "vendor", *arguments)

    def test_is_checked_and_shown_without_a_service(self):
        (self.folder / "etc").mkdir()
        file = self.folder / "etc" / "gamesched.toml"
        file.write_text('[profiles.mine]\ndescription = "own"\n')
        good = self.check()
        self.assertEqual((good.returncode, good.stdout, good.stderr), (0, f"{file}: good\n", ""))
        self.assertIn("[profiles.mine]", self.check("show").stdout)
        shown = json.loads(self.check("show", "--json").stdout)
        self.assertEqual((shown["files"], shown["config"]["profiles"]["mine"]["description"], shown["config"]["linger_s"]),
                         ([str(file)], "own", 5))
        file.write_text("profile = 'mini'\n")
        bad = self.check()
        self.assertEqual((bad.returncode, bad.stdout), (1, ""))
        self.assertEqual(bad.stderr, f'gameschedctl: {file}:1:11: there is no profile "mini"; known are balanced\n')
        self.assertEqual(json.loads(self.check("check", "--json").stdout)["good"], False)


class Colours(DesktopTest):
    def on_terminal(self, **env):
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        shown = subprocess.Popen([CTL, "status"], env={**self.env, **env}, stdout=theirs, stderr=subprocess.DEVNULL)
        os.close(theirs)
        output = read_all(ours)
        shown.wait(BOUND_S)
        return output

    def test_only_on_a_terminal_that_has_them_and_not_against_the_users_word(self):
        self.start_bus()
        self.start_service("--state", "active")
        self.assertIn("\x1b[32mactive\x1b[0m", self.on_terminal(TERM="xterm"))
        self.assertNotIn("\x1b", self.on_terminal(TERM="xterm", NO_COLOR="1"))
        self.assertNotIn("\x1b", self.on_terminal(TERM="dumb"))
        self.assertNotIn("\x1b", self.on_terminal())
        self.assertNotIn("\x1b", self.ctl("status", env={"TERM": "xterm"}).stdout)


class WithoutTheService(DesktopTest):
    def test_says_how_to_start_it_and_what_the_kernel_does(self):
        self.start_bus()
        (self.sched_ext / "state").write_text("enabled\n")
        (self.sched_ext / "root" / "ops").write_text("simple\n")
        shown = self.ctl("status")
        self.assertEqual((shown.returncode, shown.stderr), (3, ""))
        for text in ("gamesched is not running", "systemctl start gameschedd", "scheduler simple"):
            self.assertIn(text, shown.stdout)
        status = json.loads(self.ctl("status", "--json").stdout)
        self.assertEqual(status["running"], False)
        self.assertEqual(status["kernel"], {"sched_ext": "enabled", "scheduler": "simple"})

    def test_a_kernel_without_sched_ext(self):
        self.start_bus()
        missing = self.execute(CTL, "status", "--sched-ext", self.folder / "nothing")
        self.assertIn("no sched_ext", missing.stdout)
        self.assertEqual(missing.returncode, 3)

    def test_looking_never_starts_it_but_switching_does(self):
        self.start_bus()
        self.make_activatable()
        for command in ("status", "games", "counters"):
            with self.subTest(command=command):
                self.assertEqual(self.ctl(command).returncode, 3)
        self.assertFalse(self.log.exists(), "the service was started")
        self.assertEqual(self.ctl("off").returncode, 0)
        self.assertEqual(self.calls("SetEnabled")[-1]["enabled"], False)

    def test_one_that_cannot_be_started_is_not_running(self):
        self.start_bus()
        self.make_activatable(program="/bin/false")
        for command in ("on", "off"):
            with self.subTest(command=command):
                shown = self.ctl(command)
                self.assertEqual((shown.returncode, shown.stdout), (3, ""), shown.stderr)
                self.assertRegex(shown.stderr, "^gameschedctl: gameschedd could not be started .*exited.*"
                                               "; see: systemctl status gameschedd\n$")
                in_json = self.ctl(command, "--json")
                self.assertEqual((in_json.returncode, json.loads(in_json.stdout)["running"]), (3, False))

    def test_no_bus(self):
        shown = self.ctl("status")
        self.assertEqual((shown.returncode, shown.stdout), (1, ""))
        self.assertIn("no connection to the system bus", shown.stderr)
        self.assertIsNone(json.loads(self.ctl("status", "--json").stdout)["running"], "nobody knows")


class Explain(DesktopTest):
    def setUp(self):
        super().setUp()
        self.start_bus()

    def test_all_threads_of_a_process_are_shown(self):
        self.start_service("--state", "active")
        stop = threading.Event()
        thread = threading.Thread(target=stop.wait)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(stop.set)
        shown = self.ctl("explain", str(os.getpid()))
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        head, *rows = shown.stdout.splitlines()
        self.assertEqual(head.split()[:3], ["THREAD", "NAME", "LANE"])
        self.assertEqual([int(row.split()[0]) for row in rows], [os.getpid(), thread.native_id])
        for word in ("render?[31m", "frame", "16.67", "2.50", "gpu, peer"):
            self.assertIn(word, rows[0])

    def test_one_thread_in_json_has_every_field(self):
        self.start_service("--state", "active")
        stop = threading.Event()
        thread = threading.Thread(target=stop.wait)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(stop.set)
        [found] = json.loads(self.ctl("explain", str(thread.native_id), "--json").stdout)
        self.assertEqual(found, {
            "tid": thread.native_id, "process": thread.native_id, "name": "render?[31m",
            "game": "/org/gamesched/Scheduler1/game/7", "lane": "frame", "evidence": ["gpu", "peer"], "hop": 1,
            "input_window": False, "ages_usec": {"submit": 900}, "frame_period_usec": 16_667,
            "audio_period_usec": None, "burst_average_usec": 2_500, "wait_usec": 0, "wait_average_usec": 0,
            "llc": 0, "cpu": 0})

    def test_without_the_scheduler_no_lane_is_known(self):
        self.start_service("--state", "standby")
        self.assertIn("No lane is known", self.ctl("explain", str(os.getpid())).stdout)

    def test_failures(self):
        absent = self.ctl("explain", str(2**22 + 1))
        self.assertEqual((absent.returncode, absent.stdout), (1, ""))
        self.assertIn("there is no process", absent.stderr)
        self.assertEqual(self.ctl("explain", str(os.getpid())).returncode, 3)
        self.start_service("--fail", "NotAuthorized")
        refused = self.ctl("explain", str(os.getpid()), "--json")
        self.assertEqual((refused.returncode, json.loads(refused.stdout)["error"]), (1, "The fake refuses: NotAuthorized."))


class CommandLine(DesktopTest):
    def test_wrong_usage_exits_2(self):
        for arguments in ([], ["nonsense"], ["status", "extra"], ["status", "--nonsense"], ["status", "games"]):
            with self.subTest(arguments=arguments):
                wrong = self.execute(CTL, *arguments)
                self.assertEqual((wrong.returncode, wrong.stdout), (2, ""))
                self.assertNotEqual(wrong.stderr, "")

    def test_help_and_version(self):
        for arguments in (["--help"], ["status", "--help"], ["--version"]):
            with self.subTest(arguments=arguments):
                shown = self.execute(CTL, *arguments)
                self.assertEqual((shown.returncode, shown.stderr), (0, ""))
                self.assertIn("gameschedctl", shown.stdout)
                self.assertNotIn("sched-ext", shown.stdout)

    def test_output_that_cannot_be_written_is_a_failure(self):
        self.start_bus()
        self.start_service()
        with open("/dev/full", "w", encoding="ascii") as full:
            self.assertEqual(self.ctl("status", stdout=full).returncode, 1)


if __name__ == "__main__":
    unittest.main()
