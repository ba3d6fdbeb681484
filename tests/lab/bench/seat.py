# SPDX-License-Identifier: GPL-2.0-or-later
"""Cards, and sessions at the machine's own screen. For bench and suites."""

from __future__ import annotations

import pathlib

PLAYER = "player"


def card_of(driver: str) -> str | None:
    """/dev/dri/cardN of the first card of that driver, whose module is loaded."""
    for card in sorted(pathlib.Path("/sys/class/drm").glob("card[0-9]*")):
        device = card / "device"
        names = {(device / "driver").resolve().name, device.resolve().name, *(
            (child / "driver").resolve().name for child in device.glob("virtio*"))}
        node = pathlib.Path("/dev/dri") / card.name
        if "-" not in card.name and driver in names and node.exists():
            return str(node)
    return None


def session(user: str, out: pathlib.Path, err: pathlib.Path, *options: str, vt: int = 1) -> list[str]:
    """Opens one at that virtual terminal, as who logs in there does; the command that it runs has to follow."""
    return ["systemd-run", *options, f"--uid={user}", "-pPAMName=login", f"-pTTYPath=/dev/tty{vt}", "-pStandardInput=tty",
            f"-pStandardOutput=truncate:{out}", f"-pStandardError=truncate:{err}", "-EXDG_SEAT=seat0", f"-EXDG_VTNR={vt}",
            "-EXDG_SESSION_TYPE=tty", "-EXDG_SESSION_CLASS=user", "--"]
