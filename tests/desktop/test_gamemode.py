#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""gamesched-gamemode speaks as GameMode does: methods, numbers, signals, their order, and what clients get wrong."""

import os
import pathlib
import re
import subprocess
import time
import unittest

from gi.repository import GLib

from gamemode import GAME, NAME, PATH, PROPERTIES, GameModeTest, error_name
from harness import BRIDGE, wait_for

OK, FAILED, REJECTED = 0, -1, -2
INACTIVE, ACTIVE, REGISTERED = 0, 1, 2


class Protocol(GameModeTest):
    def setUp(self):
        super().setUp()
        self.start_service("--strict")
        self.start_bridge()

    def test_registers_queries_and_unregisters_by_pidfd(self):
        game, other = self.game().pid, self.game().pid
        self.assertEqual(self.by_pidfd("QueryStatus", game), INACTIVE)
        self.assertEqual(self.by_pidfd("RegisterGame", game), OK)
        self.assertEqual(self.registered(), [game])
        self.assertEqual(self.by_pidfd("QueryStatus", game), REGISTERED)
        self.assertEqual(self.by_pidfd("QueryStatus", other), ACTIVE)
        self.assertEqual(self.by_pidfd("RegisterGame", game), FAILED, "known already")
        self.assertEqual(self.by_pidfd("UnregisterGame", other), FAILED, "unknown")
        self.assertEqual(self.by_pidfd("UnregisterGame", game), OK)
        self.assertEqual(self.by_pidfd("UnregisterGame", game), FAILED)
        self.assertEqual(self.by_pidfd("QueryStatus", game), INACTIVE)
        wait_for(lambda: self.calls("UnregisterGame"), "gameschedd to be told of a process that lives on")
        self.assertEqual([call["pid"] for call in self.calls("UnregisterGame")], [game])

    def test_registers_by_number(self):
        game = self.game().pid
        self.assertEqual(self.call("RegisterGame", "(i)", game), OK)
        self.assertEqual(self.call("QueryStatus", "(i)", game), REGISTERED)
        self.assertEqual(self.call("QueryStatus", "(i)", os.getpid()), ACTIVE)
        self.assertEqual(self.call("UnregisterGame", "(i)", game), OK)
        self.assertEqual(self.call("QueryStatus", "(i)", game), INACTIVE)

    def test_two_numbers_come_in_either_order(self):
        """GameMode's daemon takes (caller, game), libgamemode sends (game, caller). The caller is the sender."""
        me = os.getpid()
        for order in ("caller first", "game first"):
            with self.subTest(order=order):
                game = self.game().pid
                pair = (me, game) if order == "caller first" else (game, me)
                self.assertEqual(self.by_pid("RegisterGame", *pair), OK)
                self.assertEqual(self.registered()[-1], game)
                self.assertEqual(self.get("Requester", f"{PATH}/Games/{game}", GAME), me)
                self.assertEqual(self.by_pid("QueryStatus", *pair), REGISTERED)
                self.assertEqual(self.by_pid("UnregisterGame", *pair), OK)
        game, requester = self.game().pid, self.game().pid
        self.assertEqual(self.by_pid("RegisterGame", game, requester), OK)
        self.assertEqual(self.registered()[-1], game)
        self.assertEqual(self.by_pid("RegisterGame", me, me), OK)
        self.assertEqual(self.registered()[-1], me)

    def test_failures_are_numbers(self):
        ended = self.game()
        pidfd = os.pidfd_open(ended.pid)
        self.end(ended)
        self.addCleanup(os.close, pidfd)
        mine = os.pidfd_open(os.getpid())
        self.addCleanup(os.close, mine)
        null = os.open("/dev/null", os.O_RDONLY)
        self.addCleanup(os.close, null)
        for verb in ("RegisterGame", "UnregisterGame"):
            with self.subTest(verb=verb):
                for number in (0, -1, ended.pid, 2**31 - 1):
                    self.assertEqual(self.call(verb, "(i)", number), FAILED)
                    self.assertEqual(self.by_pid(verb, os.getpid(), number), FAILED)
                for handles, fds in [((0, 1), [pidfd, mine]), ((0, 1), [null, mine]), ((0, 1), [mine, null]),
                                     ((0, 7), [mine]), ((3, 0), [mine]), ((0, 0), [])]:
                    self.assertEqual(self.call(f"{verb}ByPIDFd", "(hh)", *handles, fds=fds), FAILED)
        self.assertEqual(self.call("QueryStatus", "(i)", -1), INACTIVE)
        self.assertEqual(self.registered(), [])

    def test_what_another_user_runs_is_not_readable_and_fails(self):
        self.assertEqual(self.call("RegisterGame", "(i)", 2**22), FAILED)
        kernel_thread = [pid for pid in (2,) if not os.path.exists(f"/proc/{pid}/exe")]
        for pid in kernel_thread:
            self.assertEqual(self.call("RegisterGame", "(i)", pid), FAILED)

    def test_the_method_that_does_not_exist_is_an_error(self):
        """libgamemode tries it first and falls back on the error."""
        for method in ("RestartGamemodeByPIDFd", "RestartGamemodeByPID", "Nonsense"):
            with self.assertRaises(GLib.Error) as caught:
                self.by_pidfd(method.removesuffix("ByPIDFd"), os.getpid()) if method.endswith("PIDFd") else \
                    self.call(method)
            self.assertEqual(error_name(caught.exception), "org.freedesktop.DBus.Error.UnknownMethod")

    def test_restart_and_refresh(self):
        self.assertEqual(self.call("RestartGamemode", "(i)", os.getpid()), 1, "already off")
        self.assertEqual(self.call("RefreshConfig"), OK)
        game = self.game().pid
        self.by_pidfd("RegisterGame", game)
        self.assertEqual(self.call("RestartGamemode", "(i)", os.getpid()), OK)
        wait_for(lambda: self.registered() == [game, game], "gameschedd to be asked again")
        self.assertEqual(self.call("ListGames"), [(game, f"{PATH}/Games/{game}")])

    def test_a_game_is_an_object(self):
        before = int(time.time())
        game = self.game().pid
        self.by_pidfd("RegisterGame", game)
        path = f"{PATH}/Games/{game}"
        self.assertEqual(self.call("ListGames"), [(game, path)])
        self.assertEqual(self.get("ClientCount"), 1)
        properties = self.call("GetAll", "(s)", GAME, path=path, interface=PROPERTIES)
        self.assertEqual(set(properties), {"ProcessId", "Executable", "Requester", "Timestamp"})
        self.assertEqual((properties["ProcessId"], properties["Requester"]), (game, os.getpid()))
        self.assertEqual(properties["Executable"], os.readlink(f"/proc/{game}/exe"))
        self.assertGreaterEqual(properties["Timestamp"], before)
        self.by_pidfd("UnregisterGame", game)
        self.assertEqual((self.call("ListGames"), self.get("ClientCount")), ([], 0))

    def test_an_unknown_game_is_an_unknown_object(self):
        for number in (os.getpid(), "x"):
            with self.assertRaises(GLib.Error) as caught:
                self.get("ProcessId", f"{PATH}/Games/{number}", GAME)
            self.assertEqual(error_name(caught.exception), "org.freedesktop.DBus.Error.UnknownObject")

    def test_the_end_of_a_process_is_seen_at_once(self):
        game = self.game()
        self.by_pidfd("RegisterGame", game.pid)
        self.end(game)
        wait_for(lambda: self.get("ClientCount") == 0, "the game to be gone")
        self.assertEqual(self.call("ListGames"), [])
        self.assertEqual(self.calls("UnregisterGame"), [], "gameschedd sees the end by itself")

    def test_signals_come_before_the_reply(self):
        monitor = subprocess.Popen(["dbus-monitor", "--address", self.env["DBUS_SESSION_BUS_ADDRESS"], "--profile"],
                                   stdout=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (self.end(monitor), monitor.stdout.close()))

        def lines_until(*words):
            seen = []
            for line in monitor.stdout:
                seen.append(line.rstrip().split("\t"))
                if all(any(word in field for field in seen[-1]) for word in words):
                    return seen
            raise AssertionError("dbus-monitor ended")

        lines_until("NameLost")  # its own: from here on it sees everything
        game = self.game().pid
        for verb, signal in (("RegisterGame", "GameRegistered"), ("UnregisterGame", "GameUnregistered")):
            with self.subTest(verb=verb):
                self.by_pidfd(verb, game)
                call = lines_until(f"{verb}ByPIDFd")[-1]
                serial, caller = call[2], call[3]
                order = []
                for line in monitor.stdout:
                    fields = line.rstrip().split("\t")
                    if fields[0] == "sig":
                        order.append(fields[-1])
                    if fields[0] == "mr" and fields[4] == caller and fields[-1] == serial:
                        order.append("reply")
                        break
                self.assertEqual([word for word in order if word in (signal, "PropertiesChanged", "reply")],
                                 [signal, "PropertiesChanged", "reply"])

    def test_introspection_has_what_clients_know(self):
        xml = self.call("Introspect", path=PATH, interface="org.freedesktop.DBus.Introspectable")
        self.assertEqual(
            set(re.findall(rf'<(?:method|signal|property)[^>]* name="(\w+)"', xml.split(f'"{NAME}">')[1])),
            {"RegisterGame", "UnregisterGame", "QueryStatus", "RestartGamemode", "RegisterGameByPID",
             "UnregisterGameByPID", "QueryStatusByPID", "RegisterGameByPIDFd", "UnregisterGameByPIDFd",
             "QueryStatusByPIDFd", "RefreshConfig", "ListGames", "ClientCount", "GameRegistered", "GameUnregistered"})

    def test_a_second_one_says_who_is_in_the_way(self):
        second = self.execute(BRIDGE)
        self.assertEqual(second.returncode, 1)
        self.assertEqual(second.stderr.count("\n"), 1)
        self.assertIn("taken by another program", second.stderr)


