# SPDX-License-Identifier: GPL-2.0-or-later
"""PipeWire, WirePlumber and pw-cat as a user's own, on a sound card that is none (snd-dummy). For bench and suites."""

from __future__ import annotations

import contextlib
import glob
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import time

USER = "player"
RUNTIME = pathlib.Path("/run/lab-sound")
PATIENCE_S = 90
REALTIME_PRIORITY = 20  # rtkit's highest


class SoundError(Exception):
    pass


def load_card() -> None:
    subprocess.run(["modprobe", "snd-dummy"], capture_output=True)
    subprocess.run(["udevadm", "settle"], capture_output=True)
    if not glob.glob("/proc/asound/card*/pcm0p"):
        raise SoundError("this kernel has no snd-dummy")


class Session:
    """A user without real-time rights: where rtkit gives them, PipeWire runs above every scheduler of this class."""

    def __init__(self, client: bool = True) -> None:
        load_card()
        self._client = client
        self._running: list[subprocess.Popen] = []
        user = pwd.getpwnam(USER)
        sound = os.stat(next(iter(glob.glob("/dev/snd/controlC*")))).st_gid
        shutil.rmtree(RUNTIME, ignore_errors=True)
        RUNTIME.mkdir(mode=0o700)
        os.chown(RUNTIME, user.pw_uid, user.pw_gid)
        self._as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [sound], "cwd": "/"}
        self._environment = {"PATH": "/usr/bin:/bin", "HOME": user.pw_dir, "XDG_RUNTIME_DIR": str(RUNTIME),
                             "LANG": "C.UTF-8", "DBUS_SESSION_BUS_ADDRESS": f"unix:path={RUNTIME}/bus"}

    def __enter__(self) -> Session:
        self.start("dbus-daemon", "--session", f"--address=unix:path={RUNTIME}/bus", "--nofork", "--nopidfile")
        self._await("a session bus", lambda: (RUNTIME / "bus").exists())
        self.start_server()
        return self

    def __exit__(self, *_) -> None:
        for process in reversed(self._running):
            self.end(process)
        shutil.rmtree(RUNTIME, ignore_errors=True)

    def start(self, *argv: str, reads: str = os.devnull) -> subprocess.Popen:
        with open(RUNTIME / f"{argv[0]}.log", "ab") as log, open(reads, "rb") as stdin:
            process = subprocess.Popen(argv, env=self._environment, stdin=stdin, stdout=log, stderr=log,
                                       start_new_session=False, **self._as_user)
        self._running.append(process)
        return process

    def end(self, process: subprocess.Popen) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process in self._running:
            self._running.remove(process)

    def start_server(self) -> None:
        self.server = self.start("pipewire")
        self._await("PipeWire", lambda: (RUNTIME / "pipewire-0").exists())
        self.manager = self.start("wireplumber")
        self._await("a sound device in PipeWire", lambda: "alsa_output" in self.ask("pw-cli", "ls", "Node"))
        if self._client:
            # With --raw it plays what it reads from its standard input, whatever file it is given.
            self.player = self.start("pw-cat", "--playback", "--raw", "--format=s16", "--rate=48000", "--channels=2", "-",
                                     reads="/dev/zero")
            self._await("a client that plays", lambda: any(row["state"] == "R" for row in self.top()))

    @contextlib.contextmanager
    def realtime(self):
        """Every thread of servers and client is real-time meanwhile."""
        def become(policy, priority):
            for process in self._running:
                for tid in os.listdir(f"/proc/{process.pid}/task"):
                    with contextlib.suppress(ProcessLookupError):  # it has ended since
                        os.sched_setscheduler(int(tid), policy, os.sched_param(priority))

        become(os.SCHED_RR, REALTIME_PRIORITY)
        try:
            yield
        finally:
            become(os.SCHED_OTHER, 0)

    def ask(self, *argv: str) -> str:
        return subprocess.run(argv, env=self._environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=PATIENCE_S, **self._as_user).stdout

    def force_quantum(self, frames: int) -> None:
        self.ask("pw-metadata", "-n", "settings", "0", "clock.force-quantum", str(frames))
        self._await(f"a quantum of {frames}", lambda: any(row["quantum"] == frames for row in self.top()))

    def top(self) -> list[dict]:
        """Rows of pw-top's second look (the first has no numbers yet)."""
        looks = self.ask("pw-top", "-b", "-n", "2").split("ERR FORMAT")
        rows = []
        for line in looks[-1].splitlines()[1:]:
            words = re.sub(r"\x1b\[[0-9;]*m", "", line).split()
            # state id quantum rate wait busy w/q b/q err ..
            if len(words) > 8 and words[1].isdigit() and words[2].isdigit():
                rows.append({"state": words[0], "id": int(words[1]), "quantum": int(words[2]), "errors": int(words[8]),
                             "name": words[-1]})
        return rows

    def xruns(self) -> int:
        return sum(row["errors"] for row in self.top())

    def xruns_in(self, seconds: float) -> int:
        before = self.xruns()
        time.sleep(seconds)
        return self.xruns() - before

    def log_of(self, name: str) -> str:
        try:
            return (RUNTIME / f"{name}.log").read_text(errors="replace")[-2000:]
        except OSError:
            return ""

    def _await(self, what: str, condition) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            dead = [process.args[0] for process in self._running if process.poll() is not None]
            if dead or time.monotonic() > deadline:
                raise SoundError(f"no {what}; ended: {dead}; " + " / ".join(
                    f"{name}: {self.log_of(name)}" for name in ("pipewire", "wireplumber", "pw-cat")))
            time.sleep(0.2)
