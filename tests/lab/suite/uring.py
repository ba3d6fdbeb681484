# SPDX-License-Identifier: GPL-2.0-or-later
"""io_uring, as far as tests need it: one request at a time through liburing's library for languages without C's inlines."""

import ctypes
import os
import struct

SQPOLL = 1 << 1  # IORING_SETUP_SQPOLL: a thread of the kernel's takes the requests
ASYNC = 1 << 4  # IOSQE_ASYNC: a worker does it, even if it could be done at once

RING_BYTES = 1024  # more than struct io_uring has
RESULT_OFFSET = 8  # of struct io_uring_cqe


class Ring:
    def __init__(self, setup_flags=0):
        self._lib = ctypes.CDLL("liburing-ffi.so.2")
        self._lib.io_uring_get_sqe.restype = ctypes.c_void_p
        self._ring = ctypes.create_string_buffer(RING_BYTES)
        self._check(self._lib.io_uring_queue_init(8, self._ring, setup_flags), "io_uring_queue_init")

    def send(self, fd, message, request_flags=0):
        return self._do(self._lib.io_uring_prep_send, fd, ctypes.create_string_buffer(message, len(message)), len(message), request_flags)

    def receive(self, fd, size, request_flags=0):
        """How many bytes came."""
        return self._do(self._lib.io_uring_prep_recv, fd, ctypes.create_string_buffer(size), size, request_flags)

    def _do(self, prepare, fd, buffer, size, request_flags):
        request = ctypes.c_void_p(self._lib.io_uring_get_sqe(self._ring))
        prepare(request, fd, buffer, ctypes.c_size_t(size), 0)
        self._lib.io_uring_sqe_set_flags(request, request_flags)
        self._check(self._lib.io_uring_submit(self._ring), "io_uring_submit")
        done = ctypes.c_void_p()
        self._check(self._lib.io_uring_wait_cqe(self._ring, ctypes.byref(done)), "io_uring_wait_cqe")
        result = struct.unpack("=i", ctypes.string_at(done.value + RESULT_OFFSET, 4))[0]
        self._lib.io_uring_cqe_seen(self._ring, done)
        return self._check(result, prepare.__name__)

    @staticmethod
    def _check(result, what):
        if result < 0:
            raise OSError(-result, f"{what}: {os.strerror(-result)}")
        return result
