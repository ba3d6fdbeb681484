# SPDX-License-Identifier: GPL-2.0-or-later
"""BUS-5, AU-2: starts of programs that may be games are told, and hardly any others; audio servers are known at once."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from backend import GAME, BackendTest
from lab import wait_until

IGNORED, REPORTED, WATCHED, AUDIO = 1, 2, 4, 8
PLAYER = 1000
BUDGETS = 1024  # GS_EXEC_BUDGETS
# Of a thousand that end at once, so many whose end the kernel may not tell: since 7.0 it passes over a hook on a CPU where one
# of its kind is pre-empted.
PASSED_OVER = 4 if int(os.uname().release.split(".")[0]) >= 7 else 0


class ProgramsTest(BackendTest):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(tempfile.mkdtemp(dir="/var/tmp"))
        self.folder.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.folder)
        self.addCleanup(self.driver.ask, "filter")
        self.driver.ask("programs")

    def filter(self, dirs="", **names):
        words = ",".join(f"{name.replace('_', '-')}={flags}" for name, flags in names.items()) or "nothing=0"
        self.driver.ask("filter", words, dirs)

    def program(self, name, text='#!/bin/sh\n"$@"\n'):
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)
        return str(path)

    def shell(self):
        """One that has been started for sure: the parent goes on a little before the kernel tells of an exec."""
        shell = self.start(["sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        shell.stdin.write(b"echo up\n")
        shell.stdin.flush()
        shell.stdout.readline()
        self.told()
        return shell

    def told(self):
        return self.driver.ask("programs")["programs"]

    def told_names(self):
        return [os.path.basename(each["path"]) for each in self.told()]


class Programs(ProgramsTest):
    def test_BUS5_only_what_has_a_name_is_told(self):
        self.filter(somegame=REPORTED, sometool=IGNORED)
        for name in ("somegame", "sometool", "other"):
            subprocess.run([self.program(name)], check=True)
        [told] = self.told()
        self.assertEqual((os.path.basename(told["path"]), told["parent"], told["uid"], told["game"], told["from_launcher"]),
                         ("somegame", os.getpid(), 0, 0, False))

    def test_BUS5_arguments_are_those_of_the_start(self):
        self.filter(somegame=REPORTED)
        game = self.program("somegame")
        subprocess.run([game, "true", "two words", "", "ü"], check=True)
        self.assertEqual(self.told()[0]["args"], ["/bin/sh", game, "true", "two words", "", "ü"])
        subprocess.run([game, "true", "x" * 100_000], check=True)
        [told] = self.told()
        self.assertEqual(sum(len(word) + 1 for word in told["args"]), 513)

    def test_BUS5_a_path_is_told_whole_however_long(self):
        """The hook reads its beginning, and then the rest."""
        self.filter(somegame=REPORTED)
        for length in (63, 64, 65, 200, 255, 270):
            with self.subTest(length=length):
                folder = pathlib.Path(f"{self.folder}/{'x' * (length - len(f'{self.folder}//somegame'))}")
                folder.mkdir()
                path = shutil.copy(self.program("somegame"), folder)
                subprocess.run([path], check=True)
                self.assertEqual([each["path"] for each in self.told()], [str(path)[:256]])

    def test_BUS5_a_folder_is_enough(self):
        self.filter(dirs=f"{self.folder}/=1", tool=IGNORED)
        subprocess.run([self.program("anything")], check=True)
        subprocess.run([self.program("tool")], check=True)
        subprocess.run(["/bin/true"], check=True)
        self.assertEqual(self.told_names(), ["anything"])

    def test_BUS5_what_descends_from_a_launcher_is_told_however(self):
        self.filter(launcher=WATCHED)
        launcher = self.program("launcher", '#!/bin/sh\nsetsid sh -c "(/bin/true) & wait"\n')
        subprocess.run([launcher], check=True)
        told = self.told()
        self.assertEqual([(os.path.basename(each["path"]), each["from_launcher"]) for each in told][0], ("launcher", False))
        self.assertIn(("true", True), [(os.path.basename(each["path"]), each["from_launcher"]) for each in told])
        subprocess.run(["/bin/true"], check=True)
        self.assertEqual(self.told(), [])

    def test_BUS5_a_launcher_that_ran_before(self):
        self.filter(nothing=0)
        shell = self.shell()
        self.driver.ask("watch", shell.pid)
        shell.stdin.write(b"/bin/true\nexit\n")
        shell.stdin.flush()
        shell.wait()
        self.assertEqual(self.told_names(), ["true"])

    def test_BUS5_what_a_game_starts_is_told_with_the_game(self):
        self.filter(nothing=0)
        shell = self.shell()
        self.driver.ask("add", GAME, shell.pid)
        shell.stdin.write(b"/bin/true\nexit\n")
        shell.stdin.flush()
        shell.wait()
        self.assertEqual([(os.path.basename(each["path"]), each["game"]) for each in self.told()], [("true", GAME)])

    def test_BUS5_a_users_budget_bounds_what_is_told_and_a_loss_is_told(self):
        self.filter(dirs=f"{self.folder}/=1")
        storm = self.program("one", "#!/bin/true\n")
        subprocess.run(["sh", "-c", f"i=0; while [ $i -lt 600 ]; do {storm}; i=$((i+1)); done"], check=True, user=PLAYER)
        told = self.driver.ask("programs")
        # By the budget, or on a slow machine because nobody reads the ring meanwhile.
        self.assertLess(len(told["programs"]), 600)
        self.assertGreaterEqual(len(told["programs"]), 64)
        self.assertIn(PLAYER, told["lost"])
        # Other users' budgets are whole, and there is room again.
        for other in (PLAYER + 1, PLAYER + BUDGETS):
            subprocess.run([storm], check=True, user=other)
            self.assertEqual(len(self.told()), 1)

    def test_AU2_audio_servers_by_name_in_a_folder_of_the_system(self):
        self.filter(dirs=f"{self.folder}/=2", pipewire=AUDIO)
        server = self.program("pipewire", "#!/bin/sh\necho up\nread line\n")
        elsewhere = pathlib.Path(tempfile.mkdtemp(dir="/var/tmp"))
        self.addCleanup(shutil.rmtree, elsewhere)
        shutil.copy(server, elsewhere / "pipewire")
        running = self.start([server], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        other = self.start([elsewhere / "pipewire"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.assertEqual(running.stdout.readline(), b"up\n")
        self.assertEqual(other.stdout.readline(), b"up\n")
        self.assertEqual(self.driver.ask("audio"), [running.pid])
        running.kill()
        running.wait()
        wait_until("no audio server", lambda: self.driver.ask("audio") == [])
        again = self.start([server], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        again.stdout.readline()
        self.assertEqual(self.driver.ask("audio"), [again.pid])


class Shares(BackendTest):
    """A game's processes are counted, and have a bound."""

    def room(self):
        return self.driver.ask("room", GAME, 0)

    def test_counts_come_back_to_nothing(self):
        shell = self.start(["sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.driver.ask("add", GAME, shell.pid)
        shell.stdin.write(b"for i in 1 2 3 4 5 6 7 8; do /bin/true & done; wait; sleep 1000 & echo done\n")
        shell.stdin.flush()
        shell.stdout.readline()
        self.assertEqual(self.room(), {"game": 2, "user": 2})
        shell.stdin.write(b"kill $!; wait; exit\n")
        shell.stdin.flush()
        shell.wait()
        wait_until("no process of the game", lambda: self.room() == {"game": 0, "user": 0})
        self.driver.ask("remove", GAME)
        self.assertEqual(self.room()["user"], None)

    def test_a_game_does_not_fill_the_map(self):
        most = 1024
        shell = self.start(["python3", "-c", f"""
import os, signal, sys
sys.stdin.readline()
pids = []
for i in range({most} + 50):
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    pids.append(pid)
print(len(pids), flush=True)
sys.stdin.readline()
for pid in pids: os.kill(pid, signal.SIGKILL)
for pid in pids: os.waitpid(pid, 0)
"""], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.driver.ask("add", GAME, shell.pid)
        shell.stdin.write(b"go\n")
        shell.stdin.flush()
        self.assertEqual(int(shell.stdout.readline()), most + 50)
        self.assertEqual(len(self.driver.ask("members")), most)
        # Another game still has room.
        other = self.fork(signal.pause)
        self.driver.ask("add", GAME + 1, other)
        self.addCleanup(self.driver.ask, "remove", GAME + 1)
        self.assertIn(str(other), {str(pid) for pid in self.driver.members()})
        shell.stdin.write(b"go\n")
        shell.stdin.flush()
        shell.wait()
        wait_until(lambda: f"an end of all: {self.room()['game']} are counted, in the map are {self.driver.members()}",
                   lambda: self.room()["game"] <= PASSED_OVER)
        self.driver.ask("remove", GAME)
        self.assertEqual(set(self.driver.members().values()), {GAME + 1})
        self.assertEqual(self.room(), {"game": 0, "user": 1})
