# SPDX-License-Identifier: GPL-2.0-or-later
"""gamesched-tray as a host of StatusNotifierItems sees it."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

from gi.repository import Gio, GLib

from harness import CTL, DesktopTest, wait_for

TRAY = os.environ["GAMESCHED_TRAY"]
TRANSLATIONS = os.environ["GAMESCHED_TRANSLATIONS"]
VIEW = pathlib.Path(os.environ["GAMESCHED_VIEW"])
HOST = pathlib.Path(__file__).with_name("tray_host.py")
NAME = "org.gamesched.Tray"
ITEM = "org.kde.StatusNotifierItem"
MENU = "com.canonical.dbusmenu"
SERVICE = "org.gamesched.Scheduler1"
SERVICE_PATH = "/org/gamesched/Scheduler1"
C_LOCALE = pathlib.Path("/usr/lib/locale/C.utf8")
ISOLATES = "\u2068\u2069"


def connect(test, address):
    bus = Gio.DBusConnection.new_for_address_sync(
        address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None,
        None)
    bus.set_exit_on_close(False)
    test.addCleanup(lambda: bus.is_closed() or bus.close_sync(None))
    return bus


def named(test, locale):
    """The C.UTF-8 that is everywhere, under the name of a locale that may not be installed."""
    if not C_LOCALE.is_dir():
        test.skipTest(f"there is no {C_LOCALE}")
    folder = test.folder / "locale"
    shutil.copytree(C_LOCALE, folder / locale, dirs_exist_ok=True)
    return {"LOCPATH": str(folder), "LANG": locale, "LC_ALL": locale}


def install_view(test):
    """The live view's desktop file, and the program by the name that it has there: the environment that finds them."""
    (test.folder / "share/applications").mkdir(parents=True, exist_ok=True)
    (test.folder / "bin").mkdir(exist_ok=True)
    shutil.copy(VIEW, test.folder / "share/applications")
    (test.folder / "bin/gameschedctl").symlink_to(CTL)
    return {"PATH": f"{test.folder}/bin:{test.env['PATH']}", "XDG_DATA_DIRS": f"{test.folder}/share:/usr/share",
            "XDG_DATA_HOME": str(test.folder / "data")}


class TrayTest(DesktopTest):
    """Both buses. The service, the tray and the desktop around it start when a test says so."""

    def setUp(self):
        super().setUp()
        self.system_bus = self.start_bus()
        self.session = self.start_session_bus()
        self.bus = connect(self, self.env["DBUS_SESSION_BUS_ADDRESS"])
        self.desktop_log = self.folder / "desktop"

    def start_desktop(self, *arguments):
        before = len(self.seen("ready"))
        host = subprocess.Popen([sys.executable, HOST, self.desktop_log, *arguments], env=self.env)
        self.addCleanup(self.end, host)
        wait_for(lambda: len(self.seen("ready")) > before, "the desktop")
        return host

    def seen(self, kind):
        """What the desktop was told, of a kind: "item", "signal", "notification"."""
        if not self.desktop_log.exists():
            return []
        return [e for line in self.desktop_log.read_text().splitlines() if kind in (e := json.loads(line))]

    def start_tray(self, *arguments, env=None):
        tray = subprocess.Popen([TRAY, *arguments], env={**self.env, **(env or {})}, stderr=subprocess.PIPE, text=True)

        def end():
            self.end(tray)
            tray.stderr.close()

        self.addCleanup(end)
        wait_for(lambda: tray.poll() is not None or self.owner(), "the tray's name")
        self.assertIsNone(tray.poll(), "the tray ended")
        return tray

    def start_all(self, *service):
        """A desktop, a service and the tray that knows its state."""
        self.start_desktop()
        started = self.start_service(*service)
        tray = self.start_tray()
        self.wait_for_icon("gamesched-standby")
        return started, tray

    def owner(self, name=NAME):
        return self.bus.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                  "NameHasOwner", GLib.Variant("(s)", (name,)), None, 0, -1, None).unpack()[0]

    def get(self, name):
        return self.bus.call_sync(NAME, "/StatusNotifierItem", "org.freedesktop.DBus.Properties", "Get",
                                  GLib.Variant("(ss)", (ITEM, name)), None, 0, 30_000, None).unpack()[0]

    def wait_for_icon(self, name):
        try:
            wait_for(lambda: self.get("IconName") == name, f"the icon {name}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {self.get('IconName')}: {self.get('ToolTip')}") from None

    def fake(self, method, signature, *arguments):
        """Tells the fake service what to do."""
        self.system().call_sync(SERVICE, SERVICE_PATH, "org.gamesched.Fake", method, GLib.Variant(signature, arguments), None,
                                0, 30_000, None)

    def system(self):
        if getattr(self, "_system", None) is None or self._system.is_closed():
            self._system = connect(self, self.env["DBUS_SYSTEM_BUS_ADDRESS"])
        return self._system

    def say(self, state, reason="Because."):
        self.fake("Say", "(ss)", state, reason)

    def register(self, name):
        """This process as a game; the path it gets."""
        fds = Gio.UnixFDList.new_from_array([os.pidfd_open(os.getpid())])
        reply, _ = self.system().call_with_unix_fd_list_sync(
            SERVICE, SERVICE_PATH, SERVICE, "RegisterGame",
            GLib.Variant("(ha{sv})", (0, {"name": GLib.Variant("s", name)})), None, 0, 30_000, fds, None)
        return reply.unpack()[0]

    # The menu.

    def menu_call(self, method, signature, *arguments):
        return self.bus.call_sync(NAME, self.get("Menu"), MENU, method, GLib.Variant(signature, arguments), None, 0, 30_000,
                                  None).unpack()

    def open_menu(self):
        self.menu_call("AboutToShow", "(i)", 0)

    def menu(self):
        """[(id, properties, [children...]), ...]"""
        def entries(node):
            identity, properties, children = node
            return identity, properties, [entries(child) for child in children]
        return entries(self.menu_call("GetLayout", "(iias)", 0, -1, [])[1])[2]

    @staticmethod
    def label(entry):
        return "".join(c for c in entry[1].get("label", "") if c not in ISOLATES)

    def labels(self):
        return [self.label(entry) for entry in self.menu()]

    def entry(self, *path):
        """By its labels from the top."""
        entries, found = self.menu(), None
        for label in path:
            found = next((entry for entry in entries if self.label(entry) == label), None)
            self.assertIsNotNone(found, f"no {label!r} in {[self.label(entry) for entry in entries]}")
            entries = found[2]
        return found

    def click(self, *path):
        self.menu_call("Event", "(isvu)", self.entry(*path)[0], "clicked", GLib.Variant("i", 0), 0)
