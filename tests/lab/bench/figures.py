# SPDX-License-Identifier: GPL-2.0-or-later
"""Numbers only: percentiles, totals of blocks, ratios against targets, tables.

Nothing here starts a process, reads a clock or prints. Times are nanoseconds until
they become a figure.

A rival is one way of scheduling the same work. Blocks of the rivals are interleaved;
what is reported of a rival is over all its blocks together (samples are pooled, never
percentiles averaged).
"""

from __future__ import annotations

import dataclasses
import math

DEFAULT, NICE, REALTIME, OURS = "default", "nice-10", "rr", "ours"


@dataclasses.dataclass(frozen=True)
class Figure:
    """One row. `better` says on which side of `target` the value must be."""

    id: str
    name: str
    value: float | None
    unit: str
    kernel: str
    target: float | None = None
    better: str = "lower"

    def met(self) -> bool | None:
        if self.target is None:
            return None
        if self.value is None:
            return False
        if self.better == "lower":
            return self.value <= self.target
        return self.value >= self.target


def percentile(samples: list[int], p: float) -> float | None:
    """Nearest rank: always a value that occurred."""
    if not samples:
        return None
    rank = math.ceil(round(p * len(samples) / 100, 6))  # 99.9 % of 1000 is 999, not 999.0000001
    return sorted(samples)[max(rank, 1) - 1]


def ratio(value: float | None, base: float | None) -> float | None:
    if value is None or not base:
        return None
    return value / base


def scaled(value: float | None, divisor: float) -> float | None:
    return None if value is None else value / divisor


@dataclasses.dataclass(frozen=True)
class Costs:
    """What one piece of counted work takes on an idle machine, in microseconds."""

    unit_us: float
    child_us: float


@dataclasses.dataclass
class Totals:
    """All blocks of one rival under one load."""

    blocks: int = 0
    refreshes: int = 0
    missed: int = 0
    frame_ns: list[int] = dataclasses.field(default_factory=list)
    wake_ns: list[int] = dataclasses.field(default_factory=list)
    input_ns: list[int] = dataclasses.field(default_factory=list)
    audio_missed: int = 0
    audio_wake_ns: list[int] = dataclasses.field(default_factory=list)
    compositor_wake_ns: list[int] = dataclasses.field(default_factory=list)
    flip_ns: list[int] = dataclasses.field(default_factory=list)
    delivery_ns: list[int] = dataclasses.field(default_factory=list)
    round_trip_ns: list[int] = dataclasses.field(default_factory=list)
    background_us: float = 0
    game_us: float = 0
    streamed_us: float = 0
    background_cpu_ms: float = 0
    streamed_cpu_ms: float = 0
    longest_wait_ms: float = 0

    def add(self, game: dict, background: dict, costs: Costs, *compositors: dict) -> None:
        self.blocks += 1
        frame = game["frame"]
        self.refreshes += frame["refreshes"]
        self.missed += frame["missed"]
        self.frame_ns += frame["time"]["raw_ns"]
        self.wake_ns += frame["wake"]["raw_ns"]
        self.input_ns += game.get("input", {}).get("latency", {}).get("raw_ns", [])
        self.audio_missed += game.get("audio", {}).get("missed", 0)
        self.audio_wake_ns += game.get("audio", {}).get("wake", {}).get("raw_ns", [])
        for compositor in compositors:
            self.compositor_wake_ns += compositor["wake"]["raw_ns"]
            self.flip_ns += compositor["flip"]["raw_ns"]
        self.delivery_ns += game.get("net", {}).get("delivery", {}).get("raw_ns", [])
        self.round_trip_ns += game.get("net", {}).get("round_trip", {}).get("raw_ns", [])
        self.background_us += work_us(background, costs)
        self.game_us += len(frame["time"]["raw_ns"]) * frame["work_us"]
        self.streamed_us += game["streamers"]["units"] * costs.unit_us
        self.background_cpu_ms += cpu_ms(background)
        self.streamed_cpu_ms += game["streamers"]["cpu_ns"] / 1e6
        self.longest_wait_ms = max(
            self.longest_wait_ms,
            longest_wait_ms(background),
            game["streamers"]["longest_wait_ms"],
        )

    def all_work_us(self) -> float:
        """All that got done, by the game too."""
        return self.background_us + self.streamed_us + self.game_us

    def missed_share(self) -> float | None:
        return ratio(self.missed, self.refreshes)


