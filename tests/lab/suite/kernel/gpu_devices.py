# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests of GPUs and screens share. vgem stands for a card that draws (its fences are its only work), virtio-gpu for
one with a screen."""

import fcntl
import os
import signal
import struct
import subprocess
import time

import seat
from backend import BackendTest
from lab import wait_until

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


class GpuTest(BackendTest):
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
