#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""gamesched-run in every shape: what the game sees, what the service is told, what may go wrong."""

import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import unittest

from harness import BOUND_S, RUN, DesktopTest, wait_for

ERRORS = ["NotAuthorized", "InvalidArgument", "NoSuchProcess", "NotYourProcess", "NotAGame", "AlreadyRegistered",
          "LimitsExceeded", "org.freedesktop.DBus.Error.AccessDenied", "org.freedesktop.DBus.Error.UnknownMethod"]


class TheGame(DesktopTest):
    """Is the process that was started, with nothing added or taken away."""

    def setUp(self):
        super().setUp()
        self.start_bus()
        self.start_service()

    def test_has_the_process_id_of_gamesched_run_and_that_one_is_registered(self):
        game = subprocess.Popen([RUN, "sh", "-c", "echo $$"], env=self.env, stdout=subprocess.PIPE, text=True)
        output, _ = game.communicate(timeout=BOUND_S)
        self.assertEqual(int(output), game.pid)
        self.assertEqual([call["pid"] for call in self.calls("RegisterGame")], [game.pid])

    def test_is_silent_when_registered(self):
        game = self.run_game("echo", "hello", "--name", "-x", "")
        self.assertEqual((game.stdout, game.stderr, game.returncode), ("hello --name -x \n", "", 0))

    def test_passes_on_every_kind_of_exit_status(self):
        for status in (0, 1, 7, 125, 126, 127, 255):
            with self.subTest(status=status):
                self.assertEqual(self.run_game("sh", "-c", f"exit {status}").returncode, status)

    def test_killed_by_a_signal_is_seen_so_by_the_parent(self):
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGSEGV):
            with self.subTest(signal=number.name):
                game = self.run_game("sh", "-c", f"ulimit -c 0; kill -{int(number)} $$")
                self.assertEqual(game.returncode, -number)

    def test_receives_signals_sent_to_gamesched_run(self):
        script = 'trap "echo got USR1; exit 3" USR1; echo ready; while :; do read -r line; done'
        game = subprocess.Popen([RUN, "sh", "-c", script], env=self.env, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end, game)
        self.assertEqual(game.stdout.readline(), "ready\n")
        game.send_signal(signal.SIGUSR1)
        # A shell that waits for the end of read before its trap runs gets its line; one that did not wait is gone.
        with contextlib.suppress(BrokenPipeError):
            game.stdin.write("\n")
            game.stdin.close()
        self.assertEqual(game.wait(BOUND_S), 3)
        self.assertEqual(game.stdout.read(), "got USR1\n")
        game.stdout.close()

    def seen_by(self, *launcher, **options):
        """What a process can see of its own state, from /proc, without a shell in between."""
        files = [f"/proc/self/{name}" for name in ("environ", "limits", "cgroup", "oom_score_adj", "autogroup")]
        plain = self.execute(*launcher, "cat", *files, **options).stdout
        status = self.execute(*launcher, "cat", "/proc/self/status", **options).stdout
        kept = re.findall(r"^(?:Name|Umask|Uid|Gid|Groups|Sig(?!Q)\w+|Shd\w+|Cap\w+|NoNewPrivs|Seccomp|Threads|"
                          r"Cpus_allowed)\b.*$", status, re.MULTILINE)
        files = self.execute(*launcher, "ls", "/proc/self/fd", **options).stdout
        return {"plain": plain, "status": kept, "files": files}

    def test_sees_the_same_files_environment_signals_and_limits_as_without(self):
        self.assertEqual(self.seen_by(RUN), self.seen_by())

    def test_sees_the_same_when_it_could_not_be_registered(self):
        nowhere = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"}
        self.assertEqual(self.seen_by(RUN, env=nowhere), self.seen_by(env=nowhere))

    def test_sleeps_end_in_time_for_a_registered_game_alone(self):
        slack = lambda *launcher, **options: int(self.execute(*launcher, "cat", "/proc/self/timerslack_ns", **options).stdout)
        nowhere = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"}
        self.assertEqual(slack(RUN), 1)
        self.assertEqual(slack(RUN, env=nowhere), slack())
        self.assertGreater(slack(), 1)

    def test_keeps_a_signal_mask_and_ignored_signals_it_was_given(self):
        def unusual():
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2, signal.SIGPIPE})
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

        seen = self.seen_by(RUN, preexec_fn=unusual)
        self.assertEqual(seen, self.seen_by(preexec_fn=unusual))
        self.assertNotEqual(seen["status"], self.seen_by()["status"], "the probe does not see signal masks")

    def test_keeps_open_files_it_was_given(self):
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        game = self.run_game("sh", "-c", f"echo kept >&{write}", pass_fds=[write])
        os.close(write)
        self.assertEqual((game.returncode, os.read(read, 100)), (0, b"kept\n"))

    def test_preload_settings_are_the_users_business(self):
        game = self.run_game("sh", "-c", 'echo "$LD_PRELOAD"', env={"LD_PRELOAD": "libc.so.6"})
        self.assertEqual((game.stdout, game.stderr), ("libc.so.6\n", ""))

    def test_works_among_other_launchers(self):
        nice = min(os.nice(0) + 3, 19)
        inside = self.run_game("env", "A=1", "nice", "-n", "3", "sh", "-c", 'echo "$A $(nice)"')
        outside = self.execute("env", "A=1", "nice", "-n", "3", RUN, "sh", "-c", 'echo "$A $(nice)"')
        assigned = self.execute("sh", "-c", f"A=1 B=2 {RUN} sh -c 'echo $A$B'")
        self.assertEqual([r.stdout for r in (inside, outside, assigned)], [f"1 {nice}\n", f"1 {nice}\n", "12\n"])
        self.assertEqual([r.stderr for r in (inside, outside, assigned)], ["", "", ""])

    def test_works_with_overlays_and_compositors_on_either_side(self):
        """Shaped as theirs: MangoHud's script becomes the game, gamescope takes options up to a "--" and stays its parent."""
        scripts = self.folder / "bin"
        scripts.mkdir()
        for name, text in (("mangohud", 'exec env MANGOHUD=1 "$@"'),
                           ("gamescope", 'while [ "$1" != -- ]; do shift; done; shift; "$@"; exit $?')):
            (scripts / name).write_text(f"#!/bin/sh\n{text}\n")
            (scripts / name).chmod(0o755)
        path = {"PATH": f"{scripts}:{self.env['PATH']}"}
        game = ["sh", "-c", 'echo "$MANGOHUD"; exit 7']
        compositor = ["gamescope", "-W", "1920", "--fps", "60", "--name", "x", "--"]
        for command, said in (([RUN, "mangohud", *game], "1\n"), (["mangohud", RUN, *game], "1\n"),
                              ([RUN, *compositor, *game], "\n"), ([*compositor, RUN, *game], "\n"),
                              ([RUN, "--fps", "90", "--", *compositor, "mangohud", *game], "1\n")):
            with self.subTest(command=command):
                before = len(self.calls("RegisterGame"))
                done = self.execute(*command, env=path)
                self.assertEqual((done.returncode, done.stdout, done.stderr), (7, said, ""))
                call, = self.calls("RegisterGame")[before:]
                # What comes after the command's name is the command's.
                self.assertEqual(call["options"].get("target-fps"), 90 if command[1] == "--fps" else None)

    def test_runs_nested_in_itself(self):
        game = self.run_game(RUN, "echo", "nested")
        self.assertEqual(game.stdout, "nested\n")
        first, second = self.calls("RegisterGame")
        self.assertEqual(first["pid"], second["pid"])


