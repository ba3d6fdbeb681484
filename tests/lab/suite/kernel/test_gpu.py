# SPDX-License-Identifier: GPL-2.0-or-later
"""Threads that give work to a GPU or wait for a GPU are found by that, and frames are learnt from it."""

import ctypes
import fcntl
import mmap
import os
import pathlib
import signal
import struct
import subprocess
import threading
import time

from backend import GAME, Cells
from gpu_devices import (DMA_BUF_SYNC, FENCE_ATTACH, FENCE_SIGNAL, SYNCOBJ_WAIT, GpuTest, Vgem, card_of, run_briefly,
                         try_ioctl)
from lab import wait_until
from uinput import BTN_LEFT, EV_REL, REL_X, Device


def set_name(name):
    ctypes.CDLL(None).prctl(15, name.encode() + b"\0", 0, 0, 0)  # PR_SET_NAME


def ioctl_of_a_32_bit_program(fd, command):
    """Through the kernel's entry for such programs; without an argument."""
    code = bytes.fromhex("53 b8 36000000 89fb 89f1 31d2 cd80 5b c3")  # ioctl(2) is 54 there
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    call = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_uint)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    return call(fd, command)


class Gpu(GpuTest):
    def test_GPU1_a_thread_is_found_from_its_first_submit(self):
        card = card_of("vgem")
        self.attach()
        before = self.driver.ask("counters")
        found = self.after(lambda: Vgem(card).submit())
        self.assertEqual(self.grown(before, "gpu_submits"), 1)
        self.assertEqual(found["lane"], "frame", found)
        self.assertIn("gpu", found["evidence"])
        self.assertIn("submit", found["ages_usec"])
        self.assertEqual(found["game"], GAME)

    def test_IN10_the_next_submit_answers_the_events_that_the_game_has_read(self):
        """One time for each lane however many events it read, in that lane's histogram; the next submit answers nothing."""
        subprocess.run(["modprobe", "-a", "uinput", "evdev"], capture_output=True)
        card = card_of("vgem")
        self.attach()
        mouse = Device(keys=[BTN_LEFT], axes=[REL_X])
        self.addCleanup(mouse.close)
        node = mouse.event_device()
        out, ready = os.pipe()
        told, tell = os.pipe()

        def play():
            vgem, events = Vgem(card), os.open(node, os.O_RDONLY)
            os.write(ready, b"x")
            # A wake-up may be missed where a virtual CPU is held up between hook and wake-up, of this many not all.
            for _ in range(20):
                os.read(events, 4096)
            vgem.submit()
            vgem.submit()
            os.write(tell, b"x")
            signal.pause()

        pid = self.play(play)
        os.read(out, 1)
        before = self.driver.ask("counters")
        for number in range(20):
            wait_until("the game to wait for input", lambda: " S " in pathlib.Path(f"/proc/{pid}/stat").read_text(), interval_s=0.001)
            mouse.packet(EV_REL, REL_X, 1 if number % 2 else -1)
        os.read(told, 1)
        after = self.driver.ask("counters")
        answered = {lane: sum(after[name] - before[name] for name in after if name.startswith(f"input_{lane}_to_submit_"))
                    for lane in ("keyboard", "mouse", "controller", "other")}
        self.assertEqual(answered, {"keyboard": 0, "mouse": 1, "controller": 0, "other": 0})

    def test_GPU1_a_submit_of_no_game_is_seen_and_changes_nothing(self):
        card = card_of("vgem")
        self.attach()
        found = self.after(lambda: Vgem(card).submit(), game=False)
        self.assertIn("submit", found["ages_usec"])
        self.assertNotEqual(found["lane"], "frame")
        self.assertEqual(found["evidence"], [])

    def test_GPU1_other_commands_of_a_known_driver_are_no_submits(self):
        card = card_of("vgem")
        self.attach()
        before = self.driver.ask("counters")
        found = self.after(lambda: try_ioctl(os.open(card, os.O_RDWR), FENCE_SIGNAL, bytes(8)))
        self.assertEqual(self.grown(before, "gpu_submits"), 0)
        self.assertEqual(self.grown(before, "gpu_commands"), 0)
        self.assertEqual(found["evidence"], [])

    def test_GPU1_the_same_numbers_on_other_files_are_nothing(self):
        self.attach()
        before = self.driver.ask("counters")
        for path in ("/dev/null", "/dev/zero", "/etc/passwd"):
            self.after(lambda: try_ioctl(os.open(path, os.O_RDONLY), FENCE_ATTACH, bytes(16)))
            self.driver.ask("remove", GAME)
        for name in ("gpu_submits", "gpu_commands", "gpu_flips", "gpu_fence_waits"):
            self.assertEqual(self.grown(before, name), 0, name)

    def test_GPU1_a_32_bit_programs_submit_is_seen(self):
        card = card_of("vgem")
        self.attach()
        before = self.driver.ask("counters")
        found = self.after(lambda: ioctl_of_a_32_bit_program(os.open(card, os.O_RDWR), FENCE_ATTACH))
        self.assertEqual(self.grown(before, "gpu_submits"), 1)
        self.assertEqual(found["lane"], "frame")

    def test_GPU1_a_card_that_comes_later_is_asked_about_once(self):
        card = card_of("vgem")
        minor = os.minor(os.stat(card).st_rdev)
        self.attach()
        self.driver.ask("forget-card", minor)
        before = self.driver.ask("counters")
        found = self.after(lambda: Vgem(card).submit())
        # Both commands of vgem came to a card of which nothing was known ...
        self.assertEqual(self.grown(before, "gpu_submits"), 0)
        self.assertGreater(self.grown(before, "gpu_commands"), 0)
        self.assertIn("command", found["evidence"])
        self.assertEqual(found["lane"], "frame", "weaker evidence, but a game's")
        # ... and now it is known.
        self.driver.ask("remove", GAME)
        before = self.driver.ask("counters")
        self.after(lambda: Vgem(card).submit())
        self.assertEqual(self.grown(before, "gpu_submits"), 1)

    def test_GPU2_a_name_counts_only_where_no_hook_tells(self):
        self.attach()
        found = self.after(lambda: set_name("RenderThread 1"))
        self.assertEqual(found["evidence"], [])
        self.driver.ask("remove", GAME)
        self.driver.ask("switch-off", "gpu")
        self.addCleanup(self.driver.ask, "switch-off")
        self.assertIn("switched off", self.driver.ask("support")["detectors"]["gpu"])
        found = self.after(lambda: set_name("RenderThread 1"))
        self.assertEqual((found["lane"], found["evidence"]), ("frame", ["name"]))
        self.driver.ask("remove", GAME)
        self.assertEqual(self.after(lambda: set_name("RenderDocker"))["evidence"], [])

    def by_name(self, detector, name, game=True):
        """What a thread of that name is without the detector that would see it, and what with it."""
        def body():
            set_name(name)
            for turn in range(12):  # until it is known to run briefly: it has just started; keeping no time
                time.sleep(0.001 * (1 + turn * 5 % 12))

        found = self.after(body, game)
        self.driver.ask("remove", GAME)
        self.driver.ask("switch-off", detector)
        self.addCleanup(self.driver.ask, "switch-off")
        return self.after(body, game), found

    def test_GPU8_a_compositor_by_name_where_no_hook_tells(self):
        self.attach()
        without, found = self.by_name("gpu", "kwin_wayland", game=False)
        self.assertEqual((without["lane"], without["evidence"]), ("compositor", ["flip", "name"]))
        self.assertEqual(found["evidence"], [])

    def test_AU5_an_audio_thread_by_name_where_no_hook_tells(self):
        self.attach()
        without, found = self.by_name("audio", "SDLAudioP2")
        self.assertEqual((without["lane"], without["evidence"]), ("game_audio", ["audio", "name"]))
        self.assertEqual(found["evidence"], [])

    def test_NET4_a_network_thread_by_name_where_no_hook_tells(self):
        self.attach()
        without, found = self.by_name("network", "SteamNetworking")
        self.assertEqual((without["lane"], without["evidence"]), ("game_network", ["network", "name"]))
        self.assertEqual(found["evidence"], [])

    def test_a_detector_that_is_switched_off_sees_nothing_until_it_is_on_again(self):
        card = card_of("vgem")
        self.attach()
        self.driver.ask("switch-off", "gpu")
        before = self.driver.ask("counters")
        self.after(lambda: Vgem(card).submit())
        self.assertEqual(self.grown(before, "gpu_submits"), 0)
        self.driver.ask("remove", GAME)
        self.driver.ask("switch-off")
        self.assertEqual(self.driver.ask("support")["detectors"]["gpu"], "")
        self.after(lambda: Vgem(card).submit())
        self.assertEqual(self.grown(before, "gpu_submits"), 1)

    def test_GPU6_the_frame_period_follows_the_rate(self):
        card = card_of("vgem")
        self.attach()
        rates, seen = (60, 144, 40), Cells(len((60, 144, 40)))
        out, pipe = os.pipe()
        go, gate = os.pipe()

        def draw():
            vgem = Vgem(card)
            next_s = time.monotonic()
            for at, hz in enumerate(rates):
                begins = []
                for _ in range(16):
                    next_s = max(next_s + 1 / hz, time.monotonic())
                    time.sleep(max(0, next_s - time.monotonic()))
                    begins.append(time.monotonic_ns())
                    for _ in range(3):
                        vgem.submit()
                seen[at] = (begins[-1] - begins[-9]) // 8
                os.write(pipe, b"x")
                os.read(go, 1)

        pid = self.play(draw)
        for at, hz in enumerate(rates):
            os.read(out, 1)
            found = self.explain(pid)["frame_period_usec"] * 1000
            self.assertLess(abs(found - seen[at]), seen[at] / 5, f"{hz} Hz: {found} ns, and it drew every {seen[at]} ns")
            os.write(gate, b"x")

    def test_GPU6_frames_of_a_game_are_counted_and_tell_that_it_is_played(self):
        card = card_of("vgem")
        self.attach()
        before = self.driver.ask("counters")
        frames = 20

        def draw():
            vgem = Vgem(card)
            for _ in range(frames):
                vgem.submit()
                vgem.submit()
                time.sleep(0.015)

        self.after(draw)
        self.assertGreaterEqual(self.grown(before, "gpu_frames"), frames * 3 // 4)
        self.assertLessEqual(self.grown(before, "gpu_frames"), frames)

    def test_GPU7_who_waits_for_a_gpu_is_found(self):
        card = card_of("virtio_gpu")
        self.attach()
        before = self.driver.ask("counters")

        def wait():
            try_ioctl(os.open(card, os.O_RDWR), SYNCOBJ_WAIT, bytes(40))
            run_briefly()

        found = self.after(wait)
        self.assertGreaterEqual(self.grown(before, "gpu_fence_waits"), 1)
        self.assertEqual(found["lane"], "frame")
        self.assertIn("fence", found["evidence"])

    def test_GPU7_waits_inside_the_kernel_are_seen(self):
        card = card_of("vgem")
        self.attach()
        before = self.driver.ask("counters")

        def wait():
            vgem = Vgem(card)
            buffer = vgem.export()
            fence = vgem.attach()
            threading.Timer(0.02, lambda: vgem.signal(fence)).start()
            fcntl.ioctl(buffer, DMA_BUF_SYNC, struct.pack("=Q", 1))  # begin to read: waits for who writes
            run_briefly()

        found = self.after(wait)
        self.assertGreaterEqual(self.grown(before, "gpu_fence_waits"), 1)
        self.assertEqual(found["lane"], "frame", found)
        self.assertIn("fence", found["evidence"])

    def test_the_lane_is_left_half_a_second_after_the_last_submit(self):
        card = card_of("vgem")
        self.attach()

        def draw():
            Vgem(card).submit()
            time.sleep(0.7)

        found = self.after(draw)
        self.assertEqual(found["evidence"], [])
        self.assertNotEqual(found["lane"], "frame")

    def test_a_thread_that_computes_for_longer_than_a_frame_is_not_believed(self):
        card = card_of("vgem")
        self.attach()

        def draw():
            vgem = Vgem(card)
            for busy_ms in (30, 70, 45, 90, 35, 60, 100, 40, 80, 55):  # at no rate that a game would have
                end_ns = time.thread_time_ns() + busy_ms * 1_000_000
                while time.thread_time_ns() < end_ns:
                    pass
                vgem.submit()
                time.sleep(0.001)

        found = self.after(draw)
        self.assertNotIn("gpu", found["evidence"], found)
        self.assertNotEqual(found["lane"], "frame")

    def test_threads_of_one_process_are_told_apart(self):
        card = card_of("vgem")
        self.attach()
        tids = Cells(2)
        out, pipe = os.pipe()

        def draws():
            tids[0] = threading.get_native_id()
            Vgem(card).submit()
            time.sleep(0.001)
            os.write(pipe, b"x")
            signal.pause()

        def body():
            threading.Thread(target=draws).start()
            tids[1] = threading.get_native_id()
            signal.pause()

        self.play(body)
        os.read(out, 1)
        self.assertIn("gpu", self.explain(tids[0])["evidence"])
        self.assertNotIn("gpu", self.explain(tids[1])["evidence"])
