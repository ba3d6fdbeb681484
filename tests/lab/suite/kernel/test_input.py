# SPDX-License-Identifier: GPL-2.0-or-later
"""The input detector: what an event does in the kernel."""

import os
import random
import time

from backend import GAME
from input_devices import INPUT_LANES, SLOTS, InputTest
from lab import wait_until
from uinput import (ABS_THROTTLE, BTN_GAMEPAD, BTN_LEFT, BTN_TOUCH, EV_ABS, EV_KEY, EV_REL, EV_SW, KEY_A, KEY_POWER, REL_X,
                    SW_LID, Device)

TELL_S = (1 << 30) / 1e9  # GS_RATE_TELL_NS


class Input(InputTest):
    def test_IN1_the_hook_sees_every_event(self):
        mouse = self.mouse()
        for game in (False, True):
            with self.subTest(game=game):
                if game:
                    self.with_game()
                before = self.input_counters()
                for number in range(1000):
                    mouse.packet(EV_REL, REL_X, 1 if number % 2 else -1)
                grown = self.input_grown(before)
                self.assert_all_accounted_for(grown, 2000)
                self.assertEqual(grown["events_without_game"], 0 if game else 2000)
                self.assertEqual(grown["events_not_for_games"], 0)

    def test_IN9_an_event_opens_its_own_window_only(self):
        self.with_game()
        devices = {"mouse": (self.mouse(), EV_REL, REL_X), "keyboard": (self.device(keys=[KEY_A]), EV_KEY, KEY_A),
                   "controller": (self.device(keys=[BTN_GAMEPAD]), EV_KEY, BTN_GAMEPAD),
                   "other": (self.device(keys=[BTN_TOUCH]), EV_KEY, BTN_TOUCH)}
        for lane, (device, kind, code) in devices.items():
            with self.subTest(lane=lane):
                before = self.driver.ask("windows")
                device.packet(kind, code, 1)
                after = self.driver.ask("windows")
                self.assertGreater(after[lane], before["now"], "the window's end lies after the event")
                self.assertGreater(after[lane], before[lane])
                others = {name for name in after if name not in (lane, "now")}
                self.assertEqual({name: after[name] for name in others}, {name: before[name] for name in others})

    def test_IN9_a_windows_length_is_its_lanes_tunable_and_newer_events_of_the_lane_extend_it(self):
        self.with_game()
        mouse, keyboard = self.mouse(), self.device(keys=[KEY_A])
        self.addCleanup(self.driver.ask, "tune")

        def closed():
            ends = self.driver.ask("windows")
            return ends["mouse"] < ends["now"]

        self.addCleanup(wait_until, "the long window to close", closed)
        for length_ns in (1_000_000, 700_000_000):
            with self.subTest(length_ns=length_ns):
                self.driver.ask("tune", "window_mouse_ns", length_ns)
                before = self.driver.ask("windows")
                mouse.packet(EV_REL, REL_X, 1)
                after = self.driver.ask("windows")
                self.assertGreaterEqual(after["mouse"], before["now"] + length_ns)
                self.assertLessEqual(after["mouse"], after["now"] + length_ns)
                keyboard.packet(EV_KEY, KEY_A, 1)
                keyboard.packet(EV_KEY, KEY_A, 0)
                self.assertEqual(self.driver.ask("windows")["mouse"], after["mouse"], "another lane's event")
                mouse.packet(EV_REL, REL_X, 1)
                self.assertGreater(self.driver.ask("windows")["mouse"], after["mouse"], "its own lane's")

    def test_IN9_without_a_game_no_window_opens(self):
        before = self.driver.ask("windows")
        self.mouse().packet(EV_REL, REL_X, 1)
        after = self.driver.ask("windows")
        before.pop("now"), after.pop("now")
        self.assertEqual(after, before)

    def test_IN2_what_is_no_input_for_games_opens_nothing(self):
        self.with_game()
        for name, device, event in (("lid", self.device(switches=[SW_LID]), (EV_SW, SW_LID)),
                                    ("power button", self.device(keys=[KEY_POWER]), (EV_KEY, KEY_POWER))):
            with self.subTest(device=name):
                counters, before = self.input_counters(), self.driver.ask("windows")
                device.packet(*event, 1)
                after, grown = self.driver.ask("windows"), self.input_grown(counters)
                self.assertEqual((grown["events"], grown["events_not_for_games"]), (2, 2))
                before.pop("now"), after.pop("now")
                self.assertEqual(after, before)

    def test_IN2_a_device_that_the_kernel_cannot_tell_is_asked_about_once(self):
        self.with_game()
        pedals = self.device(absolute=[ABS_THROTTLE])
        lid = self.device(switches=[SW_LID])
        lid.packet(EV_SW, SW_LID, 1)
        before = self.driver.ask("windows")
        pedals.packet(EV_ABS, ABS_THROTTLE, 0)
        state = self.driver.ask("questions")
        asked = state["asked"]
        self.assertIn(pedals.number(), state["open"])
        self.assertNotIn(lid.number(), state["open"])
        self.assertGreaterEqual(asked, 1)
        self.assertEqual(self.driver.ask("windows")["controller"], before["controller"], "not before the answer")
        self.driver.ask("answer", pedals.number(), INPUT_LANES["controller"])
        pedals.packet(EV_ABS, ABS_THROTTLE, 0)
        self.assertGreater(self.driver.ask("windows")["controller"], before["now"])
        self.assertEqual(self.driver.ask("questions")["asked"], asked, "asked once")

    def test_IN2_what_is_plugged_in_again_is_another_device(self):
        """The kernel may give it the memory, and so the key, of the one before."""
        self.with_game()
        self.pin(0)
        kinds = [("mouse", dict(keys=[BTN_LEFT], axes=[REL_X]), (EV_REL, REL_X)), ("keyboard", dict(keys=[KEY_A]), (EV_KEY, KEY_A)),
                 ("none", dict(switches=[SW_LID]), (EV_SW, SW_LID))]
        for number in range(30):
            lane, options, event = kinds[number % 3]
            device = Device(**options)
            before = self.driver.ask("windows")
            device.packet(*event, 1)
            after = self.driver.ask("windows")
            device.close()
            extended = {name for name in INPUT_LANES if after[name] != before[name]}
            self.assertEqual(extended, {lane} - {"none"}, number)
        self.assertEqual(self.driver.ask("devices"), 0)

    def test_IN2_a_hundred_devices_come_and_go(self):
        self.with_game()
        rng = random.Random(1)
        make = [dict(keys=[BTN_LEFT], axes=[REL_X]), dict(keys=[KEY_A]), dict(keys=[BTN_GAMEPAD]), dict(switches=[SW_LID])]
        use = [(EV_REL, REL_X), (EV_KEY, KEY_A), (EV_KEY, BTN_GAMEPAD), (EV_SW, SW_LID)]
        alive, created, events, not_for_games = [], 0, 0, 0
        before = self.input_counters()
        while created < 100 or alive:
            if created < 100 and (not alive or rng.random() < 0.3):
                kind = rng.randrange(4)
                alive.append([Device(**make[kind]), kind, 0])
                created += 1
            elif rng.random() < 0.25 or created == 100 and rng.random() < 0.5:
                alive.pop(rng.randrange(len(alive)))[0].close()
            else:
                entry = rng.choice(alive)
                device, kind, value = entry
                entry[2] = value = 1 - value
                device.packet(*use[kind], value)
                events += 2
                not_for_games += 2 * (kind == 3)
        grown = self.input_grown(before)
        # A key that is down when its device goes is let go of by the kernel: events that nobody wrote.
        self.assertGreaterEqual(grown["events"], events)
        self.assert_all_accounted_for(grown, grown["events"])
        self.assertEqual(grown["events_not_for_games"], not_for_games)
        self.assertLessEqual(grown["devices_seen"], 100)
        self.assertEqual(self.driver.ask("devices"), 0, "the table holds no device that is gone")

    def test_IN3_a_device_in_high_rate_mode_is_not_looked_up(self):
        self.with_game()
        mouse = self.mouse()
        self.pin(0)
        before = self.input_counters()
        mouse.move(20000)
        grown = self.input_grown(before)
        self.assert_all_accounted_for(grown, 40000)
        self.assertLess(grown["device_cache_hits"] + grown["device_cache_misses"], 8000, "most take the fast path")

    def test_IN3_the_daemon_is_told_at_once_and_then_once_a_second(self):
        """So that it does not wake with each event that a game's thread wakes for (rate.h)."""
        self.with_game()
        for name, pause_s, packets in (("125 Hz", 0.008, 400), ("1000 Hz", 0.001, 3200)):
            with self.subTest(mouse=name):
                mouse = self.mouse()
                self.pin_to_fresh_slots()
                before, start = self.input_counters(), time.monotonic()
                mouse.packet(EV_REL, REL_X, -1)
                self.assertEqual(self.input_grown(before)["records"], 2, "that it is there, and its first event, at once")
                before = self.input_counters()
                for number in range(packets):
                    time.sleep(pause_s)
                    mouse.packet(EV_REL, REL_X, 1 if number % 2 == 0 else -1)
                lasted_s = time.monotonic() - start
                grown = self.input_grown(before)
                self.assert_all_accounted_for(grown, 2 * packets)
                # Told at the end of a period, with an event: each time somewhat more than a second after the last.
                self.assertGreaterEqual(grown["records"], lasted_s // (TELL_S + 0.1))
                self.assertLessEqual(grown["records"], lasted_s / TELL_S)

    def test_IN4_the_least_recently_used_device_loses_its_slot(self):
        self.with_game()
        self.pin(0)
        rng = random.Random(2)
        devices = [self.mouse() for _ in range(40)]
        for device in devices:
            device.packet(EV_REL, REL_X, 1)
        before = self.input_counters()
        for number in range(4000):
            device = devices[rng.randrange(3)] if number % 200 else rng.choice(devices)
            device.packet(EV_REL, REL_X, 1)
        grown = self.input_grown(before)
        self.assertEqual(grown["devices_seen"], 0)
        self.assertLessEqual(grown["device_cache_misses"], grown["events"] / 100)

    def test_IN6_what_a_full_ring_drops_is_counted_and_noticed(self):
        self.with_game()
        self.pin(0)
        devices = [self.mouse() for _ in range(2 * SLOTS)]
        before = self.input_counters()
        lost_before = self.driver.ask("questions")["lost"]
        # More devices in turn than slots: each is new to its slot, so every event has a record of its own.
        packets = 6000
        for number in range(packets):
            devices[number % len(devices)].packet(EV_REL, REL_X, 1)
        window = self.driver.ask("windows")
        grown = self.input_grown(before)
        self.assert_all_accounted_for(grown, 2 * packets)
        self.assertGreater(grown["events_dropped"], 0)
        self.assertGreater(window["mouse"], 0)
        per_ring = [value for name, value in grown.items() if name.startswith("ring")]
        self.assertEqual(len(per_ring), 16)
        self.assertGreater(per_ring[0], 0)
        self.assertEqual(sum(per_ring[1:]), 0, "the other CPUs' rings")
        self.assertGreater(self.driver.ask("questions")["lost"], lost_before, "the daemon hears of it")
        # Nothing is stuck: what comes next arrives, and so does what the one had pending that loses its slot.
        before = self.input_counters()
        devices[0].packet(EV_REL, REL_X, 1)
        grown = self.input_grown(before)
        self.assertEqual((grown["events_delivered"], grown["events_dropped"]), (2, 0))

    def test_IN10_a_game_thread_that_an_event_wakes_is_urgent_and_no_other(self):
        mouse = self.mouse()
        self.attach()
        for game in (False, True):
            with self.subTest(game=game):
                pid = self.start_reader(self.play if game else self.fork, mouse)
                before = self.driver.ask("counters")
                woken = self.wake(pid, mouse)
                # A virtual CPU may be held up between hook and wake-up: most, not all.
                self.assertGreater(woken, 25) if game else self.assertEqual(woken, 0)
                # Each such wake-up is in the histogram of its lane, and in no other.
                in_histograms = {lane: sum(self.grown(before, name) for name in before if name.startswith(f"input_{lane}_to_reader_"))
                                 for lane in INPUT_LANES}
                self.assertEqual(in_histograms, {lane: woken if lane == "mouse" else 0 for lane in INPUT_LANES})
                self._kill(pid)
        self.assert_still_attached()

    def test_IN9_the_foreground_game_alone_profits(self):
        mouse = self.mouse()
        self.attach()
        pid = self.start_reader(self.play, mouse)
        self.addCleanup(self.driver.ask, "foreground", 0)
        for foreground, profits in ((GAME + 1, False), (GAME, True), (0, True)):
            with self.subTest(foreground=foreground):
                self.driver.ask("foreground", foreground)
                woken = self.wake(pid, mouse)
                self.assertGreater(woken, 25) if profits else self.assertEqual(woken, 0)
        self.assert_still_attached()

    def test_BUS5_the_game_that_gets_the_input_comes_to_the_front(self):
        self.attach()
        mice = [self.mouse(), self.mouse()]
        first = self.start_reader(self.play, mice[0])
        second = self.start_reader(lambda body: self.play(body, GAME + 1), mice[1])
        self.addCleanup(self.driver.ask, "foreground", 0)
        self.driver.ask("foreground", GAME + 1)  # as the registry does: it was started last
        self.driver.ask("programs")
        played = lambda: self.driver.ask("programs")["played"]
        self.wake(second, mice[1], times=10)
        self.assertEqual(played(), [], "it is in front already")
        # Nobody has touched the other mouse for a while; an event that no CPU holds up is enough.
        for pid, mouse, game in ((first, mice[0], GAME), (second, mice[1], GAME + 1)):
            time.sleep(0.5)
            self.assertGreater(self.wake(pid, mouse, times=10), 0)
            self.assertEqual(played(), [game], "told once")
        # While one gets input, what goes to the other moves nothing.
        for number in range(100):
            self.nudge(second, mice[1], 1 if number % 2 else -1)
            self.nudge(first, mice[0], 1 if number % 2 else -1)
        self.assertEqual(played(), [])
        self.assert_still_attached()