class Trees(GameModeTest):
    """gameschedd has little room, and is asked for each tree of processes once."""

    def test_a_descendant_is_counted_and_not_sent(self):
        self.start_service()
        self.start_bridge()
        shell = self.game("sh", "-c", "sleep 1000 & echo $!; wait")
        child = int(shell.stdout.readline())
        self.assertEqual(self.by_pidfd("RegisterGame", shell.pid), OK)
        self.assertEqual(self.by_pidfd("RegisterGame", child), OK)
        self.assertEqual(self.by_pidfd("QueryStatus", child), REGISTERED)
        self.assertEqual(self.get("ClientCount"), 2)
        self.assertEqual(self.registered(), [shell.pid])
        # A launcher that leaves its game behind: the game stands for itself.
        self.end(shell)
        wait_for(lambda: self.registered() == [shell.pid, child], "the game to be sent after its launcher's end")
        self.assertEqual(self.by_pidfd("QueryStatus", child), REGISTERED)
        os.kill(child, 9)
        wait_for(lambda: self.get("ClientCount") == 0, "its end")

    def test_a_client_that_exits_after_its_farewell_costs_one_call(self):
        self.start_service()
        self.start_bridge()
        game = self.game()
        self.by_pidfd("RegisterGame", game.pid)
        self.assertEqual(self.by_pidfd("UnregisterGame", game.pid), OK)
        self.end(game)
        later = self.game()
        self.by_pidfd("RegisterGame", later.pid)
        self.by_pidfd("UnregisterGame", later.pid)
        wait_for(lambda: self.calls("UnregisterGame"), "the one that lives on to be unregistered")
        self.assertEqual([call["pid"] for call in self.calls("UnregisterGame")], [later.pid])

    def test_off_and_on_again_tells_gameschedd_nothing(self):
        self.start_service()
        self.start_bridge()
        game = self.game()
        self.by_pidfd("RegisterGame", game.pid)
        self.by_pidfd("UnregisterGame", game.pid)
        self.assertEqual(self.by_pidfd("RegisterGame", game.pid), OK)
        self.assertEqual(self.by_pidfd("QueryStatus", game.pid), REGISTERED)
        self.assertEqual(self.registered(), [game.pid])

    def test_without_room_it_waits_for_some(self):
        self.start_service("--room", "1")
        self.start_bridge()
        first, second = self.game(), self.game()
        self.assertEqual(self.by_pidfd("RegisterGame", first.pid), OK)
        self.assertEqual(self.by_pidfd("RegisterGame", second.pid), OK)
        self.assertEqual(self.get("ClientCount"), 2)
        self.assertEqual(self.registered(), [first.pid, second.pid])
        self.end(first)
        wait_for(lambda: self.registered()[2:] == [second.pid], "the second to be asked for again")

    def test_many_games_at_once(self):
        self.start_service()
        self.start_bridge()
        games = [self.game() for _ in range(60)]
        self.assertEqual({self.by_pidfd("RegisterGame", game.pid) for game in games}, {OK})
        self.assertEqual(self.get("ClientCount"), 60)
        self.assertEqual(sorted(self.registered()), sorted(game.pid for game in games))
        for game in games:
            self.end(game)
        wait_for(lambda: self.get("ClientCount") == 0, "all ends")


