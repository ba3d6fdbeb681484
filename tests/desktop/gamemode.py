# SPDX-License-Identifier: GPL-2.0-or-later
"""A client of com.feralinteractive.GameMode that says exactly what a test wants said."""

import os
import pathlib
import signal
import subprocess

from gi.repository import Gio, GLib

from harness import BRIDGE, DesktopTest, wait_for

NAME = "com.feralinteractive.GameMode"
PATH = "/com/feralinteractive/GameMode"
GAME = f"{NAME}.Game"
PORTAL = "/usr/libexec/xdg-desktop-portal"
PROPERTIES = "org.freedesktop.DBus.Properties"


def flatpak(test, launcher=()):
    """A command's beginning that puts it where Flatpak would: process ids of its own, /.flatpak-info, and what
    the portal wants to know of the instance. Returns (words, descriptors to pass)."""
    info = test.folder / "flatpak-info"
    info.write_text("[Application]\nname=org.example.Game\n[Instance]\ninstance-id=1\n")
    instance = test.folder / "session/run/.flatpak/1"
    instance.mkdir(parents=True, exist_ok=True)
    ids = (instance / "bwrapinfo.json").open("w")
    test.addCleanup(ids.close)
    # A root of its own: bwrap makes what it mounts on.
    root = []
    for entry in pathlib.Path("/").iterdir():
        root += ["--symlink", os.readlink(entry), entry] if entry.is_symlink() else ["--dev-bind", entry, entry]
    wait = f'until test -s {ids.name}; do :; done; exec "$@"'
    return [str(word) for word in ["bwrap", *root, "--die-with-parent", "--unshare-pid", "--proc", "/proc", "--ro-bind", info,
                                   "/.flatpak-info", "--info-fd", ids.fileno(), "sh", "-c", wait, "sh", *launcher]
            ], [ids.fileno()]


def pauses(pid):
    """It sleeps, and SIGINT would not be its end."""
    status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return "S" in status["State"].split() and int(status["SigCgt"], 16) >> (signal.SIGINT - 1) & 1


def start_portal(test):
    test.env |= {"XDG_DATA_HOME": str(test.folder / "data"), "HOME": str(test.folder)}
    portal = subprocess.Popen([PORTAL], env=test.env, stderr=subprocess.DEVNULL)
    test.addCleanup(test.end, portal)
    wait_for(lambda: test.owner("org.freedesktop.portal.Desktop"), "the portal")


def error_name(error):
    return Gio.DBusError.get_remote_error(error)


class GameModeTest(DesktopTest):
    """Both buses; the bridge runs when a test asks for it or the bus starts it."""

    def setUp(self):
        super().setUp()
        self.system_bus = self.start_bus()
        self.session = self.start_session_bus()
        self.bus = Gio.DBusConnection.new_for_address_sync(
            self.env["DBUS_SESSION_BUS_ADDRESS"],
            Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
        self.bus.set_exit_on_close(False)
        self.addCleanup(lambda: self.bus.is_closed() or self.bus.close_sync(None))

    def start_bridge(self, *launcher, **options):
        bridge = subprocess.Popen([*launcher, BRIDGE], env=self.env, **options)
        self.addCleanup(self.end, bridge)
        wait_for(lambda: bridge.poll() is not None or self.owner(), "the bridge's name")
        self.assertIsNone(bridge.poll(), "the bridge ended")
        return bridge

    def owner(self, name=NAME):
        return self.bus.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                  "NameHasOwner", GLib.Variant("(s)", (name,)), None, 0, -1, None).unpack()[0]

    def call(self, method, signature="()", *arguments, path=PATH, interface=NAME, fds=()):
        """The reply's only value; raises GLib.Error."""
        handles = Gio.UnixFDList.new_from_array([os.dup(fd) for fd in fds])
        reply, _ = self.bus.call_with_unix_fd_list_sync(NAME, path, interface, method,
                                                        GLib.Variant(signature, arguments), None, 0, 30_000, handles,
                                                        None)
        values = reply.unpack()
        return values[0] if len(values) == 1 else values

    def by_pid(self, verb, first, second):
        return self.call(f"{verb}ByPID", "(ii)", first, second)

    def by_pidfd(self, verb, game, requester=None):
        """Of processes, by id."""
        fds = [os.pidfd_open(game), os.pidfd_open(requester or os.getpid())]
        try:
            return self.call(f"{verb}ByPIDFd", "(hh)", 0, 1, fds=fds)
        finally:
            for fd in fds:
                os.close(fd)

    def get(self, name, path=PATH, interface=NAME):
        return self.call("Get", "(ss)", interface, name, path=path, interface=PROPERTIES)

    def game(self, *command):
        """A process that plays no game but could."""
        process = subprocess.Popen(command or ["sleep", "1000"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   text=True)

        def end():
            self.end(process)
            process.stdin.close()
            process.stdout.close()

        self.addCleanup(end)
        return process

    def registered(self):
        """Process ids that gameschedd was asked to take, in order."""
        return [call["pid"] for call in self.calls("RegisterGame")]
