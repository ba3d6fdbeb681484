# SPDX-License-Identifier: GPL-2.0-or-later
"""NET-1, NET-2, NET-3: network threads by what their sockets carry, between two network namespaces."""

import ctypes
import os
import pathlib
import signal
import socket
import struct
import subprocess
import time

import uring
from backend import GAME, BackendTest
from lab import first_line, wait_until

HERE, THERE, PORT = "lab-here", "lab-there", 27015
ADDRESSES = {socket.AF_INET: ("10.77.0.1", "10.77.0.2"), socket.AF_INET6: ("fd77::1", "fd77::2")}
CLONE_NEWNET = 0x40000000


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def enter(namespace):
    with open(f"/run/netns/{namespace}") as handle:
        if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


class Network(BackendTest):
    @classmethod
    def setUpClass(cls):
        for namespace in (HERE, THERE):
            ip("netns", "add", namespace)
        ip("link", "add", HERE, "netns", HERE, "type", "veth", "peer", "name", THERE, "netns", THERE)
        for at, namespace in enumerate((HERE, THERE)):
            ip("-n", namespace, "address", "add", ADDRESSES[socket.AF_INET][at] + "/24", "dev", namespace)
            ip("-n", namespace, "address", "add", ADDRESSES[socket.AF_INET6][at] + "/64", "dev", namespace, "nodad")
            ip("-n", namespace, "link", "set", namespace, "up")

    @classmethod
    def tearDownClass(cls):
        for namespace in (HERE, THERE):
            ip("netns", "del", namespace)

    def setUp(self):
        super().setUp()
        self.assertEqual(self.driver.ask("support")["detectors"].get("network"), "", "the detector is attached")

    def in_namespace(self, namespace, body):
        def run():
            enter(namespace)
            body()

        return self.fork(run)

    def signals(self, tid):
        return self.driver.ask("signals", tid) or {"net": 0, "bulk": 0}

    def server(self, family, kind, serve, port=PORT):
        """Listens before this returns."""
        up_read, up = os.pipe()

        def run():
            listener = socket.socket(family, kind)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((ADDRESSES[family][1], port))
            if kind == socket.SOCK_STREAM:
                listener.listen(1)
            os.write(up, b"x")
            serve(listener)

        pid = self.in_namespace(THERE, run)
        os.read(up_read, 1)
        os.close(up_read), os.close(up)
        return pid

    def client(self, family, kind, talk, port=PORT):
        def run():
            with socket.socket(family, kind) as connection:
                connection.connect((ADDRESSES[family][1], port))
                talk(connection)

        return self.in_namespace(HERE, run)

    @staticmethod
    def echo(listener):
        while True:
            message, peer = listener.recvfrom(4096)
            listener.sendto(message, peer)

    @staticmethod
    def converse(hz, size=80):
        def talk(connection):
            while True:
                connection.send(bytes(size))
                connection.recv(4096)
                time.sleep(1 / hz)

        return talk

    def test_NET1_threads_of_a_live_conversation_from_their_first_message(self):
        for family in ADDRESSES:
            with self.subTest(family=family):
                def once(connection):
                    connection.send(bytes(80))
                    signal.pause()

                server = self.server(family, socket.SOCK_DGRAM, self.echo)
                client = self.client(family, socket.SOCK_DGRAM, once)
                wait_until("the sender to be known", lambda: self.signals(client)["net"])
                wait_until("the receiver to be known", lambda: self.signals(server)["net"])
                self.assertEqual((self.signals(client)["bulk"], self.signals(server)["bulk"]), (0, 0))

    def test_NET1_every_way_to_send_is_seen(self):
        """sendmmsg's second message goes past the checks of the first."""
        libc = ctypes.CDLL(None, use_errno=True)
        count = 50

        def ways(connection):
            yield lambda: connection.send(b"x")
            yield lambda: connection.sendto(b"x", connection.getpeername())
            yield lambda: connection.sendmsg([b"x"])
            yield lambda: os.write(connection.fileno(), b"x")
            yield lambda: os.writev(connection.fileno(), [b"x", b"y"])

        server = self.server(socket.AF_INET, socket.SOCK_DGRAM, lambda listener: signal.pause())
        for number in range(5):
            with self.subTest(way=number):
                before = self.driver.ask("counters")

                def talk(connection):
                    way = list(ways(connection))[number]
                    for _ in range(count):
                        way()
                    signal.pause()

                client = self.client(socket.AF_INET, socket.SOCK_DGRAM, talk)
                wait_until(lambda: f"{count} messages, {self.grown(before, 'net_messages')} seen",
                           lambda: self.grown(before, "net_messages") >= count)
                self.assertTrue(self.signals(client)["net"])
        with self.subTest(way="sendmmsg"):
            before = self.driver.ask("counters")

            def together(connection):
                peer = ctypes.create_string_buffer(struct.pack("=H", socket.AF_INET) + struct.pack("!H", PORT)
                                                   + socket.inet_aton(ADDRESSES[socket.AF_INET][1]) + bytes(8))
                payload = ctypes.create_string_buffer(b"x")
                part = ctypes.create_string_buffer(struct.pack("PN", ctypes.addressof(payload), 1))
                header = struct.pack("PI4xPNPNi4xI4x", ctypes.addressof(peer), 16, ctypes.addressof(part), 1, 0, 0, 0, 0)
                messages = ctypes.create_string_buffer(header * count)
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as loose:
                    if libc.sendmmsg(loose.fileno(), messages, count, 0) != count:
                        raise OSError(ctypes.get_errno(), "sendmmsg")
                signal.pause()

            self.client(socket.AF_INET, socket.SOCK_DGRAM, together)
            wait_until(lambda: f"{count} messages, {self.grown(before, 'net_messages')} seen",
                       lambda: self.grown(before, "net_messages") >= count)

    def known(self, pid):
        """The threads of a process that hold a live conversation, by name; the kernel's that work for it are among them."""
        names = {}
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            if self.signals(int(task.name))["net"]:
                names[int(task.name)] = first_line(task / "comm")
        return names

    def test_NET1_io_uring_is_seen(self):
        """It goes past the system calls. Who is known is the thread that sends: the one that asks, or a worker, or the
        thread that polls for requests, which belong to the same process."""
        count = 50
        for way, setup, request, name in (("at once", 0, 0, None), ("by a worker", 0, uring.ASYNC, "iou-wrk-"),
                                          ("by a thread that polls", uring.SQPOLL, 0, "iou-sqp-")):
            with self.subTest(way=way):
                before = self.driver.ask("counters")

                def talk(connection):
                    ring = uring.Ring(setup)
                    for _ in range(count):
                        ring.send(connection.fileno(), b"x", request)
                        ring.receive(connection.fileno(), 64, request)
                    signal.pause()

                server = self.server(socket.AF_INET, socket.SOCK_DGRAM, self.echo)
                client = self.client(socket.AF_INET, socket.SOCK_DGRAM, talk)
                # Both ends, both ways.
                wait_until(lambda: f"{4 * count} messages, {self.grown(before, 'net_messages')} seen",
                           lambda: self.grown(before, "net_messages") >= 4 * count)
                known = self.known(client)
                if name:
                    self.assertTrue(any(comm.startswith(name) for comm in known.values()), known)
                else:
                    self.assertIn(client, known)
                self._kill(client), self._kill(server)

    def test_NET1_local_sockets_are_no_network(self):
        before = self.driver.ask("counters")
        ours, theirs = socket.socketpair()
        for _ in range(100):
            ours.send(b"x")
            theirs.recv(1)
        ours.close(), theirs.close()
        self.assertLess(self.grown(before, "net_messages"), 100)
        self.assertEqual(self.signals(os.getpid())["net"], 0)

    def test_NET2_a_server_on_this_machine_is_as_urgent_as_the_game_that_spoke_to_it(self):
        """It is no part of the game. Another one, to which somebody else speaks at the same rate, is not."""
        servers = [self.server(socket.AF_INET, socket.SOCK_DGRAM, self.echo, port=PORT + at) for at in range(2)]
        player, _ = [self.client(socket.AF_INET, socket.SOCK_DGRAM, self.converse(60), port=PORT + at) for at in range(2)]
        self.driver.ask("add", GAME, player)
        self.attach()

        def facts(tid):
            known = self.driver.ask("explain", tid)
            return known["lane"], known["evidence"]

        wait_until(lambda: f"the game's server to be urgent; it is {facts(servers[0])}, the game {facts(player)}",
                   lambda: facts(servers[0]) == ("game_network", ["network", "answers"]))
        wait_until(lambda: f"the other to be known; it is {facts(servers[1])}", lambda: "network" in facts(servers[1])[1])
        before = self.driver.ask("counters")
        while self.grown(before, "net_messages") < 4 * 60:
            self.assertNotIn("answers", facts(servers[1])[1])
            time.sleep(0.01)
        self.driver.ask("remove", GAME)
        wait_until(lambda: f"nobody's server to be urgent no more; it is {facts(servers[0])}",
                   lambda: facts(servers[0])[0] != "game_network")
        self.assert_still_attached()

    def test_NET3_a_conversation_over_tcp_is_live_after_a_while(self):
        def serve(listener):
            connection, _ = listener.accept()
            while message := connection.recv(4096):
                connection.send(message)

        server = self.server(socket.AF_INET, socket.SOCK_STREAM, serve)
        client = self.client(socket.AF_INET, socket.SOCK_STREAM, self.converse(20))
        wait_until("the client to be known", lambda: self.signals(client)["net"])
        wait_until("the server to be known", lambda: self.signals(server)["net"])

    def test_NET3_a_bulk_transfer_and_a_conversation_end_apart(self):
        def serve(listener):
            connection, _ = listener.accept()
            while True:
                connection.send(bytes(65536))

        def fetch(connection):
            while connection.recv(65536):
                pass

        self.server(socket.AF_INET, socket.SOCK_STREAM, serve, port=8080)
        self.server(socket.AF_INET, socket.SOCK_DGRAM, self.echo)
        bulk = self.client(socket.AF_INET, socket.SOCK_STREAM, fetch, port=8080)
        live = self.client(socket.AF_INET, socket.SOCK_DGRAM, self.converse(30))
        wait_until("the transfer to be bulk", lambda: self.signals(bulk)["bulk"])
        wait_until("the conversation to be live", lambda: self.signals(live)["net"])
        self.assertEqual((self.signals(bulk)["net"], self.signals(live)["bulk"]), (0, 0))

    def test_NET3_a_question_for_a_name_is_neither(self):
        server = self.server(socket.AF_INET, socket.SOCK_DGRAM, self.echo, port=53)
        before = self.driver.ask("counters")
        client = self.client(socket.AF_INET, socket.SOCK_DGRAM, self.converse(1), port=53)
        wait_until("a question and its answer", lambda: self.grown(before, "net_messages") >= 4)
        self.assertEqual((self.signals(client)["net"], self.signals(server)["net"]), (0, 0))
