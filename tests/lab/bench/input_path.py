# SPDX-License-Identifier: GPL-2.0-or-later
"""The input path by itself: what an event costs, how long it takes to the daemon, and that none is lost.

The service is stopped meanwhile: input-bench brings its kernel side with it, and measures that alone.
"""

from __future__ import annotations

import contextlib
import json
import subprocess

from figures import Figure, ratio, scaled
from guest import output_of
from lifecycle import SERVICE, await_service, forget_starts
from scenarios import Context


# What udev makes of each of a hundred mice takes the emulator longer than all that is measured here, and nobody uses it.
UDEV = ["systemd-udevd-control.socket", "systemd-udevd-kernel.socket", "systemd-udevd.service"]


@contextlib.contextmanager
def without_service(context: Context):
    """Gives a function that runs input-bench: its parts in, its findings out. Call it once: each call loads all programs."""
    context.switch.on()
    subprocess.run(["modprobe", "-a", "uinput", "evdev"], capture_output=True)  # built in, perhaps
    output_of(["systemctl", "stop", SERVICE])
    with_udev = [unit for unit in UDEV if subprocess.run(["systemctl", "--quiet", "is-active", unit]).returncode == 0]
    if with_udev:
        output_of(["systemctl", "stop", *with_udev])
    try:
        yield lambda *parts: json.loads(output_of([context.guest.path("input-bench"), *parts]))
    finally:
        if with_udev:
            output_of(["systemctl", "start", *with_udev])
        forget_starts()
        output_of(["systemctl", "start", SERVICE])
        await_service()


def input_path(context: Context) -> list[Figure]:
    kernel = context.guest.kernel
    with without_service(context) as bench:
        context.screen.say("\nthe input path")
        found = bench("cost", "daemon", "flood")
    return [*cost_figures(found["cost"], context.ns_per_instruction, kernel),
            *daemon_figures(found["daemon"], kernel), *flood_figures(found["flood"], kernel)]


def cost_figures(cost: dict, ns_per_instruction: float, kernel: str) -> list[Figure]:
    unit, divisor = ("instructions", ns_per_instruction) if ns_per_instruction else ("ns", 1)

    def path(id: str, name: str, phase: str, target: float | None) -> Figure:
        return Figure(id, f"an event's cost in the hook, {name}", scaled(cost[phase]["mean_ns"], divisor), unit, kernel,
                      target if ns_per_instruction else None)

    return [
        path("IN-3", "fast path", "fast", 120),
        path("IN-3", "device in the cache", "slow_hit", 400),
        path("IN-3", "device in the cache and a record, once a second", "record", None),
        path("IN-2", "first sight of a device", "first_sight", 2000),
        path("IN-1", "no game", "without_game", None),
        Figure("IN-3", "fast path / device in the cache and a record",
               ratio(cost["fast"]["mean_ns"], cost["record"]["mean_ns"]), "ratio", kernel, 0.25),
        Figure("IN-4", "cache hits, 40 devices of which 3 are active", cost["lru_hit_rate"], "share", kernel, 0.99,
               "higher"),
        Figure("IN-1", "events at which the hook was not run", sum(phase["not_run"] for phase in cost.values()
                                                                   if isinstance(phase, dict)), "count", kernel, 0),
    ]


def daemon_figures(daemon: dict, kernel: str) -> list[Figure]:
    return [
        Figure("IN-10", "event to daemon p50, idle machine", scaled(daemon["latency"]["p50_ns"], 1000), "us", kernel),
        Figure("IN-10", "event to daemon p99, idle machine", scaled(daemon["latency"]["p99_ns"], 1000), "us", kernel, 200),
        Figure("IN-7", "of a processor for the service's loop, 8000 packets a second", daemon["cpu_share"], "share",
               kernel, 0.05),
        Figure("IN-7", "events for each turn of the loop, 8000 packets a second",
               ratio(daemon["events"], daemon["turns"]), "count", kernel, 8, "higher"),
        Figure("ASY-1", "turns of the loop in a second without input", daemon["idle_turns"], "count", kernel, 0),
    ]


def flood_figures(flood: dict, kernel: str) -> list[Figure]:
    accounted = flood["delivered"] + flood["dropped"] + flood["pending"]
    return [
        Figure("IN-6", "events of a million neither delivered nor counted as dropped, reader away for 10 s",
               abs(flood["sent"] - accounted), "count", kernel, 0),
        Figure("IN-6", "of these, counted as dropped", flood["dropped"], "count", kernel),
        Figure("IN-1", "packets of these whose window was not open at once", flood["boost_missed"], "count", kernel, 0),
    ]


def rings(context: Context) -> list[Figure]:
    """Row IN-11: what the service could do instead of level-triggered epoll."""
    with without_service(context) as bench:
        context.screen.say("\nways to read the rings")
        found = bench("compare")["compare"]
    kernel, rows = context.guest.kernel, []
    for way in dict.fromkeys(row["way"] for row in found):
        for load in ("singles", "bursts"):
            runs = [row[load] for row in found if row["way"] == way and row[load]]
            if not runs:
                context.screen.say(f"  {way}: not available here")
                continue
            best = min(runs, key=lambda run: run["cpu_ns_a_record"])
            rows += [Figure("IN-11", f"processor time for a record, {load}, {way}", best["cpu_ns_a_record"], "ns", kernel),
                     Figure("IN-11", f"event to handler p99, {load}, {way}", scaled(best["p99_ns"], 1000), "us", kernel)]
            context.screen.say(f"  {way:<34} {load:<8} {best['cpu_ns_a_record']:7.0f} ns a record, "
                               f"p50/p99 {best['p50_ns'] / 1000:.0f}/{best['p99_ns'] / 1000:.0f} us")
    return rows


def snapshots(context: Context) -> list[Figure]:
    """A reader of counters takes a reference, never a copy."""
    found = json.loads(output_of([context.guest.path("input-bench"), "snapshot"]))["snapshot"]
    unit, divisor = ("instructions", context.ns_per_instruction) if context.ns_per_instruction else ("ns", 1)
    kernel = context.guest.kernel
    rows = [Figure("PAR-3", f"reading a counter, {name}", scaled(found[key], divisor), unit, kernel)
            for key, name in (("page_ns", "from the page"), ("reference_ns", "from a snapshot"),
                              ("copy_ns", "by a copy of 256 CPUs' counters"))]
    return rows + [
        Figure("PAR-3", "copy of 256 CPUs' counters / counter from the page", ratio(found["copy_ns"], found["page_ns"]),
               "ratio", kernel, 100, "higher"),
        Figure("PAR-3", "copy of 256 CPUs' counters / counter from a snapshot",
               ratio(found["copy_ns"], found["reference_ns"]), "ratio", kernel, 100, "higher")]