def work_us(background: dict, costs: Costs) -> float:
    return (
        background["hogs"]["units"] * costs.unit_us
        + background["storm"]["children"] * costs.child_us
    )


def cpu_ms(background: dict) -> float:
    return (background["hogs"]["cpu_ns"] + background["storm"]["cpu_ns"]) / 1e6


def longest_wait_ms(background: dict) -> float:
    return max(background["hogs"]["longest_wait_ms"], background["storm"]["longest_wait_ms"])


def against(
    id: str,
    what: str,
    values: dict[str, float | None],
    limits: dict[str, float | None],
    kernel: str,
    better: str = "lower",
) -> list[Figure]:
    """Ours divided by each rival of `limits`, with the limit as its target; None: shown without one."""
    return [
        Figure(id, f"{what}, ours / {rival}", ratio(values.get(OURS), values[rival]),
               "ratio", kernel, limit, better)
        for rival, limit in limits.items()
        if rival in values and OURS in values
    ]


def absolute(
    id: str,
    what: str,
    unit: str,
    values: dict[str, float | None],
    kernel: str,
    target: float | None = None,
    better: str = "lower",
) -> list[Figure]:
    """The value of every rival; the target is ours alone."""
    return [
        Figure(id, f"{what}, {rival}", value, unit, kernel,
               target if rival == OURS else None, better)
        for rival, value in values.items()
    ]


# The limits that a critical thread's latency must keep, against what a user has without us: the
# kernel's default, GameMode's renice, and real-time priority, which is the best there can be.
REALTIME_LIMIT = 1.5
LATENCY_LIMITS = {DEFAULT: 1 / 15, NICE: 1 / 5, REALTIME: REALTIME_LIMIT}
MISSED_LIMIT = 0.003
# Below this the default scheduler does well enough that a factor says nothing, and draws enough frames for the rest of
# its work to be a measure.
DEFAULT_MISSES_MANY = 0.15
MISSED_FACTOR = 1 / 50
# Of a whole game: workers, audio, network and input beside the frame.
GAME_MISSED_LIMIT = 0.001
GAME_MISSED_FACTOR = 1 / 100
LONGEST_WAIT_LIMIT_MS = 100
# On an idle machine the kernel's own scheduler is as good as it gets.
IDLE_LIMIT = 1.1


def _each(totals: dict[str, Totals], value) -> dict[str, float | None]:
    return {rival: value(t) for rival, t in totals.items()}


def misses_many(totals: dict[str, Totals]) -> bool:
    """Whether the default scheduler does."""
    return DEFAULT in totals and (totals[DEFAULT].missed_share() or 0) > DEFAULT_MISSES_MANY


def missed_figures(load: str, totals: dict[str, Totals], kernel: str, limit: float = MISSED_LIMIT,
                   factor: float = MISSED_FACTOR) -> list[Figure]:
    shares = _each(totals, Totals.missed_share)
    rows = absolute("POL-1", f"missed frames, {load}", "share", shares, kernel, limit)
    if misses_many(totals):
        rows += against("POL-1", f"missed frames, {load}", shares, {DEFAULT: factor}, kernel)
    return rows


