# SPDX-License-Identifier: GPL-2.0-or-later
"""A registered game's whole tree is the game, and nothing else is."""

import os
import pathlib
import pwd
import shutil
import signal
import threading

from backend import GAME, BackendTest
from lab import wait_until


def tell(pipe, name):
    os.write(pipe, f"{name} {os.getpid()}\n".encode())


def parent_of(pid):
    return int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1])


def sleep_for_ever():
    while True:
        signal.pause()


class Processes(BackendTest):
    def read_pids(self, pipe, names):
        """Processes announce themselves on a pipe by name; they are killed when the test ends."""
        pids = {}
        with os.fdopen(pipe, closefd=False) as lines:
            while names - pids.keys():
                name, pid = next(lines).split()
                pids[name] = int(pid)
                self.addCleanup(self._kill, int(pid))
        return pids

    def members(self):
        return {pid for pid, game in self.driver.members().items() if game == GAME}

    @staticmethod
    def family(pipe):
        """Forks a tree with every way out of it, then sleeps."""

        def child(name, body):
            if os.fork() == 0:
                try:
                    body(name)
                finally:
                    os._exit(0)

        def leaf(name):
            tell(pipe, name)
            sleep_for_ever()

        def parent(name):
            child("grandchild", leaf)
            leaf(name)

        def own_session(name):
            os.setsid()
            leaf(name)

        def double_fork(name):
            child("daemon", own_session)
            os._exit(0)

        child("child", parent)
        child("session", own_session)
        child("middle", double_fork)
        tell(pipe, "game")
        sleep_for_ever()

    NAMES = {"game", "child", "grandchild", "session", "daemon"}

    def test_every_descendant_belongs_to_the_game(self):
        out, pipe = os.pipe()
        bystander = self.fork(sleep_for_ever)
        game = self.play(lambda: self.family(pipe))
        pids = self.read_pids(out, self.NAMES)
        self.assertEqual(pids["game"], game)
        wait_until(lambda: f"the members {sorted(self.members())} to be {sorted(pids.values())}",
                   lambda: self.members() == set(pids.values()))
        self.assertNotIn(bystander, self.members())
        self.assertNotIn(os.getpid(), self.members())

    def test_descendants_older_than_the_registration_belong_to_it(self):
        out, pipe = os.pipe()
        game = self.fork(lambda: self.family(pipe))
        pids = self.read_pids(out, self.NAMES)
        wait_until("init to have adopted the daemon", lambda: parent_of(pids["daemon"]) == 1)
        self.driver.ask("add", GAME, game)
        # The double fork took it out of the tree before anybody watched.
        self.assertEqual(self.members(), set(pids.values()) - {pids["daemon"]})

    def test_an_exit_removes_each(self):
        out, pipe = os.pipe()
        self.play(lambda: self.family(pipe))
        pids = self.read_pids(out, self.NAMES)
        for pid in pids.values():
            os.kill(pid, signal.SIGKILL)
            wait_until(f"{pid} to be no member", lambda pid=pid: pid not in self.members())
        self.assertEqual(self.members(), set())

    def test_an_end_of_the_registration_removes_all(self):
        out, pipe = os.pipe()
        self.play(lambda: self.family(pipe))
        self.read_pids(out, self.NAMES)
        self.driver.ask("remove", GAME)
        self.assertEqual(self.members(), set())

    def test_the_exit_of_the_first_thread_alone_removes_nothing(self):
        out, pipe = os.pipe()
        exit_thread = 60  # x86-64: exit(2), of this thread only

        def body():
            import ctypes
            thread = threading.Thread(target=lambda: (tell(pipe, "game"), os.read(out_of_test, 1)))
            thread.start()
            ctypes.CDLL(None).syscall(exit_thread, 0)

        out_of_test, end = os.pipe()
        self.addCleanup(os.close, end)
        game = self.play(body)
        self.read_pids(out, {"game"})
        wait_until("the main thread to be a zombie", lambda: " Z " in open(f"/proc/{game}/stat").read())
        self.assertIn(game, self.members())
        os.kill(game, signal.SIGKILL)
        wait_until("the process to be no member", lambda: game not in self.members())

    def test_an_exit_that_the_kernel_passes_over_does_not_make_the_next_with_that_id_a_member(self):
        self.play(sleep_for_ever)
        for _ in range(20):
            gone = os.fork()
            if gone == 0:
                os._exit(0)
            os.waitpid(gone, 0)
            self.driver.ask("pass-over", "exit", gone, GAME)
            self.assertIn(gone, self.members())
            self.assertEqual(self.driver.ask("room", GAME, 0), {"game": 2, "user": 2})
            pathlib.Path("/proc/sys/kernel/ns_last_pid").write_text(str(gone - 1))
            if self.fork(sleep_for_ever) == gone:
                break
            self.driver.ask("pass-over", "fork", gone)  # somebody else has that id, or has had it
        else:
            self.fail("no process with the id of one that has ended")
        self.assertNotIn(gone, self.members())
        self.assertEqual(self.driver.ask("room", GAME, 0), {"game": 1, "user": 1})

    def test_a_fork_that_the_kernel_passes_over_is_made_up_for_when_the_child_executes_a_program(self):
        out, pipe = os.pipe()
        go, gate = os.pipe()

        def family():
            if os.fork() == 0:
                tell(pipe, "child")
                os.read(go, 1)
                os.execv("/usr/bin/sleep", ["sleep", "1000"])
            sleep_for_ever()

        self.play(family)
        self.driver.ask("foreground", GAME)
        self.addCleanup(self.driver.ask, "foreground", 0)
        child = self.read_pids(out, {"child"})["child"]
        self.assertIn(child, self.members())
        self.driver.ask("pass-over", "fork", child)
        self.assertNotIn(child, self.members())
        os.write(gate, b"x")
        wait_until("the child among the members", lambda: child in self.members())
        self.assertEqual(self.driver.ask("room", GAME, 0), {"game": 2, "user": 2})

    def test_an_exec_of_a_set_user_id_program_leaves_the_game(self):
        folder = self.scratch(within="/var/tmp")  # systemd mounts /tmp such that nobody's id is set there
        os.chmod(folder, 0o755)
        player = pwd.getpwnam("nobody").pw_uid
        programs = {"plain": 0o755, "set-user-id": 0o4755}
        for name, mode in programs.items():
            shutil.copy(shutil.which("sleep"), folder / name)
            os.chmod(folder / name, mode)
        go, gate = os.pipe()
        self.addCleanup(os.close, gate)

        def body():
            os.setuid(player)
            os.close(gate)
            for name in programs:
                if os.fork() == 0:
                    os.read(go, 1)
                    os.execv(folder / name, [name, "1000"])
            os.waitpid(-1, 0)

        # It must be the player's before it is registered.
        game = self.fork(body)
        children = lambda: [int(pid) for pid in open(f"/proc/{game}/task/{game}/children").read().split()]
        wait_until("two children", lambda: len(children()) == 2)
        for pid in children():
            self.addCleanup(self._kill, pid)
        self.driver.ask("add", GAME, game)
        self.assertEqual(self.members(), {game, *children()})
        os.write(gate, b"xx")
        comm = lambda pid: open(f"/proc/{pid}/comm").read().strip()
        wait_until("both to be executed", lambda: {comm(pid) for pid in children()} == set(programs))
        stayed = lambda: [comm(pid) for pid in children() if pid in self.members()]
        # A process has its new name before the exec is done.
        wait_until("the other to have left", lambda: stayed() == ["plain"])


