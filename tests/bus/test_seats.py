# SPDX-License-Identifier: GPL-2.0-or-later
"""polkit asked in advance, for who sits at the machine: for whom its yes is good, and until when. The files of
systemd-logind and the control groups of processes are made up here; the lab's tests have the real ones."""

import os
import signal
import subprocess
import time
import unittest

from harness import BusTest, Worker, wait_for

REGISTER = "org.gamesched.register-game"
POLKIT = ("/org/freedesktop/PolicyKit1/Authority", "org.freedesktop.PolicyKit1.Authority")


class SeatTest(BusTest):
    def setUp(self):
        super().setUp()
        self.socket = str(self.folder / "run" / "register")
        self.player = self.caller()
        wait_for(lambda: os.path.exists(self.socket), "the socket")

    def write(self, name, **words):
        """A file of logind's, replaced at once as logind does it."""
        new = self.folder / "new"
        new.write_text("".join(f"{key}={value}\n" for key, value in words.items()))
        new.rename(self.logind / name)

    def in_group(self, pid, group):
        """What the service sees as that process's control group."""
        group_file = self.folder / f"cgroup-{pid}"
        group_file.write_text(f"1:name=systemd:{group}\n0::{group}\n")
        subprocess.run(["nsenter", "--mount", "--root", f"--target={self.daemon.pid}", "mount", "--bind", group_file, f"/proc/{pid}/cgroup"],
                       check=True)

    def in_session(self, pid, number="1", uid=None):
        uid = self.player.uid if uid is None else uid
        self.in_group(pid, f"/user.slice/user-{uid}.slice/session-{number}.scope")

    def session(self, number="1", uid=None, **words):
        uid = self.player.uid if uid is None else uid
        self.write(f"sessions/{number}", UID=uid, ACTIVE=1, STATE="active", LEADER=self.leader.pid, **words)

    def log_in(self, uid=None, number="1", seat="seat0"):
        """A session at the seat that is in front; its leader is root's, as a display manager's is."""
        uid = self.player.uid if uid is None else uid
        self.leader = self.process()
        self.in_session(self.leader.pid, number, uid)
        self.session(number, uid, SEAT=seat)
        self.write(f"users/{uid}", STATE="active", DISPLAY=number)
        self.write(f"seats/{seat}", ACTIVE=number, ACTIVE_UID=uid)

    def questions(self):
        return self.polkitd.ask(asked=True)

    def ask(self, caller):
        return caller.socket_ask(path=self.socket)[0]

    def try_to_play(self, caller):
        """The answer, [] if there is none. It is no game afterwards: of one, polkit would not be asked again."""
        answer = caller.socket_ask(path=self.socket)
        self.assertNotIn("LimitsExceeded", "".join(answer), "no answer to what the test wants to know")
        if answer and answer[0].startswith("game="):
            caller.unregister(path=answer[0].removeprefix("game="))
        return answer

    def is_asked_for(self, caller):
        """Whether a game of that process takes a question to polkit."""
        before = len(self.of(caller))
        self.try_to_play(caller)
        return len(self.of(caller)) > before

    def of(self, caller):
        return [question for question in self.questions() if question.get("pid") == caller.pid]

    def in_advance(self):
        """How many there are depends on when the service looks: a login is several changes, and makes one or two. Once a yes
        is kept, all changes have been heard and no question comes any more."""
        return [question for question in self.questions() if question.get("pid") == self.leader.pid]

    def play(self):
        """The player's session, of which polkit has said yes."""
        self.in_session(self.player.pid)
        self.log_in()
        self.wait_until_kept()

    def polkit_changes(self, **answer):
        """Polkit answers like that from now on, says so, and is asked in advance. Only when nothing else changes."""
        before = len(self.in_advance())
        self.polkitd.ask(changed=1, **answer)
        wait_for(lambda: len(self.in_advance()) > before, "the next question in advance")

    def wait_until_kept(self, asked_before=0):
        """Of so many questions put in advance before."""
        wait_for(lambda: len(self.in_advance()) > asked_before, "a question in advance")
        # Not often: a user may change the games 25 times in 20 seconds.
        wait_for(lambda: not self.is_asked_for(self.player), "a yes that is kept", interval_s=0.25)


