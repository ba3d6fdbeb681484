# SPDX-License-Identifier: GPL-2.0-or-later
"""GPU-8: who puts frames on a screen, and who does that for them, is found by that."""

import fcntl
import glob
import os
import pathlib
import struct
import subprocess
import threading
import time

from backend import GAME, Cells, count_up
from gpu_devices import ATOMIC_TEST_ONLY, MODE_ATOMIC, GpuTest, Vgem, card_of, try_ioctl
from lab import PROGRAMS, wait_until
from uinput import BTN_LEFT, REL_X, REL_Y, Device

# linux/fb.h
FBIOGET_VSCREENINFO, FBIOPUT_VSCREENINFO, FB_ACTIVATE_FORCE = 0x4600, 0x4601, 128

WESTON = ["weston", "--backend=drm", "--renderer=pixman", "--idle-time=0", "--no-config"]


class Compositors(GpuTest):
    def flipping(self, game):
        argv = [str(PROGRAMS / "flipper"), card_of("virtio_gpu"), "--hz", "60", "--seconds", "3600"]
        before = self.driver.ask("counters")
        run = lambda: os.execv(argv[0], argv)
        pid = self.play(run) if game else self.fork(run)
        wait_until("the screen to flip", lambda: self.grown(before, "gpu_flips") >= 10)
        return pid

    def test_GPU8_who_flips_is_a_compositor_whatever_its_name_and_so_is_the_next(self):
        self.attach()
        for _ in range(2):
            pid = self.flipping(game=False)
            found = self.explain(pid)
            self.assertEqual((found["lane"], found["evidence"]), ("compositor", ["flip"]))
            self.assertGreater(found["frame_period_usec"], 0)
            self._kill(pid)

    def test_GPU8_the_kernels_worker_that_flips_is_as_urgent_as_who_asked(self):
        """A driver hands a flip to a workqueue; beside hogs its worker would wait for its turn, and the frame with it."""
        self.attach()
        for _ in range(3 * os.cpu_count()):
            self.fork(lambda: count_up(Cells(1), 0))
        pid = self.flipping(game=False)
        before = self.driver.ask("counters")
        wait_until("flips", lambda: self.grown(before, "gpu_flips") >= 100)
        after = self.driver.ask("counters")
        self.assertGreater(after["errands"] - before["errands"], 0.8 * (after["gpu_flips"] - before["gpu_flips"]))
        self._kill(pid)
        self.assert_still_attached()

    def test_GPU8_the_kernels_worker_does_no_errand_for_other_calls_of_who_flips(self):
        card = card_of("virtio_gpu")
        self.attach()
        before = self.driver.ask("counters")

        def flip_and_write():
            screen, (_, terminal) = os.open(card, os.O_RDWR), os.openpty()
            for _ in range(50):
                try_ioctl(screen, MODE_ATOMIC, bytes(56))
                os.write(terminal, b"x")  # which a workqueue carries to the other side
                time.sleep(0.002)

        self.after(flip_and_write)
        self.assertGreaterEqual(self.grown(before, "gpu_flips"), 50)
        self.assertEqual(self.grown(before, "errands"), 0)

    def test_GPU8_an_errand_is_one_whoever_queues_it_again(self):
        """As the interrupt for which a GPU's job had to wait. Here it is who writes to the frame buffer, whose driver has a worker
        bring that to the screen; an ioctl of who flips has been the first to have it do so."""
        card = card_of("virtio_gpu")
        buffer = os.open(wait_until("a frame buffer", lambda: next(iter(glob.glob("/dev/fb*")), None)), os.O_RDWR)
        self.addCleanup(os.close, buffer)
        mode = bytearray(fcntl.ioctl(buffer, FBIOGET_VSCREENINFO, bytes(160)))
        struct.pack_into("I", mode, 84, FB_ACTIVATE_FORCE)  # as it is: the text on it is drawn anew
        self.attach()

        def write(times=20):
            before = self.driver.ask("counters")
            for number in range(times):
                os.pwrite(buffer, bytes([number]) * 4, 0)
                time.sleep(0.01)
            return self.grown(before, "errands")

        self.assertEqual(write(), 0, "nobody's work")

        def flip_and_ask():
            screen = os.open(card, os.O_RDWR)
            try_ioctl(screen, MODE_ATOMIC, bytes(56))
            fcntl.ioctl(buffer, FBIOPUT_VSCREENINFO, bytes(mode))

        def is_known():
            self.after(flip_and_ask, game=False)
            return write() >= 10

        # Not at once where the driver has that work to do already, or the screen is somebody's still.
        wait_until("the same work to be known when another asks for it", is_known)
        time.sleep(1.1)  # GS_ERRAND_KNOWN_NS
        self.assertEqual(write(), 0, "no frame has needed it for long")

    def compositor(self, *argv, **environment):
        """A real one on the screen: its process, what its clients need to find it, and what it and they have said."""
        run = self.scratch()
        log = open(run / "log", "wb")
        self.addCleanup(log.close)
        # Its own seat: no logind here, no virtual terminal to share. No real-time priority, as in a user's session: sway
        # takes it where it may, and runs above us then.
        env = {"PATH": os.environ["PATH"], "HOME": str(run), "XDG_RUNTIME_DIR": str(run), "LIBSEAT_BACKEND": "builtin", "SEATD_VTBOUND": "0",
               **environment}
        options = dict(env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        process = self.start(["setpriv", "--bounding-set=-sys_nice", "--", *argv], **options)

        def said():
            return (run / "log").read_text(errors="replace")[-3000:]

        def socket():
            self.assertIsNone(process.poll(), said())
            return next((path.name for path in run.glob("wayland-*") if path.suffix != ".lock"), None)

        env["WAYLAND_DISPLAY"] = wait_until(lambda: "its socket: " + said(), socket)
        return process, options, said

    def drawing(self, *argv, **environment):
        """What is known of one that has drawn for a while."""
        before = self.driver.ask("counters")
        process, options, said = self.compositor(*argv, **environment)
        # Draws anew whenever the last picture was shown.
        self.start(["weston-simple-shm"], **options)
        wait_until(lambda: "the screen to flip: " + said(), lambda: self.grown(before, "gpu_flips") >= 20)
        found = {tid: self.explain(tid) for tid in map(int, os.listdir(f"/proc/{process.pid}/task"))}
        self._end(process)
        return {tid: facts for tid, facts in found.items() if "flip" in facts.get("evidence", ())}

    def test_GPU8_weston_and_sway_are_compositors(self):
        """One takes the other's place: the next compositor is found as the first was."""
        card = card_of("virtio_gpu")
        self.attach()
        weston = [*WESTON, f"--drm-device={pathlib.Path(card).name}", "--continue-without-input"]
        sway = {"WLR_BACKENDS": "drm", "WLR_RENDERER": "pixman", "WLR_DRM_DEVICES": card, "WLR_LIBINPUT_NO_DEVICES": "1"}
        for argv, environment in ((weston, {}), (["sway", "--config", "/dev/null"], sway)):
            with self.subTest(compositor=argv[0]):
                found = self.drawing(*argv, **environment)
                self.assertEqual([(facts["lane"], facts["evidence"]) for facts in found.values()], [("compositor", ["flip"])])

    def test_GPU8_a_game_that_owns_the_screen_is_a_game(self):
        self.attach()
        before = self.driver.ask("counters")
        found = self.explain(self.flipping(game=True))
        self.assertEqual(found["lane"], "frame")
        self.assertIn("flip", found["evidence"])
        self.assertGreater(self.grown(before, "gpu_frames"), 0)

    def test_GPU8_a_configuration_that_is_only_tried_is_no_flip(self):
        card = card_of("virtio_gpu")
        self.attach()
        before = self.driver.ask("counters")
        commit = lambda flags: struct.pack("=2I6Q", flags, 0, 0, 0, 0, 0, 0, 0)
        self.after(lambda: try_ioctl(os.open(card, os.O_RDWR), MODE_ATOMIC, commit(ATOMIC_TEST_ONLY)))
        self.assertEqual(self.grown(before, "gpu_flips"), 0)
        self.driver.ask("remove", GAME)
        self.after(lambda: try_ioctl(os.open(card, os.O_RDWR), MODE_ATOMIC, commit(0)))
        self.assertEqual(self.grown(before, "gpu_flips"), 1)

    def test_GPU8_who_draws_for_a_program_that_flips_is_its_compositor(self):
        """kwin and mutter flip in another thread than they draw in."""
        screen, gpu = card_of("virtio_gpu"), card_of("vgem")
        self.attach()
        tids, done = Cells(3), threading.Event()

        def every(seconds, at, work):
            tids[at] = threading.get_native_id()
            while not done.wait(seconds):
                work()

        def compose():
            kms, vgem = os.open(screen, os.O_RDWR), Vgem(gpu)
            for at, work in enumerate((lambda: try_ioctl(kms, MODE_ATOMIC, bytes(56)), vgem.submit)):
                threading.Thread(target=every, args=(0.005, at, work)).start()
            every(0.005, 2, lambda: None)

        pid = self.fork(compose)
        wait_until(lambda: f"both to be compositors: {[self.explain(tid) for tid in tids.values if tid]}",
                   lambda: all(tid and self.explain(tid)["lane"] == "compositor" for tid in tids.values[:2]))
        self.assertEqual(self.explain(tids[1])["evidence"], ["flip"])
        self.assertNotEqual(self.explain(tids[2])["lane"], "compositor", "it does neither")
        self._kill(pid)

    def test_IN10_a_game_hears_of_input_through_a_compositor(self):
        """A real one, whose client the game is: it never opens the device itself."""
        card = card_of("virtio_gpu")
        subprocess.run(["modprobe", "-a", "uinput", "evdev"], check=True)
        self.start(["/usr/lib/systemd/systemd-udevd"], stderr=subprocess.DEVNULL)
        mouse = Device(keys=[BTN_LEFT], axes=[REL_X, REL_Y])
        self.addCleanup(mouse.close)
        wait_until("udevd to answer", lambda: subprocess.run(["udevadm", "control", "--ping", "--timeout=5"]).returncode == 0)
        subprocess.run(["udevadm", "trigger", "--settle", "--subsystem-match=input"], check=True, timeout=60)
        self.attach()
        process, options, said = self.compositor(*WESTON, f"--drm-device={pathlib.Path(card).name}", "--shell=kiosk-shell.so")
        game = self.play(lambda: os.execvpe("weston-eventdemo", ["weston-eventdemo"], options["env"]))
        before, found = self.driver.ask("counters"), []

        def are_known():
            """Frames wake them, too: as they stand right after an event, most times."""
            mouse.move(1)
            time.sleep(0.005)
            found[:] = self.explain(game), self.explain(process.pid)
            return "input" in found[0]["evidence"] and "brings" in found[1]["evidence"]

        wait_until(lambda: f"input to come to the game, not {found}; " + said(), are_known)
        self.assertGreater(self.grown(before, "input_wakeups"), 0)
        self.assertEqual(found[1]["lane"], "compositor")
