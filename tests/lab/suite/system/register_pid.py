#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""register_pid.py PID: asks for another process to be a game, as gamesched-run never would."""

import os
import sys

import dbus

bus = dbus.SystemBus()
scheduler = dbus.Interface(bus.get_object("org.gamesched.Scheduler1", "/org/gamesched/Scheduler1"),
                           "org.gamesched.Scheduler1")
try:
    print(scheduler.RegisterGame(dbus.types.UnixFd(os.pidfd_open(int(sys.argv[1]))),
                                 dbus.Dictionary({}, signature="sv")))
except dbus.DBusException as error:
    sys.exit(f"{error.get_dbus_name()}: {error.get_dbus_message()}")
