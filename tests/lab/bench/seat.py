# SPDX-License-Identifier: GPL-2.0-or-later
"""Sessions at the machine's own screen. For bench and suites."""

from __future__ import annotations

import pathlib

PLAYER = "player"


def session(user: str, out: pathlib.Path, err: pathlib.Path, *options: str, vt: int = 1) -> list[str]:
    """Opens one at that virtual terminal, as who logs in there does; the command that it runs has to follow."""
    return ["systemd-run", *options, f"--uid={user}", "-pPAMName=login", f"-pTTYPath=/dev/tty{vt}", "-pStandardInput=tty",
            f"-pStandardOutput=truncate:{out}", f"-pStandardError=truncate:{err}", "-EXDG_SEAT=seat0", f"-EXDG_VTNR={vt}",
            "-EXDG_SESSION_TYPE=tty", "-EXDG_SESSION_CLASS=user", "--"]
