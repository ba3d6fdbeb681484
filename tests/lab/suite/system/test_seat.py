# SPDX-License-Identifier: GPL-2.0-or-later
"""polkit's yes for who sits at the machine, asked in advance: for whom it is good, with the real polkit and logind. What
is registered while polkit is stopped was registered without a question."""

import contextlib
import os
import pathlib
import signal

from lab import wait_until
from service import PLAYER, ServiceTest, Session, run, show

RULES = pathlib.Path("/etc/polkit-1/rules.d/00-lab.rules")
DENY = """polkit.addRule(function(action, subject) {
    if (action.id == "org.gamesched.register-game") return polkit.Result.NO;
});
"""
# The socket alone: over the bus polkit is always asked.
TRUE = ("env", "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent", "gamesched-run", "true")


def group_of(pid):
    return "/sys/fs/cgroup" + pathlib.Path(f"/proc/{pid}/cgroup").read_text().strip().removeprefix("0::")


def as_user(group, user, *argv):
    """That command by that user in that control group; what it said on stderr."""
    enter = 'echo $$ > "$1/cgroup.procs"; user=$2; shift 2; exec setpriv --reuid="$user" --regid="$user" --init-groups "$@"'
    return run("sh", "-c", enter, "sh", group, user, *argv).stderr


@contextlib.contextmanager
def polkit_stopped():
    pid = int(show("MainPID", "polkit.service"))
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


class AtTheSeat(ServiceTest):
    def setUp(self):
        super().setUp()
        run("systemctl", "start", "polkit.service")
        self.session = Session(self, PLAYER, "sleep", "1000")
        self.group = group_of(self.session.pid())

    def says(self, user=PLAYER, group=None):
        return as_user(group or self.group, user, *TRUE)

    def says_unasked(self, user=PLAYER, group=None):
        with polkit_stopped():
            return self.says(user, group)

    def wait_until_kept(self):
        wait_until("a registration without a question", lambda: self.says_unasked() == "", interval_s=0.5)

    def test_polkit_is_not_asked_when_a_game_starts(self):
        self.wait_until_kept()
        # Nor for what the user's own systemd started, as desktops start their programs.
        manager = group_of(show("MainPID", f"user@{os.stat(f'/proc/{self.session.pid()}').st_uid}.service"))
        self.assertIn("/user@", manager)
        self.assertEqual(self.says_unasked(group=manager), "")

    def test_others_are_asked_for(self):
        self.wait_until_kept()
        remote = run("su", PLAYER, "-c", " ".join(TRUE)).stderr
        self.assertRegex(remote, "gamesched-run: .*not allowed.*unregistered")
        for who, user, group in (("no session", PLAYER, group_of(os.getpid())), ("not the session's user", "other", self.group)):
            with self.subTest(who=who):
                self.assertRegex(self.says_unasked(user, group), "gamesched-run: .*unregistered")
        self.assertEqual(self.says_unasked(), "", "and it is still kept")

    def test_a_rule_that_says_no_counts_at_once(self):
        self.wait_until_kept()
        self.addCleanup(RULES.unlink, missing_ok=True)
        RULES.write_text(DENY)
        wait_until("a refusal", lambda: "not allowed" in self.says(), interval_s=0.5)
        self.assertRegex(self.says_unasked(), "unregistered", "a no is not kept")
        RULES.unlink()
        self.wait_until_kept()

    def test_who_is_away_from_the_screen_is_refused(self):
        self.wait_until_kept()
        other = Session(self, "other", "sleep", "1000", name="lab-other", vt=2)
        other.in_front()
        wait_until("a refusal", lambda: "not allowed" in self.says(), interval_s=0.5)
        self.session.in_front()
        self.wait_until_kept()

    def test_another_polkit_is_another_answer(self):
        self.wait_until_kept()
        run("systemctl", "restart", "polkit.service")
        self.wait_until_kept()
        run("systemctl", "stop", "polkit.service")
        run("systemctl", "mask", "--runtime", "polkit.service")
        self.addCleanup(lambda: (run("systemctl", "unmask", "--runtime", "polkit.service"), run("systemctl", "start", "polkit.service")))
        self.assertRegex(self.says(), "unregistered")