def frames_figures(load: str, totals: dict[str, Totals], kernel: str) -> list[Figure]:
    """One frame thread against an overloaded machine."""
    wake = _each(totals, lambda t: scaled(percentile(t.wake_ns, 99), 1000))
    work = _each(totals, lambda t: t.background_us)
    wait = _each(totals, lambda t: t.longest_wait_ms)
    what = f"wake-to-run p99, {load}"
    return [
        *missed_figures(load, totals, kernel),
        *absolute("POL-2", what, "us", wake, kernel),
        *against("POL-2", what, wake, LATENCY_LIMITS, kernel),
        *against("POL-1", f"background work, {load}", work, {DEFAULT: 0.98}, kernel, "higher"),
        # A scheduler that misses frames has their work left for the background: count both.
        *against("POL-1", f"background and game work, {load}",
                 _each(totals, lambda t: t.background_us + t.game_us), {DEFAULT: 0.98}, kernel,
                 "higher"),
        *absolute("POL-1", f"longest background wait, {load}", "ms", wait, kernel,
                  LONGEST_WAIT_LIMIT_MS),
    ]


def idle_figures(load: str, totals: dict[str, Totals], kernel: str) -> list[Figure]:
    """One frame thread on an idle machine."""
    wake = _each(totals, lambda t: scaled(percentile(t.wake_ns, 99), 1000))
    what = f"wake-to-run p99, {load}"
    return [*absolute("POL-2", what, "us", wake, kernel), *against("POL-2", what, wake, {DEFAULT: IDLE_LIMIT}, kernel)]


# By lanes, a thread wakes this much sooner than under the default on an overloaded machine.
LANE_LIMIT = 1 / 20
LANES_OF_A_GAME = (("AU-6", "audio", lambda t: t.audio_wake_ns), ("IN-10", "input", lambda t: t.input_ns))


def lanes_figures(load: str, totals: dict[str, Totals], kernel: str, idle: bool) -> list[Figure]:
    """Wake-to-run by lane; on an idle machine nothing is to be gained, and nothing to be lost. Beside hogs SCHED_RR is the
    measure as well: the default is late by chance there, and its p99 is twice as high in one run as in the next."""
    limits = {DEFAULT: IDLE_LIMIT} if idle else {DEFAULT: LANE_LIMIT, REALTIME: REALTIME_LIMIT}
    rows = []
    for id, lane, values in (("GPU-1", "GPU", lambda t: t.wake_ns), *LANES_OF_A_GAME,
                             ("GPU-8", "compositor", lambda t: t.compositor_wake_ns)):
        rows += _lane_figures(id, lane, values, load, totals, limits, kernel)
    flip = _each(totals, lambda t: scaled(percentile(t.flip_ns, 99), 1000))
    # A flip may wait for the screen's next refresh besides, whatever the scheduler does.
    what = f"a flip, from call to done, p99, {load}"
    return [*rows, *absolute("GPU-8", what, "us", flip, kernel), *against("GPU-8", what, flip, {DEFAULT: IDLE_LIMIT}, kernel)]


def _lane_figures(id: str, lane: str, values, load: str, totals: dict[str, Totals], limits: dict, kernel: str) -> list[Figure]:
    wake = _each(totals, lambda t: scaled(percentile(values(t), 99), 1000))
    what = f"wake-to-run p99, {lane}, {load}"
    return [*absolute(id, what, "us", wake, kernel), *against(id, what, wake, limits, kernel)]


WORKERS_LIMIT = 0.95


def crowd_figures(load: str, totals: dict[str, Totals], kernel: str) -> list[Figure]:
    """A game whose own workers want more CPUs than there are. Whoever raises the whole game raises them as well."""
    rows = missed_figures(load, totals, kernel)
    for id, lane, values in (("POL-2", "frame", lambda t: t.wake_ns), *LANES_OF_A_GAME):
        rows += _lane_figures(id, lane, values, load, totals, {REALTIME: REALTIME_LIMIT}, kernel)
    time = _each(totals, lambda t: t.streamed_cpu_ms)
    what = f"the workers' CPU time, {load}"
    return [*rows, *absolute("POL-7", what, "ms", time, kernel, better="higher"),
            *against("POL-7", what, time, {DEFAULT: WORKERS_LIMIT, REALTIME: WORKERS_LIMIT}, kernel, "higher"),
            *absolute("POL-1", f"longest background wait, {load}", "ms", _each(totals, lambda t: t.longest_wait_ms), kernel,
                      LONGEST_WAIT_LIMIT_MS)]


