# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person sees while blocks run: one line a block, updated in place on a terminal.

The running totals come from memory that the game shares in a file (LiveTotals of
workload/frame.h): watching costs the game nothing.
"""

from __future__ import annotations

import mmap
import os
import pathlib
import struct
import sys

BARS = "▁▂▃▄▅▆▇█"
MOST_BARS = 30


class Screen:
    """Lines on stdout. `live`: rewrite the current line in place, else print it when done."""

    def __init__(self, live: bool | None = None) -> None:
        self.live = sys.stdout.isatty() if live is None else live

    def say(self, text: str = "") -> None:
        print(text, flush=True)

    def update(self, text: str) -> None:
        if self.live:
            sys.stdout.write(f"\r\033[K{text}")
            sys.stdout.flush()

    def finish(self, text: str) -> None:
        self.update("")
        self.say(text)


class Watch:
    """One block's frames as they happen."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self._totals: mmap.mmap | None = None
        self._frames = self._missed = 0
        self._ticks: list[tuple[int, int]] = []

    def open(self) -> None:
        """When the game is ready. Looking must be cheap then: a slow look would be measured."""
        fd = os.open(self.path, os.O_RDONLY)
        self._totals = mmap.mmap(fd, 24, prot=mmap.PROT_READ)
        os.close(fd)

    def look(self) -> None:
        frames, missed, _ = struct.unpack_from("qqq", self._totals)
        if (frames, missed) != (0, 0):
            self._ticks.append((frames - self._frames, missed - self._missed))
        self._frames, self._missed = frames, missed

    @property
    def missed(self) -> int:
        return self._missed

    @property
    def refreshes(self) -> int:
        return self._frames + self._missed

    def bars(self) -> str:
        return sparkline([missed / max(1, frames + missed) for frames, missed in self._ticks])


def sparkline(shares: list[float]) -> str:
    """One bar a value from 0 to 1; nothing at all looks different from a little."""
    bars = []
    for share in shares[-MOST_BARS:]:
        level = 0 if share <= 0 else 1 + int(min(share, 1) * (len(BARS) - 2))
        bars.append(BARS[level])
    return "".join(bars)
