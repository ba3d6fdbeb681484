# SPDX-License-Identifier: GPL-2.0-or-later
"""What finding games costs: from exec to registered, in a storm of programs, and when nothing happens."""

from __future__ import annotations

import contextlib
import json
import pathlib
import shutil
import subprocess
import time

from figures import Figure, percentile
from guest import BenchError, await_condition, await_kernel_state, output_of
from lifecycle import service_pid
from scenarios import Context

STARTS = 100
STARTS_IN_STORM = 16  # less than a user may have
PLAYER_UID = 1000
FOLDER = pathlib.Path("/srv/games-bench")
STORM_S = 5.0
IDLE_S = 10.0
# Virtual CPUs share one stream of instructions: whoever asks meanwhile slows down what is measured.
QUIET_S = 0.1


def games() -> dict[int, int]:
    """Root process of each game, and when it was registered (microseconds, CLOCK_REALTIME)."""
    reply = json.loads(output_of(["busctl", "--json=short", "call", "org.gamesched.Scheduler1",
                                  "/org/gamesched/Scheduler1", "org.freedesktop.DBus.ObjectManager",
                                  "GetManagedObjects"]))
    found = (interfaces["org.gamesched.Game1"] for interfaces in reply["data"][0].values())
    return {game["Pid"]["data"]: game["Since"]["data"] for game in found}


@contextlib.contextmanager
def stand_ins():
    """A folder with a reaper that sleeps, and a program that does nothing."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "reaper").write_text("#!/bin/sh\nread line\n")
    (FOLDER / "reaper").chmod(0o755)
    shutil.copy("/usr/bin/true", FOLDER / "program")
    FOLDER.chmod(0o755)
    try:
        yield
    finally:
        shutil.rmtree(FOLDER)


def start_game(stamp: str) -> subprocess.Popen:
    return subprocess.Popen([stamp, FOLDER / "reaper", "SteamLaunch", "AppId=1", "--"], stdin=subprocess.PIPE,
                            stderr=subprocess.PIPE, user=PLAYER_UID, group=PLAYER_UID, extra_groups=[])


@contextlib.contextmanager
def found_game(stamp: str):
    """Yields what it took from before the exec until the game was registered, in ns."""
    with start_game(stamp) as game:
        begin_ns = int(game.stderr.readline())
        try:
            time.sleep(QUIET_S)
            await_condition("the game to be found", lambda: game.pid in games(), 30, 0.01)
            yield games()[game.pid] * 1000 - begin_ns
        finally:
            game.stdin.close()


def games_found(stamp: str) -> int:
    """Of as many as start one after the other; each stays until all are counted."""
    with contextlib.ExitStack() as stack:
        started = []
        for _ in range(STARTS_IN_STORM):
            started.append(stack.enter_context(start_game(stamp)))
            stack.callback(started[-1].stdin.close)
            time.sleep(QUIET_S)
        with contextlib.suppress(BenchError):
            await_condition("all games to be found", lambda: {game.pid for game in started} <= games().keys(), 60, 0.5)
        return len({game.pid for game in started} & games().keys())


def cpu_ns(pid: int) -> int:
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0])


def switches_of(pid: int) -> int:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return sum(int(line.split()[1]) for line in status.splitlines() if "ctxt_switches" in line)


def finding(context: Context) -> list[Figure]:
    kernel = context.guest.kernel
    stamp = context.guest.path("stamp")
    rows = []
    context.switch.on()
    with stand_ins():
        context.screen.say(f"\n{STARTS} games that nobody registers")
        took_ns = []
        for _ in range(STARTS):
            with found_game(stamp) as ns:
                took_ns.append(ns)
        rows.append(Figure("BUS-5", f"exec to registered, p99 of {STARTS}, idle machine",
                           percentile(took_ns, 99) / 1e6, "ms", kernel, 5))
        context.screen.say(f"  p50 {percentile(took_ns, 50) / 1e6:.2f}, p99 {percentile(took_ns, 99) / 1e6:.2f} ms")

        pid = service_pid()
        await_condition("no game", lambda: not games(), 30, 0.1)
        await_kernel_state("disabled")
        time.sleep(2)
        before = switches_of(pid)
        time.sleep(IDLE_S)
        rows.append(Figure("ASY-1", "wake-ups of the idle daemon a second", (switches_of(pid) - before) / IDLE_S, "1/s",
                           kernel, 0))

        for what, program in (("of a program elsewhere", "/usr/bin/true"), ("where games lie", FOLDER / "program")):
            context.screen.say(f"\na storm {what}")
            storms = [subprocess.Popen(["sh", "-c", f"while :; do {program}; done"], user=PLAYER_UID, group=PLAYER_UID,
                                       extra_groups=[]) for _ in range(2)]
            try:
                before_ns, begin_ns = cpu_ns(pid), time.monotonic_ns()
                time.sleep(STORM_S)
                share = (cpu_ns(pid) - before_ns) / (time.monotonic_ns() - begin_ns)
                found = games_found(stamp)
            finally:
                for storm in storms:
                    storm.kill()
                    storm.wait()
            rows.append(Figure("BUS-5", f"daemon's share of a CPU in a storm {what}", share * 100, "%", kernel, 5))
            rows.append(Figure("BUS-5", f"games found of {STARTS_IN_STORM} that start in a storm {what}", found, "count", kernel,
                               STARTS_IN_STORM, "higher"))
            context.screen.say(f"  {share * 100:.2f} % of a CPU; {found} of {STARTS_IN_STORM} games found")
            if service_pid() != pid:
                raise BenchError("the service ended in the storm")
    return rows