WORK_LIMITS = {DEFAULT: 0.98, REALTIME: 0.95}


def work_figures(load: str, totals: dict[str, Totals], kernel: str) -> list[Figure]:
    """What everybody else gets done beside a whole game.

    Who gets how much is time on a CPU, as the kernel counts it, and what is made of that is the work of all together.
    For under emulation CPUs are not equal: in the same time one does twice the work of another, and a scheduler that
    leaves threads where they are gives some more work and others less by chance. What SCHED_RR leaves each kind
    of thread is shown beside that.

    The default is a measure of time as long as it draws the frames as well: with each that it misses it leaves
    others the work, the wake-ups and the switches of one. Where it misses many, who draws them all cannot reach
    it (SCHED_RR does not): then that is shown, and SCHED_RR is the measure."""
    others = {"background": (lambda t: t.background_cpu_ms, lambda t: t.background_us),
              "streaming": (lambda t: t.streamed_cpu_ms, lambda t: t.streamed_us)}
    limits = WORK_LIMITS | ({DEFAULT: None} if misses_many(totals) else {})
    rows = []
    for what, (time_ms, work_us_of) in others.items():
        time = _each(totals, time_ms)
        rows += absolute("POL-7", f"{what} CPU time, {load}", "ms", time, kernel, better="higher")
        rows += absolute("POL-7", f"{what} work, {load}", "ms",
                         _each(totals, lambda t, us=work_us_of: us(t) / 1000), kernel, better="higher")
        rows += against("POL-7", f"{what} CPU time, {load}", time, {DEFAULT: limits[DEFAULT], REALTIME: None}, kernel,
                        "higher")
    return [
        *rows,
        *against("POL-7", f"background and streaming work, {load}",
                 _each(totals, lambda t: t.background_us + t.streamed_us),
                 limits, kernel, "higher"),
        *against("POL-7", f"background, streaming and game work, {load}",
                 _each(totals, Totals.all_work_us), limits, kernel, "higher"),
    ]


def jobs_figures(load: str, totals: dict[str, Totals], kernel: str) -> list[Figure]:
    """A whole game: job system, streaming, audio, network, input."""
    frame = _each(totals, lambda t: scaled(percentile(t.frame_ns, 99), 1e6))
    wake = _each(totals, lambda t: scaled(percentile(t.wake_ns, 99), 1000))
    event = _each(totals, lambda t: scaled(percentile(t.input_ns, 99), 1000))
    delivery = _each(totals, lambda t: scaled(percentile(t.delivery_ns, 99), 1000))
    rows = [
        *missed_figures(load, totals, kernel, GAME_MISSED_LIMIT, GAME_MISSED_FACTOR),
        *absolute("POL-7", f"frame time p99, {load}", "ms", frame, kernel),
        *against("POL-7", f"frame time p99, {load}", frame, {NICE: 0.5, REALTIME: 1.2}, kernel),
        *absolute("POL-2", f"wake-to-run p99, {load}", "us", wake, kernel),
        *work_figures(load, totals, kernel),
        *absolute("POL-1", f"longest background wait, {load}", "ms",
                  _each(totals, lambda t: t.longest_wait_ms), kernel, LONGEST_WAIT_LIMIT_MS),
        *absolute("AU-6", f"audio periods missed, {load}", "count",
                  _each(totals, lambda t: t.audio_missed), kernel, 0),
        *absolute("NET-2", f"datagram to game thread p99, {load}", "us", delivery, kernel),
    ]
    # No ratio: 13 threads of this game are urgent and want 4 CPUs, so SCHED_RR itself stays near the default.
    if any(t.input_ns for t in totals.values()):
        rows += absolute("IN-10", f"input event to game thread p99, {load}", "us", event, kernel)
    return rows