class Lanes(BackendTest):
    def test_threads_of_a_game_are_counted_by_lane(self):
        helpers, stop = 3, threading.Event()

        def game():
            threads = [threading.Thread(target=stop.wait, daemon=True) for _ in range(helpers)]
            for thread in threads:
                thread.start()
            sleep_for_ever()

        self.assertEqual(self.driver.ask("lanes"), {}, "without a scheduler there are no lanes")
        self.attach()
        first, second = self.play(game), self.play(sleep_for_ever, game=GAME + 1)

        def counted():
            lanes = self.driver.ask("lanes")
            return [sum(lanes.get(str(number), {}).values()) for number in (GAME, GAME + 1)]

        wait_until(lambda: f"all threads to be counted, not {counted()}", lambda: counted() == [1 + helpers, 1])

        def one_by_one(pid):
            each = [self.driver.ask("explain", int(tid))["lane"] for tid in os.listdir(f"/proc/{pid}/task")]
            return {lane: each.count(lane) for lane in set(each)}

        # What the count of all says is what each thread says, once all of them sleep.
        wait_until("the same of both", lambda: self.driver.ask("lanes") ==
                   {str(GAME): one_by_one(first), str(GAME + 1): one_by_one(second)})
        self.driver.ask("remove", GAME + 1)
        self.assertNotIn(str(GAME + 1), self.driver.ask("lanes"))
        self.driver.ask("detach")
        self.assertEqual(self.driver.ask("lanes"), {})
