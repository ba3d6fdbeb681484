#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""caller.py ADDRESS: a client of gameschedd that does what it is told, as the user it runs as.

A line of JSON in, a line of JSON out: {"ok": value} or {"error": name, "message": sentence}.
It is a process of its own, so that it has a user, can be a game and can be killed.
"""

import ctypes
import json
import mmap
import os
import socket
import struct
import sys
import threading

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

NAME = "org.gamesched.Scheduler1"
PATH = "/org/gamesched/Scheduler1"
PIDFD_THREAD = os.O_EXCL
TIMEOUT_MS = 20_000


class Caller:
    def __init__(self, address):
        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        self.connections = []
        self.bus = Gio.DBusConnection.new_for_address_sync(address, flags, None, None)

    def call(self, interface, member, arguments=None, path=PATH, fds=(), interactive=False):
        flags = Gio.DBusCallFlags.ALLOW_INTERACTIVE_AUTHORIZATION if interactive else Gio.DBusCallFlags.NONE
        fd_list = Gio.UnixFDList.new()
        for fd in fds:
            fd_list.append(fd)
        reply, _ = self.bus.call_with_unix_fd_list_sync(
            NAME, path, interface, member, arguments, None, flags, TIMEOUT_MS, fd_list, None)
        return reply.unpack()

    def register(self, pid=None, descriptor=None, options=None, interactive=False):
        """pid: whose pidfd is passed (default: our own); descriptor: something else instead."""
        if descriptor == "null":
            fd = os.open("/dev/null", os.O_RDONLY)
        elif descriptor == "pipe":
            fd = os.pipe()[0]
        elif descriptor == "thread":
            fd = self.pidfd_of_a_thread()
        else:
            fd = os.pidfd_open(pid if pid is not None else os.getpid())
        try:
            variants = {key: GLib.Variant(*value) for key, value in (options or {}).items()}
            return self.call(NAME, "RegisterGame", GLib.Variant("(ha{sv})", (0, variants)), fds=[fd],
                             interactive=interactive)[0]
        finally:
            os.close(fd)

    def register_with_many_options(self, count, text=""):
        with open("/dev/null", "rb") as descriptor:
            builder = GLib.VariantBuilder(GLib.VariantType("a{sv}"))
            for number in range(count):
                builder.add_value(GLib.Variant.new_dict_entry(
                    GLib.Variant("s", str(number)), GLib.Variant("v", GLib.Variant("s", text))))
            arguments = GLib.Variant.new_tuple(GLib.Variant("h", 0), builder.end())
            return self.call(NAME, "RegisterGame", arguments, fds=[descriptor.fileno()])

    def socket_connect(self, path):
        """To the service's own socket; the connection's number."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.settimeout(TIMEOUT_MS / 1000)
        connection.connect(path)
        self.connections.append(connection)
        return len(self.connections) - 1

    def socket_send(self, number, text, descriptors=0):
        with open("/dev/null", "rb") as null:
            socket.send_fds(self.connections[number], [text.encode()], descriptors * [null.fileno()])

    def socket_receive(self, number):
        """The lines of the answer; [] when the connection was closed instead."""
        try:
            return self.connections[number].recv(4096).decode().split("\0")[:-1]
        except ConnectionError:
            return []

    def socket_close(self, number):
        self.connections[number].close()

    def socket_ask(self, path, text="name=Doom\0", **options):
        number = self.socket_connect(path)
        try:
            self.socket_send(number, text, **options)
            return self.socket_receive(number)
        except BrokenPipeError:  # where there is no room, it may be closed before the question is sent
            return []
        finally:
            self.socket_close(number)

    @staticmethod
    def pidfd_of_a_thread():
        thread_id = []
        started = threading.Event()

        def run():
            thread_id.append(threading.get_native_id())
            started.set()
            threading.Event().wait()

        threading.Thread(target=run, daemon=True).start()
        started.wait()
        libc = ctypes.CDLL(None, use_errno=True)
        fd = libc.syscall(434, thread_id[0], PIDFD_THREAD)  # pidfd_open
        if fd < 0:
            raise OSError(ctypes.get_errno(), "pidfd_open")
        return fd

    def signal(self, destination, path, interface, name, words=(), types=None):
        """Sends a signal to one client alone, whoever should be its sender. `types`: of the words, if they are none."""
        arguments = GLib.Variant(f"({types or 's' * len(words)})", words) if words else None
        self.bus.emit_signal(destination, path, interface, name, arguments)
        self.bus.flush_sync(None)

    def unregister(self, path):
        return self.call(NAME, "UnregisterGame", GLib.Variant("(o)", (path,)))

    def set_enabled(self, enabled, interactive=False):
        return self.call(NAME, "SetEnabled", GLib.Variant("(b)", (enabled,)), interactive=interactive)

    def set_profile(self, profile, interactive=False):
        return self.call(NAME, "SetProfile", GLib.Variant("(s)", (profile,)), interactive=interactive)

    def hold_profile(self, profile, reason="", application="", interactive=False):
        return self.call(NAME, "HoldProfile", GLib.Variant("(sss)", (profile, reason, application)),
                         interactive=interactive)[0]

    def release_profile(self, cookie):
        return self.call(NAME, "ReleaseProfile", GLib.Variant("(u)", (cookie,)))

    def get_counters(self):
        return self.call(NAME, "GetCounters")[0]

    def explain(self, pid=None, descriptor=None, thread=False, interactive=False):
        """pid: whose main thread (default: our own); thread: another of ours; descriptor: something else instead."""
        if descriptor == "null":
            fd = os.open("/dev/null", os.O_RDONLY)
        elif descriptor == "pipe":
            fd = os.pipe()[0]
        elif thread:
            fd = self.pidfd_of_a_thread()
        else:
            fd = os.pidfd_open(pid if pid is not None else os.getpid())
        try:
            return self.call(NAME, "Explain", GLib.Variant("(h)", (0,)), fds=[fd], interactive=interactive)[0]
        finally:
            os.close(fd)

    def open_metrics(self):
        """Opens the metrics page; what it says of itself."""
        _, fds = self.bus.call_with_unix_fd_list_sync(
            NAME, PATH, NAME, "OpenMetrics", None, None, Gio.DBusCallFlags.NONE, TIMEOUT_MS, None, None)
        self.page = mmap.mmap(fds.get(0), 64 * 1024, mmap.MAP_SHARED, mmap.PROT_READ)
        return self.read_metrics()

    def read_metrics(self):
        while True:
            _, version, entries, sequence, _, read_at = struct.unpack_from("=QIIIIQ", self.page)
            values = {}
            for at in range(entries):
                name, value = struct.unpack_from("=56sQ", self.page, 64 + 64 * at)
                values[name.rstrip(b"\0").decode()] = value
            if sequence % 2 == 0 and struct.unpack_from("=I", self.page, 16)[0] == sequence:
                return {"version": version, "read_at_usec": read_at, "counters": values}

    def get(self, name):
        return self.call("org.freedesktop.DBus.Properties", "Get", GLib.Variant("(ss)", (NAME, name)))[0]

    def set(self, name, value):
        variant = GLib.Variant("(ssv)", (NAME, name, GLib.Variant("s", value)))
        return self.call("org.freedesktop.DBus.Properties", "Set", variant)

    def get_of(self, path, name):
        return self.call("org.freedesktop.DBus.Properties", "Get", GLib.Variant("(ss)", ("org.gamesched.Game1", name)), path=path)[0]

    def get_all_of(self, path):
        return self.call("org.freedesktop.DBus.Properties", "GetAll", GLib.Variant("(s)", ("org.gamesched.Game1",)), path=path)[0]

    def introspect(self, path=PATH):
        return self.call("org.freedesktop.DBus.Introspectable", "Introspect", path=path)[0]

    def objects(self):
        return self.call("org.freedesktop.DBus.ObjectManager", "GetManagedObjects")[0]

    def own(self, name):
        reply = self.bus.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
                                   GLib.Variant("(su)", (name, 0)), None, 0, TIMEOUT_MS, None)
        return reply.unpack()[0]

    def owner_of(self, name):
        reply = self.bus.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetNameOwner",
                                   GLib.Variant("(s)", (name,)), None, 0, TIMEOUT_MS, None)
        return reply.unpack()[0]

    def unique_name(self):
        return self.bus.get_unique_name()


def main():
    caller = Caller(sys.argv[1])
    print(json.dumps({"ok": "ready"}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"ok": getattr(caller, request.pop("op"))(**request)}
        except GLib.Error as error:
            answer = {"error": Gio.DBusError.get_remote_error(error) or str(error.code),
                      "message": error.message.split(": ", 1)[-1]}
        except OSError as error:
            answer = {"error": "OSError", "message": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