# On an idle machine nobody needs us: what counts is that we cost nothing that can be felt.
INPUT_IDLE_LIMIT_US = 200
INPUT_LIMITS = {DEFAULT: 1 / 15, REALTIME: REALTIME_LIMIT}


def clicks_figures(load: str, totals: dict[str, Totals], kernel: str, rivals=()) -> list[Figure]:
    """A game that reads a mouse. Against rivals on a loaded machine, against the clock on an idle one."""
    event = _each(totals, lambda t: scaled(percentile(t.input_ns, 99), 1000))
    what = f"input event to game thread p99, {load}"
    return [*absolute("IN-10", what, "us", event, kernel, None if rivals else INPUT_IDLE_LIMIT_US),
            *against("IN-10", what, event, {rival: INPUT_LIMITS[rival] for rival in rivals}, kernel)]


def xrun_figures(what: str, xruns: dict[str, float | None], kernel: str) -> list[Figure]:
    """None is wanted; where the best there can be has some itself, no more than that."""
    rows = absolute("AU-6", what, "count", xruns, kernel, 0)
    if xruns.get(REALTIME):
        rows += against("AU-6", what, xruns, {REALTIME: 1}, kernel)
    return rows


def rivals_table(totals: dict[str, Totals]) -> str:
    """One row a rival, over all its blocks; CPU time and work are in % of the default's."""
    base = totals.get(DEFAULT)

    def percent(value: float, of) -> str:
        share = ratio(value, of(base)) if base else None
        return "-" if share is None else f"{share * 100:.1f} %"

    header = ["", "missed", "frame p50", "p99", "p99.9 ms", "wake p50", "p99 us", "input p99 us",
              "longest wait ms", "background CPU", "streaming CPU", "all work"]
    rows = [
        [rival, f"{t.missed}/{t.refreshes}",
         *(shown(scaled(percentile(t.frame_ns, p), 1e6)) for p in (50, 99, 99.9)),
         *(shown(scaled(percentile(t.wake_ns, p), 1e3)) for p in (50, 99)),
         shown(scaled(percentile(t.input_ns, 99), 1e3)), shown(t.longest_wait_ms),
         percent(t.background_cpu_ms, lambda b: b.background_cpu_ms),
         percent(t.streamed_cpu_ms, lambda b: b.streamed_cpu_ms),
         percent(t.all_work_us(), Totals.all_work_us)]
        for rival, t in totals.items()
    ]
    return table(header, rows)


def document(figures: list[Figure]) -> dict:
    return {"figures": [dataclasses.asdict(figure) for figure in figures]}


def shown(value: float | None) -> str:
    """Three significant digits, without exponents; counts as they are."""
    if value is None:
        return "-"
    if value == 0 or (float(value).is_integer() and abs(value) < 1e6):
        return f"{value:.0f}"
    digits = max(2 - math.floor(math.log10(abs(value))), 0)
    return f"{value:.{digits}f}"


def table(header: list[str], rows: list[list[str]], numbers_from: int = 1) -> str:
    """Columns from `numbers_from` on are aligned to the right."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(row: list[str]) -> str:
        cells = (
            cell.rjust(width) if i >= numbers_from else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths))
        )
        return "  ".join(cells).rstrip()

    return "\n".join([line(header), "  ".join("-" * w for w in widths), *map(line, rows)])


def figures_table(figures: list[Figure]) -> str:
    """Those that have a target; the rest is in the document."""
    words = {True: "ok", False: "MISSED", None: ""}
    signs = {"lower": "<=", "higher": ">="}
    rows = [
        [f.id, f.name, shown(f.value), f.unit,
         "" if f.target is None else f"{signs[f.better]} {shown(f.target)}", words[f.met()]]
        for f in figures if f.target is not None
    ]
    return table(["id", "figure", "value", "unit", "target", ""], rows, numbers_from=2)