class WhoPolkitSaysYesTo(SeatTest):
    def test_is_asked_for_once_and_before_the_game(self):
        self.log_in()
        wait_for(self.in_advance, "a question without a game")
        self.in_session(self.player.pid)
        self.wait_until_kept()
        questions = self.in_advance()
        question = questions[-1]
        self.assertEqual((question["action"], question["kind"], question["flags"]), (REGISTER, "unix-process", 0))
        self.assertEqual(question["subject"]["uid"], self.player.uid)
        self.assertRegex(self.ask(self.player), "^game=")
        self.assertEqual(self.kernel_games(), {self.player.pid})
        self.assertEqual(self.in_advance(), questions)

    def test_is_known_in_what_their_own_systemd_started(self):
        self.play()
        self.in_group(self.player.pid, f"/user.slice/user-{self.player.uid}.slice/user@{self.player.uid}.service/app.slice/a.scope")
        self.assertFalse(self.is_asked_for(self.player))

    def test_is_asked_for_elsewhere(self):
        self.play()
        uid = self.player.uid
        self.session("7")  # over ssh
        for group in (f"/user.slice/user-{uid}.slice/session-7.scope", f"/user.slice/user-{uid}.slice/session-8.scope",
                      "/system.slice/a.service", "/", f"/user.slice/user-{uid + 1}.slice/user@{uid + 1}.service/a.scope"):
            with self.subTest(group=group):
                self.in_group(self.player.pid, group)
                self.assertTrue(self.is_asked_for(self.player))

    def test_answers_for_no_other_user_in_the_same_session(self):
        self.play()
        other = self.caller()
        self.in_session(other.pid)
        self.assertTrue(self.is_asked_for(other))
        self.assertFalse(self.is_asked_for(self.player))

    def test_answers_for_nothing_asked_over_the_bus(self):
        self.play()
        before = len(self.questions())
        self.player.unregister(path=self.player.register())
        self.player.set_enabled(enabled=True)
        actions = [question["action"] for question in self.questions()[before:]]
        self.assertEqual(actions, [REGISTER, "org.gamesched.set-enabled"])

    def test_is_asked_for_from_the_moment_that_another_session_is_in_front(self):
        self.play()
        number = self.player.socket_connect(path=self.socket)
        # Both are there when the service looks.
        os.kill(self.daemon.pid, signal.SIGSTOP)
        self.player.socket_send(number=number, text="name=x\0")
        self.write("seats/seat0", ACTIVE="2", ACTIVE_UID=1)
        before = len(self.of(self.player))
        os.kill(self.daemon.pid, signal.SIGCONT)
        self.assertRegex(self.player.socket_receive(number=number)[0], "^game=")
        self.assertEqual(len(self.of(self.player)), before + 1)

    def test_is_asked_for_when_nobody_is_at_the_seat_any_more(self):
        self.play()
        asked_before = len(self.in_advance())
        self.write("seats/seat0")
        self.assertTrue(self.is_asked_for(self.player))
        self.write("seats/seat0", ACTIVE="1", ACTIVE_UID=self.player.uid)
        self.wait_until_kept(asked_before)

    def test_is_not_known_in_what_their_systemd_started_when_another_session_is_their_display(self):
        self.play()
        asked_before = len(self.in_advance())
        self.write(f"users/{self.player.uid}", STATE="active", DISPLAY="9")
        self.wait_until_kept(asked_before)
        self.in_group(self.player.pid, f"/user.slice/user-{self.player.uid}.slice/user@{self.player.uid}.service/a.scope")
        self.assertTrue(self.is_asked_for(self.player))

    def test_is_asked_for_again_when_polkit_says_that_something_changed(self):
        self.play()
        asked_before = len(self.in_advance())
        self.polkitd.ask(answer="no", changed=1)
        wait_for(lambda: self.is_asked_for(self.player), "the yes to be forgotten", interval_s=0.25)
        self.assertIn("NotAuthorized", self.ask(self.player))
        wait_for(lambda: len(self.in_advance()) == asked_before + 1, "the next question in advance")
        self.polkitd.ask(answer="yes", changed=1)
        self.wait_until_kept(asked_before + 1)

    def test_nobody_else_says_that_something_changed(self):
        self.play()
        questions = self.in_advance()
        service = self.root.owner_of(name="org.gamesched.Scheduler1")
        stranger = self.caller()
        for _ in range(3):
            stranger.signal(destination=service, path=POLKIT[0], interface=POLKIT[1], name="Changed")
            stranger.signal(destination=service, path="/org/freedesktop/DBus", interface="org.freedesktop.DBus",
                            name="NameOwnerChanged", words=["org.freedesktop.PolicyKit1", ":1.0", stranger.unique_name()])
        stranger.get(name="State")  # behind the signals
        self.assertFalse(self.is_asked_for(self.player))
        self.assertEqual(self.in_advance(), questions)

    def test_many_changes_make_few_questions(self):
        self.play()
        asked_before, begin_s = len(self.in_advance()), time.monotonic()
        for _ in range(200):
            self.polkitd.ask(changed=1)
            self.root.get(name="State")  # a turn of the service for each
        self.wait_until_kept(asked_before)
        # One a second; the first one at once.
        self.assertLessEqual(len(self.in_advance()) - asked_before, 1 + time.monotonic() - begin_s)

    def test_is_forgotten_with_polkit_and_asked_for_of_its_next(self):
        self.play()
        self.polkitd.kill()
        wait_for(lambda: self.try_to_play(self.player) == [], "nobody to say yes", interval_s=0.25)
        self.polkitd = Worker("polkitd.py", self.address, debug=self.log)
        self.addCleanup(self.polkitd.kill)
        self.wait_until_kept()
        self.assertEqual(len(self.in_advance()), 1)


