# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine that cannot: no sched_ext, no type information, no permission. The service says so and its clients work."""

import os

from lab import kernel_state, wait_until
from service import ServiceTest, games, main_pid, run, show, state, status


class Unsupported(ServiceTest):
    expects_errors = True
    restarts_anyway = True

    def works_without(self, drop_in, reason):
        self.with_drop_in("[Service]\n" + drop_in)
        self.assertEqual(show("ActiveState"), "active")
        found = status()
        self.assertEqual(found["state"], "unsupported")
        self.assertRegex(found["reason"], reason)
        game = self.game("sh", "-c", "read line; exit 5", stdin=-1)
        wait_until("a game", games, interval_s=0.1)
        self.assertEqual((state(), kernel_state()), ("unsupported", "disabled"))
        game.communicate(b"\n")
        self.assertEqual(game.returncode, 5)
        run("gameschedctl", "off")
        self.assertFalse(status()["enabled"])
        run("gameschedctl", "on")
        self.assertTrue(status()["enabled"])

    def test_without_sched_ext(self):
        self.works_without("InaccessiblePaths=/sys/kernel/sched_ext\n", "no sched_ext")

    def test_without_type_information(self):
        self.works_without("InaccessiblePaths=/sys/kernel/btf\n", "type information")

    def test_without_real_time(self):
        """It starts and schedules, only not ahead of everybody."""
        self.with_drop_in("[Service]\nLimitRTPRIO=0\n")
        self.assertEqual((show("ActiveState"), state()), ("active", "standby"))
        self.assertEqual(os.sched_getscheduler(main_pid()), os.SCHED_OTHER)
        self.playing()
        wait_until("the scheduler", lambda: kernel_state() == "enabled")

    def test_without_permission(self):
        self.works_without("CapabilityBoundingSet=\nAmbientCapabilities=\n", "(?i)permi|privilege|CAP_BPF")
