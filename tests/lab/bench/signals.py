# SPDX-License-Identifier: GPL-2.0-or-later
"""Audio and network: what the detectors cost, the game's talk with its server, and PipeWire under overload."""

from __future__ import annotations

import contextlib
import json
import time

import figures
import sound
from block import Load, background
from figures import DEFAULT, OURS, REALTIME, Figure, absolute, against, percentile, scaled
from guest import BenchError, output_of
from input_path import without_service
from lifecycle import small_game
from loads import FRAME_WORK_US
from scenarios import Context, compare

HZ = 60
WAY_MS = 8  # less than a period of the game's messages
# The smallest quantum with which the idle machine has no xruns is looked for among these, in frames at 48 kHz.
QUANTA = (64, 128, 256, 512, 1024)
IDLE_SECONDS = 10
PROBE_SECONDS = 20
OVERLOAD = Load("PipeWire, 16 hogs + fork storm", hogs=16, storms=3)


def network(context: Context) -> list[Figure]:
    return [*round_trip(context, "a server elsewhere", WAY_MS, command=above_all), *round_trip(context, "a server on this machine"),
            *cost_figures(context)]


def above_all(argv: list[str]) -> list[str]:
    """A server that is another machine in truth: its answer does not wait for a CPU of this one."""
    return ["chrt", "--rr", "50", *argv]


def round_trip(context: Context, server: str, *way, command=lambda argv: argv) -> list[Figure]:
    """What this machine adds to it; one server for all rivals. The one that is elsewhere keeps a message for the way there
    and back: after an answer that comes at once the game's thread has hardly slept, and every scheduler lets it go on."""
    _, port = context.guest.service("echo", *way, ready_option=False, command=command)
    load = Load(f"game with {server}, {HZ} Hz, 16 hogs + fork storm",
                game=("--hz", HZ, "--work-us", FRAME_WORK_US[HZ], "--net", port), hogs=16, storms=3)
    totals = compare(context, load)
    trip = {rival: scaled(percentile(t.round_trip_ns, 99), 1000) for rival, t in totals.items()}
    what, kernel = f"round trip p99, {load.name}", context.guest.kernel
    return [*absolute("NET-2", what, "us", trip, kernel),
            *against("NET-2", what, trip, {DEFAULT: 1 / 5, REALTIME: 1.5}, kernel)]


def cost_figures(context: Context) -> list[Figure]:
    unit, divisor = ("instructions", context.ns_per_instruction) if context.ns_per_instruction else ("ns", 1)
    kernel = context.guest.kernel
    with without_service(context):
        found = json.loads(output_of([context.guest.path("signal-bench"), "network"]))
    return [Figure("NET-1", f"a message's cost in the hook, {phase}, {way}", scaled(found[phase][f"{way}_ns"], divisor),
                   unit, kernel, 120 if context.ns_per_instruction else None)
            for phase in ("live", "bulk") for way in ("send", "receive")]


def servers(context: Context) -> list[Figure]:
    """Row AU-7: a table of audio servers with a bit a process, a hash of them for all CPUs, or one for each CPU."""
    unit, divisor = ("instructions", context.ns_per_instruction) if context.ns_per_instruction else ("ns", 1)
    found, kernel = json.loads(output_of([context.guest.path("signal-bench"), "servers"])), context.guest.kernel
    return [*(Figure("AU-1" if kind == "bits" else "AU-7", f"look-up of an audio server, {name}, {load}",
                     scaled(found[kind][f"{key}_ns"], divisor), unit, kernel,
                     60 if kind == "bits" and context.ns_per_instruction else None)
              for kind, name in (("bits", "a bit a process"), ("hash", "one hash"), ("per_cpu", "a hash a CPU"))
              for key, load in (("alone", "one CPU"), ("all_cpus", "every CPU at once"))),
            Figure("AU-7", "look-up of an audio server, what is used / a hash a CPU",
                   figures.ratio(found["bits"]["all_cpus_ns"], found["per_cpu"]["all_cpus_ns"]), "ratio", kernel, 1)]


def audio(context: Context) -> list[Figure]:
    """PipeWire, WirePlumber and a client that plays, in a user's session without real-time rights. The rival in real
    time has all of their threads there, as where rtkit gives them what they ask for: it is the best there can be.

    At two quanta: the smallest with which the idle machine has no xrun, where it may well be that nobody is without
    under overload; and the smallest with which the rival in real time has none there. A session for each count: from a
    storm of xruns PipeWire keeps a wrong idea of the card's clock, and has more of them whoever schedules."""
    context.switch.on()
    idle = smallest_quantum(context, QUANTA, "idle machine", lambda session: session.xruns_in(IDLE_SECONDS))
    if not idle:
        raise BenchError("PipeWire has xruns on the idle machine with every quantum: is the host's clock its own?")
    rows = audio_at(context, idle)
    realtime = next((rival for rival in context.rivals if rival.name == REALTIME), None)
    if realtime:
        busy = smallest_quantum(context, [quantum for quantum in QUANTA if quantum >= idle], realtime.label,
                                lambda session: under_overload(context, session, realtime, PROBE_SECONDS))
        if busy and busy != idle:
            rows += audio_at(context, busy)
    return rows + servers(context)


@contextlib.contextmanager
def playing(quantum: int):
    with sound.Session() as session:
        session.force_quantum(quantum)
        yield session


def smallest_quantum(context: Context, quanta, what: str, xruns) -> int | None:
    """The first with which there is no xrun."""
    for quantum in quanta:
        with playing(quantum) as session:
            count = xruns(session)
        context.screen.say(f"  {what}, quantum {quantum}: {count} xruns")
        if count == 0:
            return quantum
    return None


def audio_at(context: Context, quantum: int) -> list[Figure]:
    seconds, xruns = context.audio_seconds, {}
    for rival in context.rivals:
        if rival.name in (DEFAULT, REALTIME, OURS):
            with playing(quantum) as session:
                xruns[rival.name] = under_overload(context, session, rival, seconds)
            context.screen.say(f"  {rival.label}, quantum {quantum}: {xruns[rival.name]} xruns in {seconds:g} s")
    return figures.xrun_figures(f"xruns of PipeWire in {seconds:g} s, quantum {quantum}, {OVERLOAD.name}", xruns,
                                context.guest.kernel)


def under_overload(context: Context, session, rival, seconds: float) -> int:
    rival.prepare()
    with (session.realtime() if rival.name == REALTIME else contextlib.nullcontext(),
          background(context.guest, OVERLOAD) as hogs):
        hogs.await_ready()
        if rival.name != OURS:
            return measured(session, hogs, seconds)
        with small_game(context):
            rival.started()
            count = measured(session, hogs, seconds)
            rival.ended()
            return count


def measured(session, hogs, seconds: float) -> int:
    start_ns = time.monotonic_ns() + int(0.5e9)
    hogs.go(start_ns, start_ns + int(seconds * 1e9))
    count = session.xruns_in(seconds)
    hogs.result(seconds + 60)
    return count
