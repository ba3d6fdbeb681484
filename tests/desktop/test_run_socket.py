#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""gamesched-run at the service's own socket: what it asks there, and when it asks the bus instead."""

import contextlib
import socket
import struct
import subprocess
import unittest

from harness import BOUND_S, RUN, DesktopTest


class TheSocket(DesktopTest):
    """On the bus is a service that would take the game, too."""

    def setUp(self):
        super().setUp()
        self.start_bus()
        self.start_service()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(self.listener.close)
        self.listener.settimeout(BOUND_S)
        self.listener.bind(self.env["GAMESCHED_SOCKET"])
        self.listener.listen()

    def start(self, *arguments):
        game = subprocess.Popen([RUN, *arguments], env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end, game)
        return game

    def serve(self, *answer, hang_up=True):
        """One request: its options and the process that asked."""
        connection, _ = self.listener.accept()
        self.addCleanup(connection.close)
        text, fds, _, _ = socket.recv_fds(connection, 4096, 4)
        self.assertEqual(fds, [])
        pid, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
        if answer:
            connection.send("".join(f"{line}\0" for line in answer).encode())
        if hang_up:
            connection.close()
        self.assertTrue(text.endswith(b"\0"))
        options = dict(line.split("=", 1) for line in text.decode().split("\0")[:-1])
        return options, pid

    def finish(self, game):
        out, err = game.communicate(timeout=BOUND_S)
        return game.returncode, out, err

    def test_registers_without_the_bus(self):
        game = self.start("--name", "Käse\n=", "--app-id", "620", "--fps", "144", "--profile", "fast", "sh", "-c", "echo $$; exit 7")
        options, pid = self.serve("game=/org/gamesched/Scheduler1/game/7")
        self.assertEqual(options, {"name": "Käse\n=", "app-id": "620", "target-fps": "144", "profile": "fast"})
        self.assertEqual(self.finish(game), (7, f"{game.pid}\n", ""))
        self.assertEqual(pid, game.pid)
        self.assertEqual(self.calls("RegisterGame"), [])

    def test_leaves_nothing_open_in_the_game(self):
        game = self.start("ls", "/proc/self/fd")
        self.serve("game=/g", hang_up=False)
        self.assertEqual(self.finish(game), (0, self.execute("ls", "/proc/self/fd").stdout, ""))

    def test_a_refusal_is_told_and_asked_nowhere_else(self):
        game = self.start("sh", "-c", "exit 5")
        self.serve("error=org.gamesched.Error.NotAuthorized", "message=You may\x1b not.")
        status, _, stderr = self.finish(game)
        self.assertEqual(status, 5)
        self.assert_one_line(stderr, "You may? not; running the game unregistered")
        self.assertEqual(self.calls("RegisterGame"), [])

    def test_an_unknown_profile_is_left_out(self):
        game = self.start("--profile", "fast", "true")
        self.serve("error=org.gamesched.Error.NoSuchProfile", "message=There is no profile fast.")
        options, _ = self.serve("game=/g")
        self.assertEqual(options, {"name": "true"})
        status, _, stderr = self.finish(game)
        self.assertEqual(status, 0)
        self.assert_one_line(stderr, "There is no profile fast; running the game without profile 'fast'")

    def test_who_is_turned_away_asks_the_bus(self):
        for answer in ((), ("what=ever",), ("",)):
            with self.subTest(answer=answer):
                before = len(self.calls("RegisterGame"))
                game = self.start("true")
                self.serve(*answer)
                self.assertEqual(self.finish(game), (0, "", ""))
                self.assertEqual(len(self.calls("RegisterGame")), before + 1)

    def test_where_nobody_listens_or_the_queue_is_full_the_bus_is_asked(self):
        with contextlib.ExitStack() as waiting:
            self.listener.listen(0)
            for _ in range(2):
                client = waiting.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
                client.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    client.connect(self.env["GAMESCHED_SOCKET"])
            self.assertEqual(self.finish(self.start("true")), (0, "", ""))
        self.listener.close()
        self.assertEqual(self.finish(self.start("true")), (0, "", ""))
        self.assertEqual(len(self.calls("RegisterGame")), 2)

    def test_who_never_answers_costs_a_bounded_time(self):
        game = self.start("sh", "-c", "exit 5")
        self.serve(hang_up=False)
        status, _, stderr = self.finish(game)
        self.assertEqual(status, 5)
        self.assert_one_line(stderr, "did not answer within 3 s")
        self.assertEqual(self.calls("RegisterGame"), [])

    def test_what_the_service_would_not_take_goes_over_the_bus(self):
        self.assertEqual(self.finish(self.start("--name", 5000 * "x", "true"))[0], 0)
        self.assertEqual(len(self.calls("RegisterGame")), 1)


if __name__ == "__main__":
    unittest.main()
