# SPDX-License-Identifier: GPL-2.0-or-later
"""Input devices made with uinput."""

import fcntl
import os
import struct

# linux/uinput.h, linux/input-event-codes.h
UI_DEV_CREATE, UI_DEV_DESTROY, UI_DEV_SETUP = 0x5501, 0x5502, 0x405C5503
UI_SET_EVBIT, UI_SET_KEYBIT, UI_SET_RELBIT, UI_SET_ABSBIT, UI_SET_SWBIT = (
    0x40045564, 0x40045565, 0x40045566, 0x40045567, 0x4004556D)
UI_GET_SYSNAME = 0x8040552C  # 64 bytes
EV_SYN, EV_KEY, EV_REL, EV_ABS, EV_SW = 0, 1, 2, 3, 5
SYN_REPORT, REL_X, REL_Y, ABS_THROTTLE, SW_LID, KEY_A, KEY_POWER, BTN_LEFT, BTN_TRIGGER, BTN_GAMEPAD, BTN_TOUCH = (
    0, 0, 1, 6, 0, 30, 116, 0x110, 0x120, 0x130, 0x14A)
BUS_VIRTUAL = 6


class Device:
    def __init__(self, keys=(), axes=(), switches=(), absolute=()):
        self._fd = os.open("/dev/uinput", os.O_WRONLY | os.O_CLOEXEC)
        for kind, set_code, codes in ((EV_KEY, UI_SET_KEYBIT, keys), (EV_REL, UI_SET_RELBIT, axes),
                                      (EV_ABS, UI_SET_ABSBIT, absolute), (EV_SW, UI_SET_SWBIT, switches)):
            if codes:
                fcntl.ioctl(self._fd, UI_SET_EVBIT, kind)
            for code in codes:
                fcntl.ioctl(self._fd, set_code, code)
        fcntl.ioctl(self._fd, UI_DEV_SETUP, struct.pack("HHHH80sI", BUS_VIRTUAL, 1, 1, 1, b"lab", 0))
        fcntl.ioctl(self._fd, UI_DEV_CREATE)

    def number(self):
        """N of /sys/class/input/inputN."""
        name = fcntl.ioctl(self._fd, UI_GET_SYSNAME, bytes(64))
        return int(name.rstrip(b"\0").removeprefix(b"input"))

    def event_device(self):
        """devtmpfs makes it before the device is there for others."""
        folder = f"/sys/class/input/input{self.number()}"
        return "/dev/input/" + next(name for name in os.listdir(folder) if name.startswith("event"))

    def packet(self, kind, code, value):
        """Two events: this one and the report that ends the packet."""
        self.packets(kind, code, [value])

    def packets(self, kind, code, values):
        """As many packets in one write()."""
        os.write(self._fd, b"".join(struct.pack("qqHHi", 0, 0, *event) for value in values
                                    for event in ((kind, code, value), (EV_SYN, SYN_REPORT, 0))))

    def move(self, packets):
        """So much motion of a mouse: 2 events each."""
        while packets > 0:
            self.packets(EV_REL, REL_X, [1] * min(packets, 100))
            packets -= 100

    def close(self):
        fcntl.ioctl(self._fd, UI_DEV_DESTROY)
        os.close(self._fd)