class TheService(DesktopTest):
    """Is told what the game is called."""

    def options_sent(self, *arguments, **options):
        if not self.calls():
            self.start_bus()
            self.start_service()
        game = self.run_game(*arguments, **options)
        self.assertEqual(game.stderr, "")
        return self.calls("RegisterGame")[-1]["options"]

    def test_options_go_as_they_were_given(self):
        sent = self.options_sent("--name", "Käse & Co", "--app-id=org.kde.kpat", "--fps", "144", "--", "true")
        self.assertEqual(sent, {"name": "Käse & Co", "app-id": "org.kde.kpat", "target-fps": 144})
        self.assertEqual(self.calls("RegisterGame")[-1]["types"]["target-fps"], "UInt32")

    def test_name_is_taken_from_the_command(self):
        steam = {"SteamAppId": "620"}
        for command, env, name in [
                (["true"], {}, "true"),
                (["/usr/bin/true", "a/b"], {}, "true"),
                (["nice", "true", "--", "/x/doom"], {}, "nice"),  # "--" means nothing outside Steam
                (["env", "A=1", "true"], {}, "true"),
                (["env", "-u", "B", "/bin/true"], {}, "B"),  # what options take values is the launcher's secret
                ([RUN, "--fps=30", "env", "true"], {}, "true"),
                (["env"], {}, "env"),
                (["env", "true", "AppId=620", "--", "wrap", "--", "/g/portal2_linux", "-x"], steam, "portal2_linux"),
                (["env", "true", "--", "proton", "waitforexitandrun", "/g/Elden Ring.EXE", "x.exe"], steam,
                 "Elden Ring.EXE"),
                (["env", "true", "Z:\\games\\Quake.exe"], {}, "Quake.exe"),
                (["true", "--"], steam, "true"),
                (["env", "true", "/g/" + "ä" * 40 + ".exe"], {}, "ä" * 32),  # 64 bytes
                (["env", "true", "/g/x" + "ä" * 40 + ".exe"], {}, "x" + "ä" * 31),  # cut between characters
                (["env", "true", "/g/a\nb\x1b\u202e\u2028.exe"], {}, "a?b???.exe"),
                (["env", "true", b"/g/\xff\xc0\x80\xed\xa0\x80.exe"], {}, "??????.exe"),
        ]:
            with self.subTest(command=command):
                arguments = [a if isinstance(a, str) else os.fsdecode(a) for a in command]
                self.assertEqual(self.options_sent(*arguments, env=env).get("name"), name)

    def test_app_id_is_steams_unless_given(self):
        for env, arguments, app_id in [
                ({"SteamAppId": "620", "SteamGameId": "620"}, [], "620"),
                ({"SteamAppId": "0", "SteamGameId": "15690118431"}, [], "15690118431"),  # a game added by hand
                ({"SteamGameId": "9"}, [], "9"),
                ({"SteamAppId": "", "SteamGameId": ""}, [], None),
                ({"STEAM_COMPAT_APP_ID": "1245620"}, [], "1245620"),
                ({"SteamAppId": "0", "STEAM_COMPAT_DATA_PATH": "/s/steamapps/compatdata/1245620/"}, [], "1245620"),
                ({"STEAM_COMPAT_DATA_PATH": "/games/prefixes/witcher"}, [], None),
                ({"STEAM_COMPAT_DATA_PATH": ""}, [], None),
                ({"FLATPAK_ID": "org.libretro.RetroArch"}, [], "org.libretro.RetroArch"),
                ({"FLATPAK_ID": "com.valvesoftware.Steam", "SteamAppId": "620"}, [], "620"),
                ({"SteamAppId": "620"}, ["--app-id", "mine"], "mine"),
                ({"SteamAppId": "7" * 500}, [], "7" * 128),
        ]:
            with self.subTest(env=env, arguments=arguments):
                self.assertEqual(self.options_sent(*arguments, "true", env=env).get("app-id"), app_id)


