#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""polkitd.py ADDRESS: a polkitd that answers as told and remembers what it was asked.

A line of JSON in, a line of JSON out:
  {"answer": "yes" | "no" | "hold" | "error" | "temporary"}   how questions are answered from now on; "temporary": yes,
                                                since somebody has typed a password a moment ago
  {"release": true | false}                     answers all questions on hold
  {"changed": 3}                                says so many times that answers may have changed
  {"asked": true}                               the questions so far: [{subject, action, flags, cancelled}]
"""

import pathlib
import re

import fake
from gi.repository import GLib

PATH, INTERFACE = "/org/freedesktop/PolicyKit1/Authority", "org.freedesktop.PolicyKit1.Authority"
XML = """
<node><interface name="org.freedesktop.PolicyKit1.Authority">
  <method name="CheckAuthorization">
    <arg type="(sa{sv})" direction="in"/><arg type="s" direction="in"/><arg type="a{ss}" direction="in"/>
    <arg type="u" direction="in"/><arg type="s" direction="in"/><arg type="(bba{ss})" direction="out"/>
  </method>
  <method name="CancelCheckAuthorization"><arg type="s" direction="in"/></method>
  <signal name="Changed"/>
</interface></node>
"""


class Polkit:
    def __init__(self, bus):
        self.bus = bus
        self.answer = "yes"
        self.held = []
        self.asked = []

    def handle(self, _connection, _sender, _path, _interface, method, parameters, invocation):
        if method == "CancelCheckAuthorization":
            for question in self.asked:
                if question["id"] == parameters.unpack()[0]:
                    question["cancelled"] = True
            invocation.return_value(None)
            return
        (kind, details), action, _, flags, cancellation = parameters.unpack()
        self.asked.append({"kind": kind, "subject": details, "action": action, "flags": flags,
                           "id": cancellation, "cancelled": False})
        fds = invocation.get_message().get_unix_fd_list()
        if fds:
            fdinfo = pathlib.Path(f"/proc/self/fdinfo/{fds.get(details['pidfd'])}").read_text()
            self.asked[-1]["pid"] = int(re.search(r"^Pid:\t(\d+)$", fdinfo, re.MULTILINE)[1])
        if self.answer == "hold":
            self.held.append(invocation)
        elif self.answer == "error":
            invocation.return_dbus_error("org.freedesktop.PolicyKit1.Error.Failed", "it broke")
        else:
            details = {"polkit.temporary_authorization_id": "tmpauthz0"} if self.answer == "temporary" else {}
            self.reply(invocation, self.answer != "no", details)

    @staticmethod
    def reply(invocation, allowed, details=None):
        invocation.return_value(GLib.Variant("((bba{ss}))", ((allowed, False, details or {}),)))

    def command(self, request):
        if "answer" in request:
            self.answer = request["answer"]
        if "release" in request:
            for invocation in self.held:
                self.reply(invocation, request["release"])
            self.held.clear()
        for _ in range(request.get("changed", 0)):
            self.bus.emit_signal(None, PATH, INTERFACE, "Changed", None)
        return self.asked


if __name__ == "__main__":
    fake.run(Polkit, "org.freedesktop.PolicyKit1", PATH, XML)
