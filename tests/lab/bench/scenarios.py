# SPDX-License-Identifier: GPL-2.0-or-later
"""Rivals side by side under one load: blocks interleaved, order rotated."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import subprocess
from collections.abc import Sequence

import figures
import loads
import seat
from block import Load, Machine, Timing, play
from figures import Figure, Totals
from guest import BenchError, Guest
from live import Screen, Watch
from rivals import Rival, Switch, rotated


@dataclasses.dataclass(frozen=True)
class Context:
    """Everything a scenario needs."""

    guest: Guest
    machine: Machine
    switch: Switch
    rivals: list[Rival]
    blocks: int
    timing: Timing
    screen: Screen
    audio_seconds: float = 120
    ns_per_instruction: float = 0  # 0: the clock is no instruction count


# The service is at work on a game's start for a second: no idle machine. And what is late there is late by chance, a
# few times a second: a block has to be long, which costs next to nothing where idle time is skipped.
IDLE_WARMUP_S = 2.0
IDLE_TIMES_AS_LONG = 4
# As 125, but in no simple ratio to the screen's 60: each phase between them comes up in a second.
LANES_MOUSE_HZ = 127


def compare(context: Context, load: Load, names: Sequence[str] | None = None) -> dict[str, Totals]:
    """Of all rivals, or of those whose figures are wanted."""
    rivals = [rival for rival in context.rivals if names is None or rival.name in names]
    totals = {rival.name: Totals() for rival in rivals}
    timing = context.timing
    if not load.hogs:
        timing = Timing(IDLE_WARMUP_S, timing.seconds * IDLE_TIMES_AS_LONG)
    context.screen.say(f"\n{load.name}")
    for number in range(context.blocks):
        for rival in rotated(rivals, number):
            title = f"  block {number + 1}  {rival.label:<26}"
            watch = None
            if context.screen.live:
                watch = Watch(context.guest.scratch(f"live-{load.name}-{number}-{rival.name}"))

            def tick(watch=watch, title=title):
                context.screen.update(f"{title} missed {watch.missed:>4}  {watch.bars()}")

            game, background, *others = play(context.guest, context.machine, rival, load, timing,
                                    watch=watch, on_tick=tick, first_cpu=number)
            totals[rival.name].add(game, background, context.machine.costs, *others)
            context.screen.finish(title + block_line(game, background, context.machine))
    context.screen.say(figures.rivals_table(totals))
    return totals


def block_line(game: dict, background: dict, machine: Machine) -> str:
    frame = game["frame"]
    wake = frame["wake"]
    parts = [
        f" missed {frame['missed']:>4}/{frame['refreshes']:<4}",
        f"frame p99 {(frame['time']['p99_us'] or 0) / 1000:6.2f} ms",
        f"on CPUs {json.dumps(frame['on_cpus'])}",
        f"wake p50/p99 {wake['p50_us'] or 0:5.0f}/{wake['p99_us'] or 0:5.0f} us",
        f"background {figures.work_us(background, machine.costs) / 1000:5.0f} ms of work in "
        f"{figures.cpu_ms(background):5.0f}",
    ]
    if game["streamers"]["units"]:
        parts.append(f"streaming {game['streamers']['units'] * machine.costs.unit_us / 1000:5.0f} in "
                     f"{game['streamers']['cpu_ns'] / 1e6:5.0f}")
    if "input" in game:
        parts.append(f"input p50/p99 {game['input']['latency']['p50_us'] or 0:5.0f}/{game['input']['latency']['p99_us'] or 0:5.0f} us")
    wait_ms = max(figures.longest_wait_ms(background), game["streamers"]["longest_wait_ms"])
    parts.append(f"longest wait {wait_ms:4.0f} ms")
    return "  ".join(parts)


def frames(context: Context) -> list[Figure]:
    rows = []
    for hz in loads.FRAME_WORK_US:
        load = loads.frames(hz)
        rows += figures.frames_figures(load.name, compare(context, load), context.guest.kernel)
    return rows


def idle(context: Context) -> list[Figure]:
    load = loads.idle(144)
    return figures.idle_figures(load.name, compare(context, load), context.guest.kernel)


def jobs(context: Context) -> list[Figure]:
    _, port = context.guest.service("echo", ready_option=False)
    rows = []
    with moving_mouse(context.guest, context.screen) as device:
        for hz in (60, 144, 240):
            load = loads.jobs(hz, port, device)
            rows += figures.jobs_figures(load.name, compare(context, load), context.guest.kernel)
    return rows


def clicks(context: Context) -> list[Figure]:
    """From an input event to the game's thread that reads it: idle, and with four times as many hogs as CPUs.

    A thread that only reads uses next to nothing, and the default scheduler lets it wait for no more than one slice:
    seven times what SCHED_RR needs. One that acts upon the events uses its share, and waits for everybody's."""
    rows = []

    def measure(load: Load, *rivals: str) -> None:
        totals = compare(context, load, (figures.OURS, *rivals))
        rows.extend(figures.clicks_figures(load.name, totals, context.guest.kernel, rivals))

    with mouse(context.guest, 1000) as device:
        measure(loads.clicks(144, device, hogs=0))
        measure(loads.clicks(144, device, hogs=16), figures.DEFAULT, figures.REALTIME)
        # Nobody reads it: another real-time thread that wakes all the time.
        with mouse(context.guest, 1000, "--name", "Other Mouse"):
            measure(loads.clicks(144, device, hogs=16, beside="another mouse"), figures.REALTIME)
    with mouse(context.guest, 125) as device:
        measure(loads.clicks(144, device, hogs=16, work_us=300), figures.DEFAULT, figures.REALTIME)
    return rows


