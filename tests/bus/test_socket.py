# SPDX-License-Identifier: GPL-2.0-or-later
"""The service's own socket: the same checks and answers as RegisterGame's, and nothing to be had by abusing it."""

import contextlib
import os
import signal
import socket
import unittest

from harness import BusTest, wait_for

REGISTER = "org.gamesched.register-game"


class SocketTest(BusTest):
    def setUp(self):
        super().setUp()
        self.socket = str(self.folder / "run" / "register")
        wait_for(self.listens, "the socket")

    def listens(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            return client.connect_ex(self.socket) == 0

    def ask(self, caller, text="name=Doom\0", **options):
        return caller.socket_ask(path=self.socket, text=text, **options)

    def assert_error(self, answer, name):
        """An error of that name with a sentence; returns the sentence."""
        self.assertEqual(answer[0], f"error=org.gamesched.Error.{name}", answer)
        self.assertRegex(answer[1], r"^message=\S.{15,}")
        return answer[1]


class WhenPolkitSaysYes(SocketTest):
    def test_a_user_registers_its_own_game(self):
        player = self.caller()
        answer, = self.ask(player, "name=D\u00f6\u00f6m\0app-id=620\0profile=balanced\0target-fps=144\0")
        self.assertRegex(answer, r"^game=/org/gamesched/Scheduler1/game/\d+$")
        self.assertEqual(self.kernel_games(), {player.pid})
        game = player.get_all_of(path=answer.removeprefix("game="))
        self.assertEqual([game[key] for key in ("Name", "AppId", "Profile", "TargetFps", "Uid", "Source")],
                         ["D\u00f6\u00f6m", "620", "balanced", 144, player.uid, "registered"])

    def test_polkit_is_asked_for_the_process_that_connected(self):
        player = self.caller()
        self.ask(player)
        [question] = self.polkitd.ask(asked=True)
        self.assertEqual((question["action"], question["kind"], question["flags"]), (REGISTER, "unix-process", 0))
        self.assertEqual(question["subject"]["uid"], player.uid)
        self.assertEqual(question["pid"], player.pid, "the pidfd's")

    def test_root_is_not_asked_for(self):
        self.assertRegex(self.ask(self.root)[0], "^game=")
        self.assertEqual(self.polkitd.ask(asked=True), [])

    def test_what_is_registered_already(self):
        player = self.caller()
        self.ask(player)
        self.assert_error(self.ask(player), "AlreadyRegistered")

    def test_options_are_checked_as_on_the_bus(self):
        player = self.caller()
        for text, word in (("name=a\nb\0", '"name"'), (f"name={65 * 'x'}\0", "65 bytes"), ("target-fps=0\0", "1 to 1000"),
                           ("target-fps=1001\0", "1 to 1000"), ("target-fps=-1\0", "no number"), ("target-fps=6x\0", "no number"),
                           ("hold=true\0", '"hold"'), ("source=gamemode\0", '"source"'), ("\x1b=\0", "no option"),
                           ("name=x", "NUL"), ("name\0", "NUL"), ("\0", "NUL")):
            with self.subTest(text=text):
                self.assertIn(word, self.assert_error(self.ask(player, text), "InvalidArgument"))
        self.assertEqual(self.kernel_games(), set())

    def test_packets_that_are_no_request_end_the_connection(self):
        player = self.caller()
        for text in (5000 * "x", ""):
            with self.subTest(text=text):
                self.assertEqual(self.ask(player, text), [])
        self.assertRegex(self.ask(player)[0], "^game=")

    def test_descriptors_are_not_taken(self):
        """Since 6.16 the kernel refuses them to the sender; before, it drops them. Either way none is the service's to close."""
        open_before = None
        for _ in range(8):
            player = self.caller()
            number = player.socket_connect(path=self.socket)
            with contextlib.suppress(Exception):
                player.socket_send(number=number, text="name=x\0", descriptors=60)
                player.socket_receive(number=number)
            held = [os.readlink(f"/proc/{self.daemon.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{self.daemon.pid}/fd")].count("/dev/null")
            open_before = held if open_before is None else open_before
            self.assertEqual(held, open_before)
        self.assertRegex(self.ask(self.root)[0], "^game=")

    def test_a_connection_asks_once(self):
        player = self.caller()
        number = player.socket_connect(path=self.socket)
        player.socket_send(number=number, text="name=x\0")
        self.assertRegex(player.socket_receive(number=number)[0], "^game=")
        player.socket_send(number=number, text="name=x\0")
        self.assertEqual(player.socket_receive(number=number), [])

    def test_who_asks_too_often_is_told_so_and_others_are_served(self):
        player, other = self.caller(), self.caller()
        answers = [self.ask(player, "name\0") for _ in range(30)]
        self.assertEqual({answer[0] for answer in answers}, {"error=org.gamesched.Error.InvalidArgument"})
        answers = [self.ask(player) for _ in range(30)]
        self.assert_error(answers[-1], "LimitsExceeded")
        self.assertRegex(self.ask(other)[0], "^game=")

    def test_connections_that_ask_nothing_take_nobodys_place_but_their_users(self):
        player, other = self.caller(), self.caller()
        numbers = [player.socket_connect(path=self.socket) for _ in range(9)]
        self.assertEqual(player.socket_receive(number=numbers[0]), [], "the first makes room for the ninth")
        player.socket_send(number=numbers[-1], text="name=x\0")
        self.assertRegex(player.socket_receive(number=numbers[-1])[0], "^game=")
        self.assertRegex(self.ask(other)[0], "^game=")


class WhenPolkitSaysNo(SocketTest):
    polkit = "no"

    def test_nothing_is_registered(self):
        player = self.caller()
        self.assertIn("not allowed", self.assert_error(self.ask(player), "NotAuthorized"))
        self.assertEqual(self.kernel_games(), set())


class WithoutPolkit(SocketTest):
    polkit = None

    def test_users_are_refused_and_root_is_not(self):
        self.assertEqual(self.ask(self.caller()), [], "it goes over the bus, which says why")
        self.assertRegex(self.ask(self.root)[0], "^game=")


class WhileItIsDecided(SocketTest):
    polkit = "hold"

    def asked(self):
        player = self.caller()
        number = player.socket_connect(path=self.socket)
        player.socket_send(number=number, text="name=x\0")
        wait_for(lambda: self.polkitd.ask(asked=True), "the question")
        return player, number

    def test_who_leaves_is_not_registered(self):
        player, number = self.asked()
        player.socket_close(number=number)
        # Its end is seen before what comes after it.
        self.ask(self.root, "name")
        self.polkitd.ask(release=True)
        self.assertRegex(self.ask(self.root)[0], "^game=")
        self.assertEqual(self.kernel_games(), {self.root.pid})

    def test_questions_keep_their_places_when_who_asked_leaves(self):
        player = self.caller()
        for _ in range(8):
            number = player.socket_connect(path=self.socket)
            player.socket_send(number=number, text="name=x\0")
            player.socket_close(number=number)
        wait_for(lambda: len(self.polkitd.ask(asked=True)) == 8, "the questions")
        self.assertEqual(self.ask(player), [], "no room")
        self.polkitd.ask(answer="yes", release=True)
        wait_for(lambda: self.ask(player) != [], "room again")

    def test_a_process_that_ends_is_not_registered(self):
        player, _ = self.asked()
        player.kill()
        self.polkitd.ask(release=True)
        self.assertRegex(self.ask(self.root)[0], "^game=")
        self.assertEqual(self.kernel_games(), {self.root.pid})

    def test_the_service_ends_in_order(self):
        self.asked()
        self.assertEqual(self.stop_daemon(), 0)


class ItsLife(SocketTest):
    def test_it_goes_with_the_service_and_comes_back_after_a_kill(self):
        self.stop_daemon(signal.SIGKILL)
        self.assertFalse(self.listens(), "what is left of it serves nobody")
        self.start_daemon()
        wait_for(self.listens, "the socket")
        self.assertRegex(self.ask(self.caller())[0], "^game=")
        self.stop_daemon()
        self.assertFalse((self.folder / "run" / "register").exists())

    def test_a_second_service_does_not_take_it(self):
        second = self.spawn_daemon()
        self.assertNotEqual(second.wait(timeout=20), 0)
        self.assertRegex(self.ask(self.caller())[0], "^game=")


if __name__ == "__main__":
    unittest.main()
