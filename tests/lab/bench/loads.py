# SPDX-License-Identifier: GPL-2.0-or-later
"""The loads that the figures are about, sized for four virtual CPUs.

Under instruction counting all busy CPUs share one stream of instructions: with four
busy, each runs at a quarter. Work is in microseconds of the idle machine, so a frame
takes four times as long there. The frames together are 2 % of the machine (5 % with jobs), so that
frames which a scheduler misses give the background next to nothing.
"""

from __future__ import annotations

from block import COMPOSITOR, Load

FRAME_WORK_US = {60: 350, 144: 140, 240: 80}


def frames(hz: int) -> Load:
    """One frame thread; four times as many hogs as CPUs, and a fork storm."""
    return Load(f"{hz} Hz, 16 hogs + fork storm",
                game=("--hz", hz, "--work-us", FRAME_WORK_US[hz]), hogs=16, storms=3)


def clicks(hz: int, mouse: str, hogs: int, work_us: int = 0, beside: str = "", through: str = "") -> Load:
    """A frame thread and one that reads a mouse, and nothing else of the game: what an event waits for is
    the scheduler alone. `work_us`: what the game makes of an event, in the thread that reads it. `beside`: what
    else there is. `through`: by whom it comes."""
    acts = f" acted upon for {work_us} us" if work_us else ""
    return Load(f"{hz} Hz, mouse{acts}{f' through {through}' if through else ''}{f' beside {beside}' if beside else ''}, {f'{hogs} hogs' if hogs else 'idle machine'}",
                game=("--hz", hz, "--work-us", FRAME_WORK_US[hz], "--input", mouse, "--input-us", work_us), hogs=hogs)


def lanes(hz: int, mouse: str, gpu: str, screen: str, iterations_per_us: float, hogs: int) -> Load:
    """A thread of each lane that a game has, which work as much as such threads do, and a compositor. The frames come a little
    slower than the screen's: with equal rates each block would have its own phase, by chance, in which the same threads
    want the same CPU in each frame."""
    return Load(f"{hz} Hz, {f'{hogs} hogs + fork storm' if hogs else 'idle machine'}",
                game=("--hz", 0.99 * hz, "--work-us", FRAME_WORK_US[hz], "--gpu", gpu, "--audio", "--audio-us", 50,
                      "--input", mouse, "--input-us", 300),
                companions=((COMPOSITOR, (screen, "--raw", "--hz", hz, "--iterations-per-us", iterations_per_us,
                                         "--work-us", 200)),),
                hogs=hogs, storms=3 if hogs else 0)


def crowd(hz: int, mouse: str) -> Load:
    """A game that has more to compute than the machine has CPUs, whoever else wants them: half of what wants to run are
    its own threads, twice as many as CPUs, that no frame waits for."""
    return Load(f"{hz} Hz, 8 of the game's own workers, 8 hogs + fork storm",
                game=("--hz", hz, "--work-us", FRAME_WORK_US[hz], "--streamers", 8, "--audio", "--audio-us", 50,
                      "--input", mouse, "--input-us", 100),
                hogs=8, storms=3)


def idle(hz: int) -> Load:
    """One frame thread and nothing else."""
    return Load(f"{hz} Hz, idle machine", game=("--hz", hz, "--work-us", FRAME_WORK_US[hz]))


def job_game(hz: int, echo_port: str, mouse: str | None) -> tuple:
    """Options of a game with 8 jobs a frame, streaming, audio, network and, where there is a mouse,
    input."""
    work_us, job_us = {60: (200, 60), 144: (100, 30), 240: (60, 15)}[hz]
    return ("--hz", hz, "--work-us", work_us, "--jobs", 8, "--workers", 4, "--job-us", job_us,
            "--streamers", 4, "--audio", "--audio-us", 20, "--net", echo_port,
            *(("--input", mouse) if mouse else ()))


def jobs(hz: int, echo_port: str, mouse: str | None) -> Load:
    return Load(f"job game {hz} Hz, 8 hogs + fork storm", game=job_game(hz, echo_port, mouse), hogs=8,
                storms=3)


def demo(hz: int, echo_port: str, mouse: str | None, compile_jobs: int) -> Load:
    """Beside a compile."""
    return Load(f"job game {hz} Hz", game=job_game(hz, echo_port, mouse),
                companions=(("compileload", ("--jobs", compile_jobs)),), hogs=6, storms=2)
