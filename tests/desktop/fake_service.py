#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A gameschedd that does what a test needs, on the bus of DBUS_SYSTEM_BUS_ADDRESS.

  fake_service.py LOG [--state STATE] [--room N] [--fail ERROR | --hang | --vanish | --deaf N]

  --fail    every method, and Properties.Get and GetAll, answers org.gamesched.Error.ERROR (or a whole name)
  --hang    nothing is ever answered
  --deaf N  the first N registrations are never answered
  --vanish  every call ends the process, as when the service is restarted meanwhile
  --strict  RegisterGame answers AlreadyRegistered to a second one of the same process
  --no-profiles  RegisterGame knows no option "profile"
  --since   the first game's, microseconds of CLOCK_REALTIME
  --room    RegisterGame answers LimitsExceeded to the games beyond N

Tests steer it by org.gamesched.Fake: Say(state, reason), Eject(reason, detail, retry_in_s), Lanes(game, threads by lane),
Attach(the kernel's scheduler), Count(counter, value).

Writes one JSON line to LOG when it owns the name ({"ready": true}) and one for each call, with the pid
that a received pidfd names.
"""

import argparse
import json
import os

import dbus
import dbus.lowlevel
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

NAME = "org.gamesched.Scheduler1"
PATH = "/org/gamesched/Scheduler1"
GAME = "org.gamesched.Game1"
PROPERTIES = "org.freedesktop.DBus.Properties"
MANAGER = "org.freedesktop.DBus.ObjectManager"


class Refused(dbus.DBusException):
    def __init__(self, error):
        super().__init__(f"The fake refuses: {error}.")
        self._dbus_error_name = error if "." in error else f"org.gamesched.Error.{error}"


def pid_of_pidfd(fd):
    try:
        with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as info:
            return next(int(line.split()[1]) for line in info if line.startswith("Pid:"))
    finally:
        os.close(fd)


class Service(dbus.service.Object):
    def __init__(self, bus, options, log):
        super().__init__(bus, PATH)
        self.options = options
        self.log = log
        self.enabled = True
        self.state, self.reason = options.state, f"The fake is {options.state}."
        self.profile = "balanced"
        self.scheduler = ""
        self.counters = {"enqueue": dbus.UInt64(2**63 + 1), "preempt": dbus.UInt64(7)}
        self.holds = []
        self.games = {}
        self.count = 0
        self.deaf = options.deaf

    def games_alive(self):
        """Those whose process has not ended, as gameschedd sees by their pidfds."""
        return {path: game for path, game in self.games.items() if os.path.exists(f"/proc/{game[GAME]['Pid']}")}

    def record(self, **entry):
        self.log.write(json.dumps(entry) + "\n")
        self.log.flush()

    def answer(self, value, done, failed):
        if self.options.vanish:
            os._exit(0)
        if self.options.hang:
            return
        if self.deaf > 0:
            self.deaf -= 1
            return
        if self.options.fail:
            failed(Refused(self.options.fail))
        elif value is None:
            done()
        else:
            done(value)

    @dbus.service.method(NAME, in_signature="ha{sv}", out_signature="o", async_callbacks=("done", "failed"),
                         sender_keyword="sender")
    def RegisterGame(self, pidfd, options, done, failed, sender):
        pid = pid_of_pidfd(pidfd.take())
        self.record(call="RegisterGame", pid=pid, sender=sender,
                    options={str(k): v for k, v in options.items()},
                    types={str(k): type(v).__name__ for k, v in options.items()})
        if self.options.no_profiles and "profile" in options:
            refused = Refused("InvalidArgument")
            refused.args = ('There is no option "profile"; known are name, app-id and target-fps.',)
            return failed(refused)
        known = [path for path, game in self.games_alive().items() if game[GAME]["Pid"] == pid]
        if known and self.options.strict:
            refused = Refused("AlreadyRegistered")
            refused.args = (f"Process {pid} is registered already as {known[0]}",)
            return failed(refused)
        if self.options.room is not None and len(self.games_alive()) >= self.options.room:
            return failed(Refused("LimitsExceeded"))
        self.count += 1
        path = dbus.ObjectPath(f"{PATH}/game/{self.count}")
        self.games[path] = {GAME: {
            "Pid": dbus.UInt32(pid), "Uid": dbus.UInt32(os.getuid()), "Name": options.get("name", ""),
            "AppId": options.get("app-id", ""), "Source": "registered",
            "Since": dbus.UInt64(self.options.since + len(self.games)),
            "TargetFps": options.get("target-fps", dbus.UInt32(0)), "Foreground": False,
            "Lanes": dbus.Dictionary({}, signature="su")}}
        self.answer(path, done, failed)
        self.InterfacesAdded(path, self.games[path])

    @dbus.service.method(NAME, in_signature="o", async_callbacks=("done", "failed"))
    def UnregisterGame(self, path, done, failed):
        game = self.games.pop(path, None)
        self.record(call="UnregisterGame", pid=int(game[GAME]["Pid"]) if game else None)
        if game is None:
            return failed(Refused("NoSuchGame"))
        self.answer(None, done, failed)
        self.InterfacesRemoved(path, [GAME])

    @dbus.service.method(NAME, in_signature="b", async_callbacks=("done", "failed"))
    def SetEnabled(self, enabled, done, failed):
        self.record(call="SetEnabled", enabled=bool(enabled))
        if not self.options.fail:
            self.enabled = bool(enabled)
            self.say(self.options.state if enabled else "off")
        self.answer(None, done, failed)

    @dbus.service.method(NAME, in_signature="s", async_callbacks=("done", "failed"))
    def SetProfile(self, profile, done, failed):
        self.record(call="SetProfile", profile=str(profile))
        if not self.options.fail:
            self.profile = str(profile)
            self.PropertiesChanged(NAME, {"Profile": profile}, ["ActiveProfile"])
        self.answer(None, done, failed)

    @dbus.service.method(NAME, in_signature="sss", out_signature="u", async_callbacks=("done", "failed"))
    def HoldProfile(self, profile, reason, application, done, failed):
        self.record(call="HoldProfile", profile=str(profile), reason=str(reason), application=str(application))
        self.holds.append({"Profile": profile, "Reason": reason, "ApplicationId": application, "Uid": dbus.UInt32(os.getuid())})
        self.answer(dbus.UInt32(7), done, failed)

    @dbus.service.method(NAME, out_signature="a{st}", async_callbacks=("done", "failed"))
    def GetCounters(self, done, failed):
        self.record(call="GetCounters")
        self.answer(self.counters, done, failed)

    @dbus.service.method(NAME, in_signature="h", out_signature="a{sv}", async_callbacks=("done", "failed"))
    def Explain(self, thread, done, failed):
        tid = pid_of_pidfd(thread.take())
        self.record(call="Explain", pid=tid)
        self.answer(dbus.Dictionary({
            "Tid": dbus.UInt32(tid), "Process": dbus.UInt32(tid), "Name": "render\x1b[31m",
            "Game": dbus.ObjectPath(f"{PATH}/game/7"), "Lane": "frame" if self.options.state == "active" else "",
            "Evidence": dbus.Array(["gpu", "peer"] if self.options.state == "active" else [], signature="s"),
            "Ages": dbus.Dictionary({"submit": dbus.UInt64(900)}, signature="st"), "FramePeriod": dbus.UInt64(16_667),
            "BurstAverage": dbus.UInt64(2_500), "Hop": dbus.UInt32(1)}, signature="sv"), done, failed)

    @dbus.service.method(PROPERTIES, in_signature="s", out_signature="a{sv}", async_callbacks=("done", "failed"))
    def GetAll(self, interface, done, failed):
        self.record(call="GetAll", interface=str(interface))
        missing = [("process", True, ""), ("input", False, "no symbol input_event\x1b[31m")]
        self.answer(dbus.Dictionary({
            "Version": "9.9.9", "State": self.state, "StateReason": self.reason,
            "ActiveProfile": self.holds[-1]["Profile"] if self.holds else self.profile, "Profile": self.profile,
            "Profiles": dbus.Array([("balanced", "as usual"), ("fast", "faster\x1b[31m")], signature="(ss)"),
            "ActiveProfileHolds": dbus.Array(self.holds, signature="a{sv}"),
            "ConfigurationErrors": dbus.Array([], signature="s"),
            "Enabled": self.enabled, "Attach": "game", "KernelScheduler": self.scheduler,
            "Detectors": dbus.Array(missing, signature="(sbs)")}, signature="sv"), done, failed)

    @dbus.service.method(MANAGER, out_signature="a{oa{sa{sv}}}", async_callbacks=("done", "failed"))
    def GetManagedObjects(self, done, failed):
        self.record(call="GetManagedObjects")
        self.answer(dbus.Dictionary(self.games, signature="oa{sa{sv}}"), done, failed)

    def say(self, state, reason=None):
        self.state, self.reason = state, reason or f"The fake is {state}."
        self.PropertiesChanged(NAME, {"State": self.state, "StateReason": self.reason, "Enabled": self.enabled}, [])

    @dbus.service.method("org.gamesched.Fake", in_signature="ss")
    def Say(self, state, reason):
        self.say(str(state), str(reason))

    @dbus.service.method("org.gamesched.Fake", in_signature="oa{su}")
    def Lanes(self, path, lanes):
        """No signal tells of it."""
        self.games[path][GAME]["Lanes"] = lanes

    @dbus.service.method("org.gamesched.Fake", in_signature="s")
    def Attach(self, scheduler):
        self.scheduler = scheduler
        self.PropertiesChanged(NAME, {"KernelScheduler": scheduler}, [])

    @dbus.service.method("org.gamesched.Fake", in_signature="st")
    def Count(self, name, value):
        self.counters[name] = dbus.UInt64(value)

    @dbus.service.method("org.gamesched.Fake", in_signature="ssu")
    def Eject(self, reason, detail, retry_in_s):
        self.Ejected(reason, detail, retry_in_s)

    @dbus.service.signal(NAME, signature="ssu")
    def Ejected(self, reason, detail, retry_in_s):
        pass

    @dbus.service.signal(PROPERTIES, signature="sa{sv}as")
    def PropertiesChanged(self, interface, changed, invalidated):
        pass

    @dbus.service.signal(MANAGER, signature="oa{sa{sv}}")
    def InterfacesAdded(self, path, interfaces):
        pass

    @dbus.service.signal(MANAGER, signature="oas")
    def InterfacesRemoved(self, path, interfaces):
        pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("log")
    parser.add_argument("--state", default="standby")
    parser.add_argument("--since", type=int, default=1_700_000_000_000_000)
    parser.add_argument("--fail")
    parser.add_argument("--room", type=int)
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--no-profiles", action="store_true")
    parser.add_argument("--hang", action="store_true")
    parser.add_argument("--deaf", type=int, default=0)
    parser.add_argument("--vanish", action="store_true")
    options = parser.parse_args()

    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    # Not dbus.SystemBus(): that is shared, and libdbus ends the process with the bus.
    bus = dbus.bus.BusConnection(os.environ["DBUS_SYSTEM_BUS_ADDRESS"])
    with open(options.log, "a", encoding="utf-8") as log:
        service = Service(bus, options, log)
        name = dbus.service.BusName(NAME, bus, do_not_queue=True)
        service.record(ready=True)
        loop = GLib.MainLoop()
        bus.call_on_disconnection(lambda _: loop.quit())  # one that the bus started ends with it
        loop.run()
        # Without the bus there is no name to give back.
        os._exit(0)


if __name__ == "__main__":
    main()
