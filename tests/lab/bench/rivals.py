# SPDX-License-Identifier: GPL-2.0-or-later
"""The rivals, and the switch between the kernel's scheduler and ours.

A rival prepares the machine before a block, wraps the game's command, and checks,
when the game runs and again when it has ended, that the scheduler in place is the
one whose figures these are: a block under the wrong scheduler ends the whole run.
"""

from __future__ import annotations

import abc
import time

import figures
from guest import (BenchError, await_condition, await_kernel_state, enable_seq, kernel_ops,
                   kernel_state, output_of)

# Enabling again at once makes the kernel wait for the old scheduler's grace periods inside the new
# block.
BETWEEN_ENABLES_S = 2.0


class Switch(abc.ABC):
    """How our scheduler comes and goes."""

    @abc.abstractmethod
    def off(self) -> None:
        """Detached, and stays so while a game runs."""

    @abc.abstractmethod
    def on(self) -> None:
        """A game started by game_command() will have our scheduler."""

    @abc.abstractmethod
    def game_command(self, argv: list[str]) -> list[str]: ...


class ServiceSwitch(Switch):
    """The installed product."""

    def __init__(self) -> None:
        self._enabled: bool | None = None

    def off(self) -> None:
        if self._enabled is not False:
            output_of(["gameschedctl", "off"])
            self._enabled = False

    def on(self) -> None:
        if self._enabled is not True:
            output_of(["gameschedctl", "on"])
            self._enabled = True

    def game_command(self, argv: list[str]) -> list[str]:
        return ["gamesched-run", *argv]


class CommandSwitch(Switch):
    """Any other command that attaches a scheduler while the game runs, for comparison; without
    words, the game as it is (to try the bench where there is no sched_ext)."""

    def __init__(self, command: list[str]) -> None:
        self.attaches = bool(command)
        self._command = command

    def off(self) -> None:
        pass

    def on(self) -> None:
        pass

    def game_command(self, argv: list[str]) -> list[str]:
        return [*self._command, *argv]


class Rival:
    """The kernel's default scheduler; the others differ in one thing each."""

    name = figures.DEFAULT
    label = "kernel default"
    game_options: tuple[str, ...] = ()  # and of the compositor beside it

    def __init__(self, switch: Switch) -> None:
        self._switch = switch

    def prepare(self) -> None:
        self._switch.off()
        await_kernel_state("disabled")

    def command(self, argv: list[str]) -> list[str]:
        return argv

    def check(self) -> None:
        if kernel_state() != "disabled":
            raise BenchError(f"the block of '{self.label}' needs the kernel's own scheduler, but "
                             f"sched_ext is {kernel_state()} ({kernel_ops() or 'no name'}): "
                             "detach it and keep it off")

    def started(self) -> None:
        self.check()

    def ended(self) -> None:
        self.check()


class Renice(Rival):
    name = figures.NICE
    label = "kernel, game at nice -10"

    def command(self, argv: list[str]) -> list[str]:
        return ["nice", "-n", "-10", *argv]


class RealTime(Rival):
    name = figures.REALTIME
    label = "kernel, frame at SCHED_RR"
    game_options = ("--rr",)


class Ours(Rival):
    name = figures.OURS
    label = "gamesched"

    def __init__(self, switch: Switch) -> None:
        super().__init__(switch)
        self._expects_scheduler = getattr(switch, "attaches", True)
        self._last_enable_s = 0.0
        self._seq_before = self._enable_seq = ""

    def prepare(self) -> None:
        self._switch.on()
        self._seq_before = enable_seq() if kernel_state() != "enabled" else ""
        time.sleep(max(0.0, self._last_enable_s + BETWEEN_ENABLES_S - time.monotonic()))

    def command(self, argv: list[str]) -> list[str]:
        return self._switch.game_command(argv)

    def started(self) -> None:
        if not self._expects_scheduler:
            return
        await_kernel_state("enabled")
        # The kernel counts an enable a moment after it says "enabled".
        await_condition("the kernel to count the enable", lambda: enable_seq() != self._seq_before)
        self._last_enable_s = time.monotonic()
        self._enable_seq = enable_seq()

    def ended(self) -> None:
        if not self._expects_scheduler:
            return
        if enable_seq() != self._enable_seq or kernel_state() not in ("enabled", "disabling"):
            raise BenchError(f"our scheduler did not stay in place for the whole block: sched_ext is "
                             f"{kernel_state()}; see the journal of gameschedd")


def make_rivals(names: list[str], switch: Switch) -> list[Rival]:
    known = {rival.name: rival for rival in (Rival, Renice, RealTime, Ours)}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise BenchError(f"no such rival: {', '.join(unknown)} (there are {', '.join(known)})")
    return [known[name](switch) for name in names]


def rotated(rivals: list[Rival], block: int) -> list[Rival]:
    """Each rival comes first, second, ... equally often: no one always follows the same other."""
    first = block % len(rivals)
    return rivals[first:] + rivals[:first]