class Profiles(DesktopTest):
    def setUp(self):
        super().setUp()
        self.start_bus()

    def test_the_profile_is_sent(self):
        self.start_service()
        game = self.run_game("--profile", "competitive", "true")
        self.assertEqual((game.returncode, game.stderr), (0, ""))
        self.assertEqual(self.calls("RegisterGame")[-1]["options"]["profile"], "competitive")

    def test_without_such_a_profile_it_plays_registered_with_none(self):
        self.start_service("--no-profiles")
        game = self.run_game("--profile", "competitive", "sh", "-c", "exit 4")
        self.assertEqual(game.returncode, 4)
        self.assert_one_line(game.stderr, 'no option "profile"', "without profile 'competitive'")
        first, second = [call["options"] for call in self.calls("RegisterGame")]
        self.assertEqual((first.pop("profile"), first), ("competitive", second))


class Detached(DesktopTest):
    """--detach: the prompt is back, and the game runs."""

    def setUp(self):
        super().setUp()
        self.start_bus()
        self.service = self.start_service()
        self.seen = self.folder / "seen"

    def test_plays_on_with_nothing_between(self):
        game = self.run_game("--detach", "sh", "-c", f"echo $$ $PPID >{self.seen}.new; mv {self.seen}.new {self.seen}; "
                             "exec sleep 1000", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertEqual(game.returncode, 0)
        wait_for(self.seen.exists, "the game")
        pid = int(self.seen.read_text().split()[0])
        self.addCleanup(os.kill, pid, signal.SIGKILL)
        self.assertEqual([call["pid"] for call in self.calls("RegisterGame")], [pid])
        self.assertEqual(os.getsid(pid), pid, "a session of its own")
        parent = int(re.search(r"PPid:\t(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])
        self.assertNotIn("gamesched-run", pathlib.Path(f"/proc/{parent}/comm").read_text())
        self.assertEqual(os.listdir(f"/proc/{pid}/fd"), ["0", "1", "2"])
        self.assertEqual(os.readlink(f"/proc/{pid}/fd/0"), "/dev/null")

    def test_a_terminal_is_left_alone(self):
        ours, terminal = os.openpty()
        self.addCleanup(os.close, ours)
        game = self.run_game("--detach", "sh", "-c", f"ls -l /proc/self/fd >{self.seen}.new; mv {self.seen}.new {self.seen}",
                             stdin=terminal, stdout=terminal, stderr=terminal)
        os.close(terminal)
        self.assertEqual(game.returncode, 0)
        wait_for(self.seen.exists, "the game")
        self.assertNotIn("pts", self.seen.read_text())

    def test_a_command_that_cannot_be_run_is_told_as_ever(self):
        for command, status in (("/nonexistent/game", 127), ("/etc/passwd", 126)):
            with self.subTest(command=command):
                game = self.run_game("--detach", command)
                self.assertEqual(game.returncode, status)
                self.assert_one_line(game.stderr, f"cannot run '{command}'")

    def test_a_refusal_is_told_as_ever(self):
        self.end(self.service)
        self.start_service("--fail", "NotAuthorized")
        game = self.run_game("--detach", "true")
        self.assertEqual(game.returncode, 0)
        self.assert_one_line(game.stderr, "unregistered")


class WithoutTheService(DesktopTest):
    """The game runs all the same, and one line says why it is not registered."""

    def assert_runs(self, *words, **options):
        game = self.run_game("sh", "-c", "echo played; exit 5", **options)
        self.assertEqual((game.stdout, game.returncode), ("played\n", 5))
        self.assert_one_line(game.stderr, "unregistered", *words)

    def test_no_bus_at_all(self):
        self.assert_runs("no connection to the system bus")

    def test_nobody_listens_at_the_bus_socket(self):
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(f"{self.folder}/bus")
        self.assert_runs("no connection to the system bus", "refused")

    def test_bus_socket_is_not_ours_to_open(self):
        def become_nobody():
            if os.getuid() == 0:
                os.setgroups([])
                os.setresgid(65534, 65534, 65534)
                os.setresuid(65534, 65534, 65534)

        with socket.socket(socket.AF_UNIX) as closed:
            closed.bind(f"{self.folder}/bus")
            closed.listen()
            os.chmod(f"{self.folder}/bus", 0)
            self.folder.chmod(0o755)
            self.assert_runs("no connection to the system bus", "denied", preexec_fn=become_nobody)

    def test_bus_never_accepts(self):
        with socket.socket(socket.AF_UNIX) as silent, socket.socket(socket.AF_UNIX) as waiting:
            silent.bind(f"{self.folder}/bus")
            silent.listen(0)
            waiting.connect(f"{self.folder}/bus")  # fills the queue
            self.assert_runs()

    def test_bus_accepts_and_says_nothing(self):
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(f"{self.folder}/bus")
            silent.listen()
            self.assert_runs("did not answer")

    def test_bus_hangs_up(self):
        with socket.socket(socket.AF_UNIX) as rude:
            rude.bind(f"{self.folder}/bus")
            rude.listen()
            game = subprocess.Popen([RUN, "true"], env=self.env, stderr=subprocess.PIPE, text=True)
            rude.accept()[0].close()
            _, stderr = game.communicate(timeout=BOUND_S)
        self.assertEqual(game.returncode, 0)
        self.assert_one_line(stderr, "no connection to the system bus")

    def test_bus_speaks_nonsense(self):
        with socket.socket(socket.AF_UNIX) as rude:
            rude.bind(f"{self.folder}/bus")
            rude.listen()
            game = subprocess.Popen([RUN, "true"], env=self.env, stderr=subprocess.PIPE, text=True)
            with rude.accept()[0] as connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" * 10)
                _, stderr = game.communicate(timeout=BOUND_S)
        self.assertEqual(game.returncode, 0)
        self.assert_one_line(stderr, "no connection to the system bus")

    def test_service_not_installed(self):
        self.start_bus()
        self.assert_runs("gameschedd is not installed or not running")

    def test_service_fails_to_start(self):
        self.start_bus()
        (self.folder / "services" / "x.service").write_text(
            "[D-BUS Service]\nName=org.gamesched.Scheduler1\nExec=/bin/false\n")
        self.assert_runs()

    def test_service_never_answers(self):
        self.start_bus()
        self.start_service("--hang")
        self.assert_runs("gameschedd did not answer within")
        self.assertEqual(len(self.calls("RegisterGame")), 1)

    def test_service_ends_while_asked(self):
        self.start_bus()
        self.start_service("--vanish")
        self.assert_runs()

    def test_service_refuses_in_every_way(self):
        self.start_bus()
        for error in ERRORS:
            with self.subTest(error=error):
                service = self.start_service("--fail", error)
                self.assert_runs("The fake refuses")
                self.end(service)

    def test_service_is_started_by_the_bus_and_waited_for(self):
        self.start_bus()
        self.make_activatable()
        game = self.run_game("true")
        self.assertEqual((game.returncode, game.stderr), (0, ""))
        self.assertEqual(len(self.calls("RegisterGame")), 1)

    def test_a_message_never_takes_more_than_its_line(self):
        self.start_bus()
        self.start_service("--fail", "a.b." + "x" * 200)
        self.assert_runs()


class StandardError(DesktopTest):
    """Whatever it is, the game starts."""

    def test_closed(self):
        def close():
            os.close(2)

        game = self.run_game("sh", "-c", "ls /proc/self/fd; exit 4", stderr=None, preexec_fn=close)
        plain = self.execute("sh", "-c", "ls /proc/self/fd; exit 4", stderr=None, preexec_fn=close)
        self.assertEqual((game.returncode, game.stdout), (4, plain.stdout))

    def test_all_three_closed(self):
        seen = self.folder / "seen"

        def close():
            os.closerange(0, 3)

        self.start_bus()
        self.start_service()
        game = self.run_game("sh", "-c", f"ls /proc/self/fd >{seen}; exit 4", stdin=None, stdout=None, stderr=None,
                             preexec_fn=close)
        self.assertEqual(game.returncode, 4)
        with_run = seen.read_text()
        self.execute("sh", "-c", f"ls /proc/self/fd >{seen}", stdin=None, stdout=None, stderr=None, preexec_fn=close)
        self.assertEqual(with_run, seen.read_text())
        self.assertEqual(len(self.calls("RegisterGame")), 1)

    def test_broken_pipe(self):
        read, write = os.pipe()
        os.close(read)
        self.addCleanup(os.close, write)
        game = self.run_game("sh", "-c", "exit 4", stderr=write, restore_signals=True)
        self.assertEqual(game.returncode, 4)

    def test_full_pipe(self):
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        self.addCleanup(os.close, write)
        os.set_blocking(write, False)
        with self.assertRaises(BlockingIOError):
            while True:
                os.write(write, b"x" * 4096)
        os.set_blocking(write, True)
        self.assertEqual(self.run_game("sh", "-c", "exit 4", stderr=write).returncode, 4)


class CommandLine(DesktopTest):
    def test_command_that_is_not_there(self):
        game = self.run_game("/nonexistent/game")
        self.assertEqual(game.returncode, 127)
        self.assertIn("cannot run '/nonexistent/game' (No such file or directory)\n", game.stderr)

    def test_command_that_is_no_program(self):
        for command in ("/etc", "/etc/passwd"):
            with self.subTest(command=command):
                game = self.run_game(command)
                self.assertEqual(game.returncode, 126)
                self.assertIn(f"cannot run '{command}'", game.stderr)

    def test_script_without_interpreter_line_runs_as_with_env(self):
        script = self.folder / "script"
        script.write_text("echo script\n")
        script.chmod(0o755)
        self.assertEqual(self.run_game(script).stdout, "script\n")

    def test_wrong_usage_is_one_line_and_125(self):
        for arguments, word in [([], "no COMMAND"), (["--name", "x"], "no COMMAND"), (["--"], "no COMMAND"),
                                (["--what", "true"], "'--what'"), (["-x", "true"], "'-x'"), (["-xy", "true"], "'-x'"),
                                (["--name"], "needs a value"), (["--help=1"], "'--help=1'")]:
            with self.subTest(arguments=arguments):
                game = self.run_game(*arguments)
                self.assertEqual((game.returncode, game.stdout), (125, ""))
                self.assert_one_line(game.stderr, word)

    def test_impossible_frame_rate_keeps_no_game_from_starting(self):
        self.start_bus()
        self.start_service()
        for fps in ("0", "1001", "-1", "+60", "60.5", "60fps", "", " 60", "99999999999999999999", "\x1b\n"):
            with self.subTest(fps=fps):
                game = self.run_game("--fps", fps, "echo", "played")
                self.assertEqual(game.stdout, "played\n")
                self.assert_one_line(game.stderr, "--fps takes a number from 1 to 1000")

    def test_help_and_version(self):
        shown = self.run_game("--help")
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        self.assertIn("Usage: gamesched-run", shown.stdout)
        version = self.run_game("--version")
        self.assertRegex(version.stdout, r"^gamesched-run \d+\.\d+\.\d+\n$")

    def test_loads_nothing_beyond_libc(self):
        needed = re.findall(r"NEEDED\s+(\S+)", self.execute("objdump", "-p", RUN).stdout)
        self.assertEqual({name.split(".so")[0] for name in needed}, {"libc"})

    def test_without_libsystemd_the_game_runs(self):
        (self.folder / "libsystemd.so.0").touch()
        game = self.run_game("sh", "-c", "exit 7", env={"LD_LIBRARY_PATH": str(self.folder)})
        self.assertEqual(game.returncode, 7)
        self.assert_one_line(game.stderr, "libsystemd", "unregistered")


class ATimeOut(DesktopTest):
    def test_leaves_no_thread_or_child_behind(self):
        self.start_bus()
        self.start_service("--hang")
        game = subprocess.Popen([RUN, "sleep", "1000"], env=self.env, stderr=subprocess.DEVNULL)
        self.addCleanup(self.end, game)

        def comm():
            with open(f"/proc/{game.pid}/comm", encoding="ascii") as file:
                return file.read().strip()

        wait_for(lambda: comm() == "sleep", "the game's start")
        self.assertEqual(os.listdir(f"/proc/{game.pid}/task"), [str(game.pid)])
        # The name is sleep's before sleep's linker has closed the libraries it opens.
        wait_for(
            lambda: sorted(os.listdir(f"/proc/{game.pid}/fd")) == ["0", "1", "2"],
            "the game to have no descriptor of gamesched-run's",
        )


if __name__ == "__main__":
    unittest.main()
