# SPDX-License-Identifier: GPL-2.0-or-later
"""POL-7: of a game's threads, which does the scheduler take for ones that a frame waits for? Against the truth, which
the workload tells. For bench and suites.

Every few milliseconds, from the tenth frame on, each thread's lane is looked at: one thread at one moment is one case. All
threads have random names; beside the frame's there are threads that stream, read from a disk, unpack and load.
"""

from __future__ import annotations

import dataclasses
import json
import mmap
import pathlib
import struct
import subprocess
import time

JOB_SYSTEMS = ("semaphore", "queue", "fibers", "handover")
FIRST_FRAME = 10
LANES_THAT_LEAD = (0, 2)  # game audio and frame, see bpf/policy/lane.h
LOOK_EVERY_S = 0.005
PATIENCE_S = 60
LIVE_BYTES = 24  # LiveTotals of workload/frame.h


@dataclasses.dataclass
class Score:
    found: int = 0  # of the frame's, and taken for such
    missed: int = 0  # of the frame's
    mistaken: int = 0  # not of the frame's
    told: dict = dataclasses.field(default_factory=dict)  # of threads that were not what they were taken for: how often

    @property
    def precision(self) -> float | None:
        return self.found / (self.found + self.mistaken) if self.found + self.mistaken else None

    @property
    def recall(self) -> float | None:
        return self.found / (self.found + self.missed) if self.found + self.missed else None

    def add(self, who: str, critical: bool, taken: bool) -> None:
        if critical and taken:
            self.found += 1
            return
        if critical != taken:
            self.missed += critical
            self.mistaken += taken
            self.told[who] = self.told.get(who, 0) + 1


def await_text(path: pathlib.Path) -> str:
    deadline_s = time.monotonic() + PATIENCE_S
    while not (path.exists() and path.read_text().endswith("\n")):
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{path} is not written")
        time.sleep(0.02)
    return path.read_text()


def play(ask, frameloop: pathlib.Path, scratch: pathlib.Path, job_system: str, options: tuple, frames: int,
         game: int = 1) -> Score:
    """`ask` is the backend driver's, which is attached; `options` say how much work there is."""
    ready, threads, live = (scratch / f"{job_system}.{what}" for what in ("ready", "threads", "live"))
    argv = [frameloop, "--job-system", job_system, "--disk", "--threads", threads, "--live", live, "--ready", ready,
            "--warmup", 0, "--seconds", PATIENCE_S, "--frames", FIRST_FRAME + frames, "--out", "/dev/null", *options]
    process = subprocess.Popen(["sh", "-c", 'read go && exec "$@"', "sh", *map(str, argv)], stdin=subprocess.PIPE, text=True)
    try:
        ask("add", game, process.pid)
        process.stdin.write("go\n")
        process.stdin.close()
        await_text(ready)
        known = json.loads(await_text(threads))
        truth = {tid: (f"{group} {number}", group == "frame") for group in known for number, tid in enumerate(known[group])}
        with open(live, "rb") as file, mmap.mmap(file.fileno(), LIVE_BYTES, prot=mmap.PROT_READ) as totals:
            score = looked_at(ask, process, truth, lambda: struct.unpack_from("q", totals)[0], frames)
        if process.wait(PATIENCE_S) != 0:
            raise RuntimeError(f"{frameloop} ended with {process.returncode}")
        return score
    finally:
        process.kill()
        process.wait()
        ask("remove", game)


def looked_at(ask, process, truth: dict, frames_done, frames: int) -> Score:
    score = Score()
    deadline_s = time.monotonic() + PATIENCE_S
    while (done := frames_done()) < FIRST_FRAME + frames - 1:
        if time.monotonic() > deadline_s or process.poll() is not None:
            raise RuntimeError(f"the game has drawn {done} frames and no more")
        if done >= FIRST_FRAME:
            for tid, (who, critical) in truth.items():
                if not (signals := ask("signals", tid)):
                    continue
                if (taken := signals["lane"] in LANES_THAT_LEAD) != critical:
                    who += ", " + "+".join(ask("explain", tid)["evidence"])
                score.add(who, critical, taken)
        time.sleep(LOOK_EVERY_S)
    return score
