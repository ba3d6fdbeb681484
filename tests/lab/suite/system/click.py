#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a StatusNotifierHost does for gamesched-tray's user; waits for what it needs.

  click.py LABEL       choose LABEL in the menu
  click.py --icon NAME wait until NAME is the icon
"""

import sys
import time

import dbus

TRAY = "org.gamesched.Tray"
PATIENCE_S = 60


def label_of(properties):
    return "".join(c for c in str(properties.get("label", "")) if c not in "\u2068\u2069")


def find(entries, label):
    return next((identity for identity, properties, _ in entries
                 if label_of(properties) == label and properties.get("enabled", True)), None)


def click(bus, label):
    """None when it is done, else what there is instead."""
    menu = dbus.Interface(bus.get_object(TRAY, "/MenuBar", introspect=False), "com.canonical.dbusmenu")
    entries = menu.GetLayout(dbus.Int32(0), dbus.Int32(-1), dbus.Array([], signature="s"))[1][2]
    chosen = find(entries, label)
    if chosen is None:
        return [label_of(properties) for _, properties, _ in entries]
    menu.Event(chosen, "clicked", dbus.Int32(0, variant_level=1), dbus.UInt32(0))
    return None


def look(bus, icon):
    item = bus.get_object(TRAY, "/StatusNotifierItem", introspect=False)
    shown = item.Get("org.kde.StatusNotifierItem", "IconName", dbus_interface=dbus.PROPERTIES_IFACE)
    return None if shown == icon else str(shown)


def main():
    act = look if sys.argv[1] == "--icon" else click
    bus = dbus.SessionBus()
    deadline_s = time.monotonic() + PATIENCE_S
    found = "no tray"
    while time.monotonic() < deadline_s:
        if bus.name_has_owner(TRAY):
            found = act(bus, sys.argv[-1])
            if found is None:
                return
        time.sleep(0.1)
    sys.exit(f"waited {PATIENCE_S} s in vain for {sys.argv[-1]!r}; there is {found}")


if __name__ == "__main__":
    main()
