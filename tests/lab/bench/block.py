# SPDX-License-Identifier: GPL-2.0-or-later
"""One block: one rival, one load, one measured interval."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable

from figures import Costs
from guest import Guest
from live import Watch
from rivals import Rival

UNIT_ITERATIONS = 10_000  # of a hog or a streamer: 0.1 ms and less, far below any slice
CHILD_ITERATIONS = 40_000
COMPOSITOR = "flipper"  # of companions the one that a player feels: a rival does for it what it does for the game
TICK_S = 0.2
LAST_LOOK_NS = 10_000_000


@dataclasses.dataclass(frozen=True)
class Machine:
    """What calibration found; passed on to every program."""

    iterations_per_us: float
    costs: Costs

    @staticmethod
    def measure(guest: Guest) -> Machine:
        per_us = guest.calibrate()["iterations_per_us"]
        unit_us = UNIT_ITERATIONS / per_us
        # A child is worth the units that the same CPU does instead.
        units = alone(guest, Load("a hog alone", hogs=1))["hogs"]["units"]
        children = alone(guest, Load("a fork storm alone", storms=1))["storm"]["children"]
        return Machine(per_us, Costs(unit_us, unit_us * units / children))


@dataclasses.dataclass(frozen=True)
class Load:
    """Options of frameloop and of hogs, and other programs that take part, each with its options."""

    name: str
    game: tuple = ()
    companions: tuple[tuple[str, tuple], ...] = ()
    hogs: int = 0
    storms: int = 0
    sleepers: int = 0


@dataclasses.dataclass(frozen=True)
class Timing:
    # Long enough for a scheduler that learns to have learned, and for go() to reach everybody.
    warmup_s: float = 0.8
    seconds: float = 2.0


def background(guest: Guest, load: Load, command=lambda argv: argv):
    return guest.run("hogs", "--hogs", load.hogs, "--storm", load.storms,
                     "--sleepers", load.sleepers, "--unit-iterations", UNIT_ITERATIONS,
                     "--child-iterations", CHILD_ITERATIONS, command=command)


def alone(guest: Guest, load: Load) -> dict:
    """What one CPU does of a load in a second; the last, for interrupts mostly go to the first."""
    cpu = max(os.sched_getaffinity(0))
    with background(guest, load, lambda argv: ["taskset", "--cpu-list", str(cpu), *argv]) as program:
        program.await_ready()
        program.go(*interval(Timing(seconds=1)))
        return program.result()


def play(
    guest: Guest,
    machine: Machine,
    rival: Rival,
    load: Load,
    timing: Timing,
    watch: Watch | None = None,
    on_tick: Callable[[], None] | None = None,
    first_cpu: int = 0,
) -> list[dict]:
    """Results of the game, the hogs and the load's companions, in this order. With `watch`, on_tick is called
    some times a second; else the orchestrator sleeps for the whole interval.

    The game's threads enter the interval on `first_cpu` and those after it. Under emulation the CPUs are not equal: the
    same thread takes twice as long on one as on another. Most rivals leave a thread where it is, so chance
    would decide the comparison: all rivals of a block begin alike, and each block on another CPU; what runs beside
    begins half way round from there."""
    game_options = ("--raw", "--iterations-per-us", machine.iterations_per_us,
                    "--unit-iterations", UNIT_ITERATIONS, *load.game, *rival.game_options,
                    "--first-cpu", first_cpu, *(("--live", watch.path) if watch else ()))
    rival.prepare()
    guest.place_beside(first_cpu + os.cpu_count() // 2)
    with contextlib.ExitStack() as stack:
        # Companions first: what they do before they are ready, they do on an idle machine. Then the game
        # and the hogs at once: a start on an overloaded machine takes seconds.
        others = [stack.enter_context(guest.run(name, *options, *(rival.game_options if name == COMPOSITOR else ())))
                  for name, options in load.companions]
        for program in others:
            program.await_ready()
        others.insert(0, stack.enter_context(background(guest, load)))
        game = stack.enter_context(guest.run("frameloop", *game_options, command=rival.command))
        for program in (game, others[0]):
            program.await_ready()
        rival.started()
        start_ns, stop_ns = interval(timing)
        for program in (game, *others):
            program.go(start_ns, stop_ns)
        if watch:
            watch.open()
            while time.monotonic_ns() < stop_ns - int(TICK_S * 1e9):
                time.sleep(TICK_S)
                watch.look()
                on_tick()
        # The game's end may detach our scheduler: look while it is still there.
        wait_until(stop_ns - LAST_LOOK_NS)
        rival.ended()
        return [program.result() for program in (game, *others)]


def interval(timing: Timing) -> tuple[int, int]:
    start_ns = time.monotonic_ns() + int(timing.warmup_s * 1e9)
    return start_ns, start_ns + int(timing.seconds * 1e9)


def wait_until(time_ns: int) -> None:
    time.sleep(max(0, time_ns - time.monotonic_ns()) / 1e9)
