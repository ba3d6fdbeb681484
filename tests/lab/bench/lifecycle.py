# SPDX-License-Identifier: GPL-2.0-or-later
"""The service's own figures: how fast it is there for a game, how fast it is gone when it dies,
what it costs while nobody plays, and what a context switch costs under its scheduler."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

import seat
from block import Load, background
from figures import (DEFAULT, OURS, Figure, absolute, against, percentile, scaled, work_us)
from guest import (SCHED_EXT, BenchError, SchedulerEnd, await_condition, await_kernel_state, kernel_ops,
                   kernel_state, output_of, read_or)
from rivals import BETWEEN_ENABLES_S
from scenarios import Context

SERVICE = "gameschedd.service"
STARTS = 6
KILLS = 3
RUNS = 60
# A user may change the games 25 times in 20 seconds; refused ones would be cheaper.
BETWEEN_RUNS_S = 0.85
THREADS_AT_KILL = 1000
EXPECTED_FOR_S = 4.0  # longer than the service keeps the scheduler for a game that was announced


@contextlib.contextmanager
def small_game(context: Context):
    """The smallest game there is, started as a user would. Yields (time of exec, time of its first
    instruction)."""
    argv = context.switch.game_command([context.guest.path("stamp")])
    exec_ns = time.monotonic_ns()
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as game:
        line = game.stdout.readline()
        if not line:
            raise BenchError(f"{' '.join(argv)} ended at once")
        yield exec_ns, int(line)
        game.stdin.close()


@contextlib.contextmanager
def running(context: Context, load: Load):
    with background(context.guest, load) as hogs:
        hogs.await_ready()
        yield hogs


def measure(hogs, seconds: float) -> dict:
    start_ns = time.monotonic_ns() + int(0.3e9)
    hogs.go(start_ns, start_ns + int(seconds * 1e9))
    return hogs.result(seconds + 60)


def boosted(context: Context) -> list[Figure]:
    """From the exec of gamesched-run to the game running under our scheduler, every CPU saturated."""
    load = Load("starting a game, 16 hogs + fork storm", hogs=16, storms=3)
    context.screen.say(f"\n{load.name}")
    took_ns = []
    with running(context, load):
        for number in range(STARTS):
            context.switch.off()
            await_kernel_state("disabled")
            context.switch.on()
            # The game before may still be expected, and the scheduler be there for it.
            time.sleep(EXPECTED_FOR_S)
            await_kernel_state("disabled")
            with small_game(context) as (exec_ns, first_ns):
                # Registered before its first instruction; boosted when our scheduler runs, too.
                enabled_ns = await_kernel_state("enabled", interval_s=0.001)
                took_ns.append(max(first_ns, enabled_ns) - exec_ns)
            context.screen.say(f"  start {number + 1}: first instruction after "
                               f"{(first_ns - exec_ns) / 1e6:.0f} ms, scheduler enabled after "
                               f"{(enabled_ns - exec_ns) / 1e6:.0f} ms")
    return [Figure("BUS-2", f"exec to boosted p{p}, every CPU saturated",
                   scaled(percentile(took_ns, p), 1e6), "ms", context.guest.kernel,
                   300 if p == 99 else None) for p in (50, 99)]


def at_the_seat(*argv: str) -> str:
    """What a command says that the player runs in a session at the machine's screen, in front."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        out, err = (pathlib.Path(folder) / name for name in ("out", "err"))
        done = subprocess.run([*seat.session(seat.PLAYER, out, err, "--quiet", "--wait", "--collect"), *argv],
                              stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise BenchError(f"{' '.join(argv)}: {done.returncode}: {read_or(err, '')}")
        return read_or(out, "")


def run_cost(context: Context) -> list[Figure]:
    """gamesched-run true against true, by the user at the screen: what a launch option costs, registration included. The
    scheduler is there already: how long it takes to come is boosted()'s. All that others do for it meanwhile is in it, since
    this machine's CPUs share one stream of instructions."""
    context.screen.say("\ngamesched-run true against true, by the user at the screen")
    context.switch.on()
    with small_game(context):
        await_kernel_state("enabled")
        # A desktop has long started polkit, and a session is longer there than the first second, in which the service asks
        # polkit what it says of it.
        output_of(["systemctl", "start", "polkit.service"])
        script = pathlib.Path(__file__).with_name("launches.py")
        time.sleep(BETWEEN_ENABLES_S)
        took_ns = json.loads(at_the_seat("/usr/bin/python3", str(script), str(RUNS), str(BETWEEN_RUNS_S / 2), "true",
                                         "gamesched-run true"))
    rows = []
    for p in (50, 99):
        plain, ours = (scaled(percentile(samples, p), 1e6) for samples in took_ns.values())
        context.screen.say(f"  p{p}: {plain:.1f} ms, through gamesched-run {ours:.1f} ms")
        rows.append(Figure("BUS-2", f"gamesched-run true, more than true, p{p}", ours - plain, "ms", context.guest.kernel,
                           10 if p == 99 else None))
    return rows


def snapshot() -> dict[str, str]:
    """What must be after us as it was before us."""
    names = ("state", "switch_all", "nr_rejected", "hotplug_seq")
    return {name: read_or(SCHED_EXT / name, "") for name in names} | {"ops": kernel_ops()}


def kill(context: Context) -> list[Figure]:
    """SIGKILL of the daemon while its scheduler runs 1,000 threads."""
    load = Load(f"SIGKILL of the daemon at {THREADS_AT_KILL} threads", hogs=4,
                sleepers=THREADS_AT_KILL)
    context.screen.say(f"\n{load.name}")
    context.switch.off()
    await_kernel_state("disabled")
    before = snapshot()
    context.switch.on()
    forget_starts()
    took_ns = []
    same = True
    for number in range(KILLS):
        time.sleep(BETWEEN_ENABLES_S)
        with running(context, load), small_game(context):
            await_kernel_state("enabled")
            pid = service_pid()
            with SchedulerEnd() as end:
                killed_ns = time.monotonic_ns()
                os.kill(pid, signal.SIGKILL)
                took_ns.append(end.when() - killed_ns)
            same = same and snapshot() == before
        # The game's end comes before the service's return, so that it finds none to attach for; and the load's end,
        # which would make the verifier's work long.
        await_condition("the service's return", lambda old=pid: service_pid() not in (0, old), 60)
        await_service()
        context.screen.say(f"  kill {number + 1}: the kernel's scheduler was back after "
                           f"{took_ns[-1] / 1e6:.0f} ms; state as before: "
                           f"{'yes' if same else 'NO: ' + str(snapshot())}")
    kernel = context.guest.kernel
    return [Figure("ASY-2", "SIGKILL of the daemon to kernel scheduler back, worst, "
                   f"{THREADS_AT_KILL} threads", max(took_ns) / 1e6, "ms", kernel, 250),
            Figure("ASY-2", "state after SIGKILL equal to before", int(same), "bool", kernel, 1,
                   "higher")]


def forget_starts() -> None:
    """Else systemd's limit of starts a minute counts ours and the tests' together. It fails for a unit that systemd
    has forgotten altogether."""
    subprocess.run(["systemctl", "reset-failed", SERVICE], capture_output=True)


def service_pid() -> int:
    return int(output_of(["systemctl", "show", "--property=MainPID", "--value", SERVICE]))


def await_service() -> None:
    """Type=notify: active means that it answers."""
    await_condition("an active service", lambda: subprocess.run(
        ["systemctl", "is-active", "--quiet", SERVICE]).returncode == 0, 60, 0.05)


def standby(context: Context) -> list[Figure]:
    """No game: the machine with the service against the machine without it."""
    load = Load("no game, 8 hogs + fork storm", hogs=8, storms=3)
    context.screen.say(f"\n{load.name}")
    context.switch.on()
    await_kernel_state("disabled")
    forget_starts()
    work = {"stopped": 0.0, "standby": 0.0}
    for number in range(context.blocks):
        for state in list(work)[:: 1 if number % 2 == 0 else -1]:
            output_of(["systemctl", "stop" if state == "stopped" else "start", SERVICE])
            with running(context, load) as hogs:
                work[state] += work_us(measure(hogs, context.timing.seconds), context.machine.costs)
                if kernel_state() != "disabled":
                    raise BenchError(f"no game runs, but sched_ext is {kernel_state()}")
    output_of(["systemctl", "start", SERVICE])
    await_service()
    share = work["standby"] / work["stopped"]
    context.screen.say(f"  work with the service in standby: {share * 100:.1f} % of that without it")
    return [Figure("POL-5", "background work with no game, service in standby / stopped", share,
                   "ratio", context.guest.kernel, 0.98, "higher")]


def switches(context: Context) -> list[Figure]:
    """perf bench sched pipe: two processes that wake each other, on one CPU and on two."""
    context.screen.say("\ncontext switches (perf bench sched pipe)")
    cpus = {"pinned to one CPU": "0", "on two CPUs": two_cores()}
    took_ns = {where: {DEFAULT: [], OURS: []} for where in cpus}
    for _ in range(context.blocks):
        context.switch.off()
        await_kernel_state("disabled")
        for where, cpu in cpus.items():
            took_ns[where][DEFAULT].append(pipe_switch_ns(cpu))
        context.switch.on()
        time.sleep(BETWEEN_ENABLES_S)
        with small_game(context):
            await_kernel_state("enabled")
            for where, cpu in cpus.items():
                took_ns[where][OURS].append(pipe_switch_ns(cpu))
            if kernel_state() != "enabled":
                raise BenchError("our scheduler was ejected; see the journal of gameschedd")
    unit, divisor = ("instructions", context.ns_per_instruction) if context.ns_per_instruction else ("ns", 1)
    rows = []
    for where, samples in took_ns.items():
        values = {rival: scaled(min(ns), divisor) for rival, ns in samples.items()}
        context.screen.say(f"  {where}: default {values[DEFAULT]:.0f}, ours {values[OURS]:.0f} {unit}")
        what = f"cost of a switch {where}"
        rows += absolute("POL-1", what, unit, values, context.guest.kernel)
        rows += against("POL-1", what, values, {DEFAULT: 1.2}, context.guest.kernel)
    return rows


def pipe_switch_ns(cpu: str) -> float:
    loops = 10_000
    out = output_of(["taskset", "-c", cpu, "perf", "bench", "-f", "simple", "sched", "pipe",
                     "-l", str(loops)])
    switches_of_a_loop = 2
    return float(out.split()[-1]) * 1e9 / (loops * switches_of_a_loop)


def two_cores() -> str:
    """CPU 0 and the first that is no sibling of it."""
    siblings = read_or(SCHED_EXT.parent.parent / "devices/system/cpu/cpu0/topology/thread_siblings_list",
                       "0")
    taken: set[int] = set()
    for part in siblings.split(","):
        first, _, last = part.partition("-")
        taken.update(range(int(first), int(last or first) + 1))
    other = next((cpu for cpu in sorted(os.sched_getaffinity(0)) if cpu not in taken), 1)
    return f"0,{other}"