class Whose(SeatTest):
    """Whose yes is none to keep. Each begins with one that is kept, since no other changes are on their way then."""

    def setUp(self):
        super().setUp()
        self.play()

    def test_no(self):
        self.polkit_changes(answer="no")
        questions = self.in_advance()
        self.assertTrue(self.is_asked_for(self.player))
        self.polkitd.ask(answer="yes")
        self.assertTrue(self.is_asked_for(self.player))
        self.assertEqual(self.in_advance(), questions, "asked again only when something changes")

    def test_yes_by_a_password_and_errors(self):
        for answer in ("temporary", "error"):
            with self.subTest(answer=answer):
                self.polkit_changes(answer=answer)
                self.polkitd.ask(answer="yes")
                self.assertTrue(self.is_asked_for(self.player))
                # Now the answer in advance is there, too: polkit gave it before this one.
                self.assertTrue(self.is_asked_for(self.player))
                self.polkit_changes(answer="yes")
                self.wait_until_kept()

    def test_yes_to_what_was_asked_before_a_change(self):
        self.polkit_changes(answer="hold")
        asked_before = len(self.in_advance())
        # The answer comes behind the change, as polkit sends them.
        self.polkitd.ask(answer="no", changed=1)
        self.polkitd.ask(release=True)
        wait_for(lambda: len(self.in_advance()) > asked_before, "the next question")
        self.assertIn("NotAuthorized", self.ask(self.player))

    def test_a_leader_of_another_session(self):
        """The one that logind names has ended, and its number is another process's."""
        stranger = self.leader = self.process()
        self.in_session(stranger.pid, "9")
        self.session(SEAT="seat0")
        # In the same round, since all seats are looked at together.
        self.log_in(uid=self.player.uid + 1, number="2", seat="seat1")
        wait_for(self.in_advance, "a question for the other seat")
        self.assertNotIn(stranger.pid, [question.get("pid") for question in self.questions()])
        self.assertTrue(self.is_asked_for(self.player))


class WithoutALogin(SeatTest):
    def test_nobody_is_asked_for_in_advance(self):
        self.assertTrue(self.is_asked_for(self.player))
        self.assertEqual(len(self.questions()), 1)

    def test_root_at_a_seat_needs_no_leave(self):
        self.log_in(uid=0, number="1", seat="seat0")
        self.log_in(number="2", seat="seat1")
        wait_for(self.in_advance, "a question for the player")
        self.assertEqual({question["pid"] for question in self.questions()}, {self.leader.pid})


if __name__ == "__main__":
    unittest.main()
