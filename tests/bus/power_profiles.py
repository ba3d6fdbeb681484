#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""power_profiles.py ADDRESS: a power-profiles-daemon that remembers what is held.

A line of JSON in, a line of JSON out:
  {"end": true}    ends all holds, as a user who chooses a profile does
  {}
Either answers with {"holds": {cookie: profile}, "released": [cookie that a client gave back], "taken": how many ever}.
"""

import fake
from gi.repository import GLib

NAME, PATH = "org.freedesktop.UPower.PowerProfiles", "/org/freedesktop/UPower/PowerProfiles"
XML = f"""
<node><interface name="{NAME}">
  <method name="HoldProfile">
    <arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="u" direction="out"/>
  </method>
  <method name="ReleaseProfile"><arg type="u" direction="in"/></method>
  <signal name="ProfileReleased"><arg type="u"/></signal>
</interface></node>
"""


class PowerProfiles:
    def __init__(self, bus):
        self.bus = bus
        self.holds = {}  # by cookie: (profile, client)
        self.released = []
        self.taken = 0

    def handle(self, _connection, sender, _path, _interface, method, parameters, invocation):
        if method == "HoldProfile":
            self.taken += 1
            self.holds[self.taken] = (parameters.unpack()[0], sender)
            invocation.return_value(GLib.Variant("(u)", (self.taken,)))
        else:
            cookie = parameters.unpack()[0]
            self.holds.pop(cookie, None)
            self.released.append(cookie)
            invocation.return_value(None)

    def command(self, request):
        if request.get("end"):
            for cookie, (_, client) in self.holds.items():
                self.bus.emit_signal(client, PATH, NAME, "ProfileReleased", GLib.Variant("(u)", (cookie,)))
            self.holds = {}
        return {"holds": {cookie: profile for cookie, (profile, _) in self.holds.items()}, "released": self.released,
                "taken": self.taken}


if __name__ == "__main__":
    fake.run(PowerProfiles, NAME, PATH, XML)
