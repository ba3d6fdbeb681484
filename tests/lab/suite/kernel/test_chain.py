# SPDX-License-Identifier: GPL-2.0-or-later
"""Other programs between the player and the game: who brings it input, and whom a frame waits for, is as urgent."""

import os
import select
import socket
import time

from backend import GAME
from input_devices import InputTest
from uinput import EV_REL, REL_X

EVENTS = 50


def read_packet(device):
    select.select([device], [], [])
    return os.read(device, 4096)


class Chain(InputTest):
    def facts(self, pid):
        known = self.driver.ask("explain", pid)
        return known["lane"], known["evidence"]

    def started(self, start, body):
        """body(ready) in a child; its pid, once it has called ready()."""
        out, pipe = os.pipe()
        pid = start(lambda: body(lambda: os.write(pipe, b"x")))
        os.read(out, 1)
        os.close(out), os.close(pipe)
        return pid

    def move(self, mouse, last, times=EVENTS):
        """So many events, each when the last in the chain waits for it. How many woke a game's thread as input."""
        before = self.driver.ask("counters")
        for number in range(times):
            self.nudge(last, mouse, 1 if number % 2 else -1)
            time.sleep(0.002)
        return self.grown(before, "input_wakeups")

    def test_IN10_input_comes_to_a_game_through_other_programs(self):
        """As through a compositor and Xwayland."""
        mouse = self.mouse()
        self.attach()
        (first_out, first_in), (second_out, second_in) = os.pipe(), os.pipe()
        device = mouse.event_device()

        told, answer = socket.socketpair()

        def compositor(ready):
            """Tells another client, too, and hears what that has to say."""
            events = os.open(device, os.O_RDONLY)
            ready()
            while True:
                if events in select.select([events, told], [], [])[0]:
                    os.read(events, 4096)
                    os.write(first_in, b"x")
                    told.send(b"x")
                else:
                    told.recv(64)

        def client(ready):
            ready()
            while answer.recv(64):
                end_s = time.monotonic() + 0.0003
                while time.monotonic() < end_s:  # the compositor waits by then
                    pass
                answer.send(b"x")

        def pass_on(ready):
            ready()
            while os.read(first_out, 64):
                os.write(second_in, b"x")

        def play(ready):
            ready()
            while os.read(second_out, 64):
                pass

        game, x_server = self.started(self.play, play), self.started(self.fork, pass_on)
        reader, other = self.started(self.fork, compositor), self.start_reader(self.fork, mouse)
        browser = self.started(self.fork, client)
        self.assertGreater(self.move(mouse, game), EVENTS / 2)
        self.assertEqual(self.facts(game)[0], "frame")
        self.assertIn("input", self.facts(game)[1])
        for name, pid in (("the compositor", reader), ("the X server", x_server)):
            self.assertEqual(self.facts(pid), ("compositor", ["brings"]), name)
        for name, pid in (("who only hears", other), ("who answers the compositor", browser)):
            self.assertNotEqual(self.facts(pid)[0], "compositor", f"{name} brings nothing")
        self.assert_still_attached()

    def test_IN10_a_chain_that_leads_to_no_game_is_nothing(self):
        mouse = self.mouse()
        self.with_game()
        self.attach()
        device, (out, into) = mouse.event_device(), os.pipe()

        def pass_on(ready):
            events = os.open(device, os.O_RDONLY)
            ready()
            while read_packet(events):
                os.write(into, b"x")

        def end(ready):
            ready()
            while os.read(out, 64):
                pass

        last, reader = self.started(self.fork, end), self.started(self.fork, pass_on)
        before = self.driver.ask("counters")
        self.assertEqual(self.move(mouse, last), 0)
        self.assertEqual(self.grown(before, "input_brought"), 0)
        for pid in (last, reader):
            self.assertNotIn("brings", self.facts(pid)[1])
        self.assert_still_attached()

    def test_IN2_who_writes_what_a_game_reads_from_a_virtual_device_brings_it_input(self):
        """As Steam Input and other remappers."""
        real, virtual = self.mouse(), self.mouse()
        self.attach()
        source = real.event_device()

        def remap(ready):
            events, motion = os.open(source, os.O_RDONLY), 1
            ready()
            while read_packet(events):
                motion = -motion
                virtual.packet(EV_REL, REL_X, motion)

        game, remapper = self.start_reader(self.play, virtual), self.started(self.fork, remap)
        other = self.start_reader(self.fork, real)
        self.assertGreater(self.move(real, game), EVENTS / 2)
        self.assertEqual(self.facts(remapper), ("compositor", ["brings"]))
        self.assertNotEqual(self.facts(other)[0], "compositor")
        self.driver.ask("remove", GAME)
        self.assert_still_attached()

    def test_POL4_who_a_frame_waits_for_is_urgent_whatever_program_it_is(self):
        """As an X server that hands out the next buffer. Whom the game only tells something is not."""
        mouse = self.mouse()
        self.attach()
        device = mouse.event_device()
        asks, answers = socket.socketpair()
        tells, hears = socket.socketpair()

        def play(ready):
            events = os.open(device, os.O_RDONLY)
            ready()
            while read_packet(events):
                tells.send(b"x")
                asks.send(b"x")
                asks.recv(1)

        def serve(ready):
            ready()
            while answers.recv(1):
                time.sleep(0.0005)  # the game waits by then
                answers.send(b"x")

        def listen(ready):
            ready()
            while hears.recv(1):
                pass

        game, server = self.started(self.play, play), self.started(self.fork, serve)
        logger = self.started(self.fork, listen)
        before = self.driver.ask("counters")
        self.move(mouse, game)
        # In the middle of it: what it is known by lasts half a second.
        self.assertEqual(self.facts(server), ("compositor", ["serves"]))
        self.assertEqual(self.facts(game)[0], "frame")
        self.assertNotEqual(self.facts(logger)[0], "compositor")
        self.assertGreater(self.grown(before, "frames_served"), EVENTS / 2)
        self.driver.ask("remove", GAME)
        self.assert_still_attached()
