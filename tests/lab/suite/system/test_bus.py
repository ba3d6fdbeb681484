# SPDX-License-Identifier: GPL-2.0-or-later
"""The service on the real bus: it comes when it is called, and shows all that its interface promises."""

import os
import pathlib
import re
import time
import xml.etree.ElementTree as xml

from lab import wait_until
from service import BUS_NAME, OBJECT, UNIT, ServiceTest, main_pid, run, show, state, status, systemctl

INTERFACES = pathlib.Path("/usr/share/dbus-1/interfaces")
MOST_EXPOSURE = 1.5  # systemd's figure, 0 to 10; what a careful service can reach


def busctl(*words, **options):
    return run("busctl", *words, **options).stdout


def members_of(interface):
    """(kind, name) of all that the XML lists."""
    return {(tag, node.get("name"))
            for tag in ("method", "property", "signal") for node in interface.findall(tag)}


def introspected(path, interface):
    rows = [line.split() for line in busctl("introspect", "--no-pager", BUS_NAME, path, interface).splitlines()]
    return {(row[1], row[0][1:]) for row in rows if row[0].startswith(".")}


class Bus(ServiceTest):
    def test_BUS1_a_call_starts_the_service(self):
        systemctl("stop", UNIT)
        self.assertFalse(status()["running"], "asking for the status starts nothing")
        self.assertEqual(show("ActiveState"), "inactive")
        answer = busctl("get-property", BUS_NAME, OBJECT, BUS_NAME, "State")
        self.assertEqual(answer.strip(), 's "standby"')
        self.assertEqual(show("ActiveState"), "active")
        self.assertIn("standby", show("StatusText"))

    def test_BUS1_introspection_shows_every_member_of_the_xml(self):
        description = xml.parse(INTERFACES / f"{BUS_NAME}.xml").getroot().find("interface")
        self.assertEqual(introspected(OBJECT, BUS_NAME), members_of(description))
        self.playing()
        game = run("busctl", "tree", "--list", BUS_NAME).stdout.split()
        path = next(line for line in game if line.startswith(f"{OBJECT}/game/"))
        description = xml.parse(INTERFACES / "org.gamesched.Game1.xml").getroot().find("interface")
        self.assertEqual(introspected(path, "org.gamesched.Game1"), members_of(description))

    def test_its_exposure_is_low(self):
        overall = run("systemd-analyze", "--no-pager", "security", UNIT).stdout.strip().splitlines()[-1]
        print(f"      {overall}", flush=True)
        figure = float(re.search(r": (\d+\.\d+)", overall).group(1))
        self.assertLessEqual(figure, MOST_EXPOSURE)

    def test_it_runs_with_the_rights_it_needs_and_no_more(self):
        fields = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{main_pid()}/status").read_text().splitlines()
                      if ":\t" in line)
        cap_perfmon, cap_bpf = 38, 39
        for name in ("CapEff", "CapPrm", "CapBnd"):
            self.assertEqual(int(fields[name], 16), 1 << cap_perfmon | 1 << cap_bpf, name)
        self.assertNotIn("0", fields["Uid"].split())
        self.assertEqual(fields["NoNewPrivs"], "1")
        self.assertEqual(os.sched_getscheduler(main_pid()), os.SCHED_RR)

    def test_ASY1_idle_it_makes_no_wake_ups_and_attached_it_is_watched(self):
        # The classic: whoever is watched is fed at least twice in this time.
        watchdog_s = 3
        self.with_drop_in(f"[Service]\nWatchdogSec={watchdog_s}\n")
        switches = lambda: [line for line in open(f"/proc/{main_pid()}/status") if "ctxt_switches" in line]
        # At first and after a game: both are standby.
        for _ in range(2):
            wait_until("standby", lambda: state() == "standby")
            time.sleep(1.5)  # the answer to that question is through, and what systemd is told a second after a change
            before = switches()
            time.sleep(watchdog_s)
            self.assertEqual(switches(), before)
            self.assertEqual(show("ActiveState"), "active", "nobody takes it for hung")
            game = self.playing()
            old = main_pid()
            time.sleep(watchdog_s * 1.5)
            self.assertEqual((main_pid(), state()), (old, "active"), "it is fed")
            self.stop(game)
