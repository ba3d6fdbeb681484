#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A desktop of the smallest kind, on the bus of DBUS_SESSION_BUS_ADDRESS: StatusNotifierWatcher, host, notifications.

  tray_host.py LOG [--no-notifications]

Writes one JSON line to LOG when it is there ({"ready": true}), for each item that registers, each signal of an item and
each notification.
"""

import argparse
import json
import os

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

WATCHER = "org.kde.StatusNotifierWatcher"
ITEM = "org.kde.StatusNotifierItem"
NOTIFICATIONS = "org.freedesktop.Notifications"


class Log:
    def __init__(self, path):
        self._file = open(path, "a", encoding="utf-8")

    def __call__(self, **entry):
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()


class Watcher(dbus.service.Object):
    def __init__(self, bus, log):
        super().__init__(bus, "/StatusNotifierWatcher")
        self.log = log
        self.items = []

    @dbus.service.method(WATCHER, in_signature="s", sender_keyword="sender")
    def RegisterStatusNotifierItem(self, service, sender):
        self.log(item=str(service), sender=str(sender))
        self.items.append(service)
        self.StatusNotifierItemRegistered(service)

    @dbus.service.method(WATCHER, in_signature="s")
    def RegisterStatusNotifierHost(self, service):
        self.StatusNotifierHostRegistered()

    @dbus.service.signal(WATCHER, signature="s")
    def StatusNotifierItemRegistered(self, service):
        pass

    @dbus.service.signal(WATCHER)
    def StatusNotifierHostRegistered(self):
        pass

    @dbus.service.method(dbus.PROPERTIES_IFACE, in_signature="ss", out_signature="v")
    def Get(self, interface, name):
        return {"RegisteredStatusNotifierItems": dbus.Array(self.items, signature="s"),
                "IsStatusNotifierHostRegistered": True, "ProtocolVersion": dbus.Int32(0)}[name]


class Notifications(dbus.service.Object):
    def __init__(self, bus, log):
        super().__init__(bus, "/org/freedesktop/Notifications")
        self.log = log
        self.count = 0

    @dbus.service.method(NOTIFICATIONS, in_signature="susssasa{sv}i", out_signature="u")
    def Notify(self, application, replaces, icon, summary, body, actions, hints, expire):
        self.log(notification=str(summary), body=str(body), icon=str(icon), replaces=int(replaces),
                 hints={str(key): str(value) for key, value in hints.items()})
        self.count += 1
        return replaces or self.count


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("log")
    parser.add_argument("--no-notifications", action="store_true")
    options = parser.parse_args()
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus = dbus.bus.BusConnection(os.environ["DBUS_SESSION_BUS_ADDRESS"])
    log = Log(options.log)
    objects = [Watcher(bus, log)]
    bus.add_signal_receiver(lambda *_, member: log(signal=str(member)), dbus_interface=ITEM, member_keyword="member")
    names = [dbus.service.BusName(WATCHER, bus, do_not_queue=True)]
    if not options.no_notifications:
        objects.append(Notifications(bus, log))
        names.append(dbus.service.BusName(NOTIFICATIONS, bus, do_not_queue=True))
    log(ready=True)
    loop = GLib.MainLoop()
    bus.call_on_disconnection(lambda _: loop.quit())
    loop.run()
    os._exit(0)  # without the bus there are no names to give back


if __name__ == "__main__":
    main()