def remapped(context: Context) -> list[Figure]:
    """The same through another program, an ordinary one, which reads the mouse and writes into one of its own: the whole
    way, from the first event on. There is no rival in real time: nobody makes remappers real-time."""
    with mouse(context.guest, 125) as device, context.guest.running("remapper", "--source", device) as own:
        load = loads.clicks(144, own, hogs=16, work_us=300, through="a remapper")
        totals = compare(context, load, (figures.OURS, figures.DEFAULT))
        return figures.clicks_figures(load.name, totals, context.guest.kernel, (figures.DEFAULT,))


def lanes(context: Context) -> list[Figure]:
    """From wake-up to running, by lane."""
    rows = []
    subprocess.run(["modprobe", "-a", "vgem", "virtio-gpu"], capture_output=True)  # built in, perhaps
    gpu, screen = seat.card_of("vgem"), seat.card_of("virtio_gpu")
    if not gpu or not screen:
        context.screen.say("\nleft out: lanes, which needs a card of vgem and one of virtio-gpu, as ./dev lab has them")
        return []
    with mouse(context.guest, LANES_MOUSE_HZ) as device:
        for hogs in (16, 0):
            load = loads.lanes(60, device, gpu, screen, context.machine.iterations_per_us, hogs)
            rows += figures.lanes_figures(load.name, compare(context, load), context.guest.kernel, idle=not hogs)
    return rows


def crowd(context: Context) -> list[Figure]:
    """A game whose own threads are what its frame has to wait for, where nice values do not help: a frame at
    this rate has no time to wait for a slice of theirs."""
    with mouse(context.guest, 125) as device:
        load = loads.crowd(240, device)
        return figures.crowd_figures(load.name, compare(context, load), context.guest.kernel)


@contextlib.contextmanager
def mouse(guest: Guest, hz: int, *options):
    """The event device of one that moves meanwhile."""
    subprocess.run(["modprobe", "-a", "uinput", "evdev"], capture_output=True)  # built in, perhaps
    with guest.running("mouse", "--hz", hz, *options) as device:
        yield device


@contextlib.contextmanager
def moving_mouse(guest: Guest, screen: Screen):
    """The event device of a mouse that moves at 1000 Hz meanwhile; None where the kernel has no uinput."""
    with contextlib.ExitStack() as stack:
        device = None
        try:
            device = stack.enter_context(mouse(guest, 1000))
        except BenchError as error:
            screen.say(f"Without input: {error}")
        yield device
