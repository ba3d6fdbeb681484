# SPDX-License-Identifier: GPL-2.0-or-later
"""Threads that give work to a GPU, flip a screen or wait for a GPU are found by that, and frames are learnt from it.

vgem stands for a card that draws (its fences are its only work), virtio-gpu for one with a screen."""

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

import seat
from backend import GAME, BackendTest, Cells, count_up
from lab import PROGRAMS, wait_until
from uinput import BTN_LEFT, EV_REL, REL_X, Device

# linux/ioctl.h, drm/drm.h, drm/vgem_drm.h
IOW, IOWR = 1, 3


def drm(direction, number, size):
    return direction << 30 | size << 16 | ord("d") << 8 | number


CREATE_DUMB = drm(IOWR, 0xB2, 32)
FENCE_ATTACH = drm(IOWR, 0x41, 16)
FENCE_SIGNAL = drm(IOW, 0x42, 8)
MODE_ATOMIC = drm(IOWR, 0xBC, 56)
SYNCOBJ_WAIT = drm(IOWR, 0xC3, 40)
PRIME_HANDLE_TO_FD = drm(IOWR, 0x2D, 12)
DMA_BUF_SYNC = IOW << 30 | 8 << 16 | ord("b") << 8  # linux/dma-buf.h
ATOMIC_TEST_ONLY = 0x100


def card_of(driver):
    subprocess.run(["modprobe", driver], check=True)
    return wait_until(f"a card of {driver}", lambda: seat.card_of(driver))


def try_ioctl(fd, command, data):
    """The driver may refuse it: what is asked for is what counts."""
    try:
        return fcntl.ioctl(fd, command, bytes(data))
    except OSError:
        return None


def run_briefly():
    """Until the interpreter's start no longer counts: who computes is not believed to wait for a GPU."""
    for _ in range(16):
        time.sleep(0.001)


class Vgem:
    def __init__(self, node):
        self.fd = os.open(node, os.O_RDWR | os.O_CLOEXEC)
        made = fcntl.ioctl(self.fd, CREATE_DUMB, struct.pack("=6IQ", 16, 16, 32, 0, 0, 0, 0))
        self.handle = struct.unpack("=6IQ", made)[4]

    def attach(self):
        return struct.unpack("=4I", fcntl.ioctl(self.fd, FENCE_ATTACH, struct.pack("=4I", self.handle, 1, 0, 0)))[2]

    def signal(self, fence):
        fcntl.ioctl(self.fd, FENCE_SIGNAL, struct.pack("=2I", fence, 0))

    def submit(self):
        self.signal(self.attach())

    def export(self):
        """The buffer as a file."""
        return struct.unpack("=2Ii", fcntl.ioctl(self.fd, PRIME_HANDLE_TO_FD, struct.pack("=2Ii", self.handle, os.O_RDWR, -1)))[2]


def set_name(name):
    ctypes.CDLL(None).prctl(15, name.encode() + b"\0", 0, 0, 0)  # PR_SET_NAME


def ioctl_of_a_32_bit_program(fd, command):
    """Through the kernel's entry for such programs; without an argument."""
    code = bytes.fromhex("53 b8 36000000 89fb 89f1 31d2 cd80 5b c3")  # ioctl(2) is 54 there
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    call = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_uint)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    return call(fd, command)


class Gpu(BackendTest):
    def told(self, body):
        """As the game: body() in a child, which then wakes once more and waits. Its pid, when that is so."""
        out, pipe = os.pipe()

        def run():
            body()
            time.sleep(0.001)
            os.write(pipe, b"x")
            signal.pause()

        return out, run

    def after(self, body, game=True):
        out, run = self.told(body)
        pid = self.play(run) if game else self.fork(run)
        os.read(out, 1)
        return self.explain(pid)

    def explain(self, tid):
        return self.driver.ask("explain", tid)

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

    def compositor(self, *argv, **environment):
        """A real one on the screen, and what is known of it when it has drawn for a while."""
        before = self.driver.ask("counters")
        run = self.scratch()
        log = open(run / "log", "wb")
        self.addCleanup(log.close)
        # Its own seat: no logind here, no virtual terminal to share. No real-time priority, as in a user's session: sway
        # takes it where it may, and runs above us then.
        env = {"PATH": os.environ["PATH"], "HOME": str(run), "XDG_RUNTIME_DIR": str(run), "LIBSEAT_BACKEND": "builtin", "SEATD_VTBOUND": "0",
               **environment}
        process = self.start(["setpriv", "--bounding-set=-sys_nice", "--", *argv], env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def said():
            return (run / "log").read_text(errors="replace")[-3000:]

        def socket():
            self.assertIsNone(process.poll(), said())
            return next((path.name for path in run.glob("wayland-*") if path.suffix != ".lock"), None)

        env["WAYLAND_DISPLAY"] = wait_until(lambda: "its socket: " + said(), socket)
        # Draws anew whenever the last picture was shown.
        self.start(["weston-simple-shm"], env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(lambda: "the screen to flip: " + said(), lambda: self.grown(before, "gpu_flips") >= 20)
        found = {tid: self.explain(tid) for tid in map(int, os.listdir(f"/proc/{process.pid}/task"))}
        self._end(process)
        return {tid: facts for tid, facts in found.items() if "flip" in facts.get("evidence", ())}

    def test_GPU8_weston_and_sway_are_compositors(self):
        """One takes the other's place: the next compositor is found as the first was."""
        card = card_of("virtio_gpu")
        self.attach()
        weston = ["weston", "--backend=drm", "--renderer=pixman", f"--drm-device={pathlib.Path(card).name}", "--continue-without-input",
                  "--idle-time=0", "--no-config"]
        sway = {"WLR_BACKENDS": "drm", "WLR_RENDERER": "pixman", "WLR_DRM_DEVICES": card, "WLR_LIBINPUT_NO_DEVICES": "1"}
        for argv, environment in ((weston, {}), (["sway", "--config", "/dev/null"], sway)):
            with self.subTest(compositor=argv[0]):
                found = self.compositor(*argv, **environment)
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