class Life(GameModeTest):
    def test_the_bus_starts_it(self):
        self.start_service()
        game = self.game()
        self.assertEqual(self.by_pidfd("RegisterGame", game.pid), OK)

    def test_a_game_with_a_capability_that_the_bridge_has_not(self):
        """As at the machine's screen, where a login has CAP_WAKE_ALARM: what the game executes is hidden then."""
        dropped = "--bounding-set=-wake_alarm,-sys_ptrace"
        if self.execute("setpriv", dropped, "true").returncode != 0:
            self.skipTest("setpriv cannot drop a capability here")
        self.start_service()
        self.start_bridge("setpriv", "--inh-caps=-wake_alarm,-sys_ptrace", dropped)
        game = self.game().pid
        self.assertEqual(self.by_pidfd("RegisterGame", game), OK)
        self.assertEqual(self.registered(), [game])
        self.assertEqual(self.get("Executable", f"{PATH}/Games/{game}", GAME), "sleep", "its own word for it")

    def test_it_ends_with_its_session(self):
        self.start_service()
        bridge = self.start_bridge()
        self.end(self.session)
        self.assertEqual(bridge.wait(60), 0)

    def test_a_restart_loses_no_game(self):
        self.start_service("--strict")
        for number in (15, 9):
            with self.subTest(signal=number):
                bridge = self.start_bridge()
                game, ended = self.game(), self.game()
                self.by_pidfd("RegisterGame", game.pid)
                self.by_pidfd("RegisterGame", ended.pid)
                since = self.get("Timestamp", f"{PATH}/Games/{game.pid}", GAME)
                file = self.folder / "session/run/gamesched/gamemode-games"
                wait_for(lambda: str(ended.pid) in file.read_text(), "the file")
                bridge.send_signal(number)
                bridge.wait(60)
                self.end(ended)
                bridge = self.start_bridge()
                self.assertEqual(self.call("ListGames"), [(game.pid, f"{PATH}/Games/{game.pid}")])
                self.assertEqual(self.get("Timestamp", f"{PATH}/Games/{game.pid}", GAME), since)
                self.assertEqual(self.by_pidfd("QueryStatus", game.pid), REGISTERED)
                self.assertEqual(self.by_pidfd("UnregisterGame", game.pid), OK)
                wait_for(lambda: game.pid in [c["pid"] for c in self.calls("UnregisterGame")], "gameschedd to be told")
                self.end(bridge)

    def test_a_broken_file_is_no_reason_not_to_start(self):
        folder = self.folder / "session/run/gamesched"
        folder.mkdir()
        for text in (b"\0\xff", b"1 2", b"-5 1 1 1\n", f"{os.getpid()} 1 1 1\n".encode(), b"x" * 100_000):
            with self.subTest(text=text[:10]):
                (folder / "gamemode-games").write_bytes(text)
                bridge = self.start_bridge(stderr=subprocess.DEVNULL)
                self.assertEqual(self.call("ListGames"), [])
                self.end(bridge)
                wait_for(lambda: not self.owner(), "its end")

    def test_a_restarted_gameschedd_is_told_of_living_games(self):
        service = self.start_service()
        self.start_bridge()
        game = self.game()
        self.by_pidfd("RegisterGame", game.pid)
        self.end(service)
        self.start_service()
        wait_for(lambda: self.registered() == [game.pid, game.pid], "the game to be registered again")
        self.assertEqual(self.by_pidfd("QueryStatus", game.pid), REGISTERED)

    def test_a_gameschedd_that_ends_while_asked_is_asked_again(self):
        self.make_activatable()
        self.start_bridge()
        service = self.start_service("--vanish")
        game = self.game()
        self.assertEqual(self.by_pidfd("RegisterGame", game.pid), OK)
        self.assertEqual(self.registered(), [game.pid, game.pid])
        self.assertEqual(service.wait(60), 0)

    def test_the_system_bus_is_restarted(self):
        self.end(self.system_bus)
        self.start_bridge(stderr=subprocess.DEVNULL)
        game = self.game()
        self.assertEqual(self.by_pidfd("RegisterGame", game.pid), FAILED)
        bus = self.start_bus()
        self.start_service()
        self.assertEqual(self.by_pidfd("RegisterGame", game.pid), OK)
        self.end(bus)
        self.start_bus()
        self.start_service()
        wait_for(lambda: self.registered() == [game.pid, game.pid], "the game to be registered again")

    def test_answers_for_a_gameschedd_that(self):
        for what, arguments, code in [("refuses", ["--fail", "NotAuthorized"], REJECTED),
                                      ("is closed to us", ["--fail", "org.freedesktop.DBus.Error.AccessDenied"], REJECTED),
                                      ("holds it for no game", ["--fail", "NotAGame"], REJECTED),
                                      ("is full", ["--fail", "LimitsExceeded"], OK),
                                      ("always ends", ["--vanish"], FAILED),
                                      ("is not there", None, FAILED)]:
            with self.subTest(what=what):
                service = None if arguments is None else self.start_service(*arguments)
                bridge = self.start_bridge(stderr=subprocess.DEVNULL)
                game = self.game()
                self.assertEqual(self.by_pidfd("RegisterGame", game.pid), code)
                self.assertEqual(self.get("ClientCount"), int(code == OK))
                self.end(game)
                self.end(bridge)
                wait_for(lambda: not self.owner(), "its end")
                if service:
                    self.end(service)

    def test_a_gameschedd_that_does_not_answer_is_waited_for_once_and_its_successor_told(self):
        service = self.start_service("--hang")
        self.start_bridge(stderr=subprocess.DEVNULL)
        games = [self.game().pid for _ in range(5)]
        self.assertEqual([self.by_pidfd("RegisterGame", game) for game in games], [OK] * 5)
        self.assertEqual(self.registered(), games[:1])
        self.end(service)
        self.start_service()
        wait_for(lambda: sorted(self.registered()[1:]) == sorted(games), "all to be registered")

    def test_one_that_is_too_busy_to_answer_is_asked_again(self):
        self.start_service("--deaf", "1")
        self.start_bridge(stderr=subprocess.DEVNULL)
        games = [self.game().pid for _ in range(5)]
        self.assertEqual([self.by_pidfd("RegisterGame", game) for game in games], [OK] * 5)
        wait_for(lambda: sorted(self.registered()[1:]) == sorted(games), "all to be registered")
        self.assertEqual(self.get("ClientCount"), 5)

    def test_uses_no_more_memory_than_it_may(self):
        self.start_service()
        bridge = self.start_bridge()
        for _ in range(50):
            self.by_pidfd("RegisterGame", self.game().pid)
        status = pathlib.Path(f"/proc/{bridge.pid}/status").read_text()
        self.assertLessEqual(int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]), 12 * 1024)

    def test_bad_arguments(self):
        for arguments, status in ((["--help"], 0), (["--version"], 0), (["--what"], 2)):
            self.assertEqual(self.execute(BRIDGE, *arguments).returncode, status)
        lost = self.execute(BRIDGE, env={"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"})
        self.assertEqual(lost.returncode, 1)
        self.assertIn("no session bus", lost.stderr)


if __name__ == "__main__":
    unittest.main()
