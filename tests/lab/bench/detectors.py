# SPDX-License-Identifier: GPL-2.0-or-later
"""What detectors take of each event: their programs alone, with the service stopped."""

from __future__ import annotations

import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile

import critical_path
from block import Load, background
from figures import Figure, scaled
from guest import output_of
from input_path import without_service
from scenarios import Context

RULES = "/usr/share/gamesched/gamesched.toml.d/detection.toml"


def gpu(context: Context) -> list[Figure]:
    subprocess.run(["modprobe", "vgem"], check=True)
    with without_service(context):
        context.screen.say("\nthe GPU's detector")
        found = json.loads(output_of([context.guest.path("gpu-bench")]))
    counts = bool(context.ns_per_instruction)
    unit, divisor = ("instructions", context.ns_per_instruction) if counts else ("ns", 1)

    def row(id: str, what: str, phase: str, target: float | None) -> Figure:
        value = scaled(found[phase]["mean_ns"], divisor)
        context.screen.say(f"  {what:<44} {value:7.0f} {unit}")
        return Figure(id, f"the hook's cost, {what}", value, unit, context.guest.kernel, target if counts else None)

    return [
        row("GPU-1", "an ioctl that is no GPU's", "other", 20),
        row("GPU-1", "a command that is no submit", "no_submit", 150),
        row("GPU-1", "a submit, no game", "without_game", None),
        row("GPU-1", "a game's submit, four a frame", "four_a_frame", 150),
        row("GPU-1", "a game's submit, sixteen a frame", "sixteen_a_frame", 150),
        row("GPU-6", "a game's submit that begins a frame", "one_a_frame", None),
        row("GPU-8", "a flip", "flip", None),
    ]


def programs(context: Context) -> list[Figure]:
    with without_service(context):
        context.screen.say("\nthe detector of programs")
        found = json.loads(output_of([context.guest.path("signal-bench"), "programs", RULES]))
    counts = bool(context.ns_per_instruction)
    unit, divisor = ("instructions", context.ns_per_instruction) if counts else ("ns", 1)
    return [Figure("AU-2", f"a program's start in the hook, {what}", scaled(found[phase]["median_ns"], divisor), unit,
                   context.guest.kernel, 1500 if counts else None)
            for phase, what in (("ignored", "one that the rules ignore"), ("elsewhere", "one that no rule names"),
                                ("among_games", "one where games lie"), ("of_a_game", "one that a game starts"))]


def path(context: Context) -> list[Figure]:
    """By the daemon's own backend, beside hogs: its driver answers for a thread in a moment, the bus does not."""
    sys.path.append(str(pathlib.Path(context.guest.path("suite"))))
    from lab import Driver

    rows, kernel = [], context.guest.kernel
    load = Load("8 hogs", hogs=8)
    options = ("--iterations-per-us", context.machine.iterations_per_us, "--hz", 60, "--work-us", 200, "--jobs", 6,
               "--workers", 3, "--job-us", 60, "--streamers", 2)
    with without_service(context), tempfile.TemporaryDirectory() as scratch, contextlib.closing(Driver()) as driver:
        driver.ask("attach")
        with background(context.guest, load) as hogs:
            hogs.await_ready()
            for kind in critical_path.JOB_SYSTEMS:
                score = critical_path.play(driver.ask, pathlib.Path(context.guest.path("frameloop")), pathlib.Path(scratch),
                                           kind, options, frames=300)
                context.screen.say(f"  {kind}: {score}")
                rows += [Figure("POL-7", f"threads a frame waits for, {name}, {kind}, {load.name}, 60 Hz", value, "ratio", kernel,
                                0.95, "higher")
                         for name, value in (("precision", score.precision), ("recall", score.recall))]
        driver.ask("detach")
    return rows
