#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Completions, in the shells themselves: what they offer is what --help knows."""

import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import unittest

from harness import CTL, RUN, DesktopTest, wait_for
from tray import TRAY

DATA = pathlib.Path(__file__).resolve().parents[2] / "desktop/data"
PROGRAMS = {"gameschedctl": CTL, "gamesched-run": RUN, "gamesched-tray": TRAY}


class Completions(DesktopTest):
    def setUp(self):
        super().setUp()
        # By name, as a user types them.
        programs = self.folder / "bin"
        programs.mkdir()
        for name, program in PROGRAMS.items():
            (programs / name).symlink_to(program)
        self.env |= {"PATH": f"{programs}:{self.env['PATH']}", "HOME": str(self.folder), "USER": "nobody", "TERM": "xterm"}

    def help_of(self, *command):
        shown = self.execute(PROGRAMS[command[0]], *command[1:], "--help").stdout
        options = {f"--{word}" for word in re.findall(r"^\s+(?:-\w,\s*)?--([a-z-]+)", shown, re.MULTILINE)}
        below = shown.partition("Subcommands:")[2]
        return options, set(re.findall(r"^  ([a-z-]+) ", below, re.MULTILINE))

    def check(self, offered):
        """`offered`: what is offered after a line that somebody typed."""
        _, commands = self.help_of("gameschedctl")
        self.assertIn("top", commands)
        self.assertLessEqual(commands, offered("gameschedctl "))
        self.assertIn("status", offered("gameschedctl st"))
        self.assertNotIn("games", offered("gameschedctl st"))
        for command in sorted(commands):
            options, nested = self.help_of("gameschedctl", command)
            if nested:
                self.assertLessEqual(nested, offered(f"gameschedctl {command} "))
            self.assertLessEqual(options, offered(f"gameschedctl {command} --"), command)
        for program in ("gamesched-run", "gamesched-tray"):
            self.assertLessEqual(self.help_of(program)[0], offered(f"{program} --"), program)
        # Programs come after the options of gamesched-run.
        self.assertIn("gameschedctl", offered("gamesched-run gameschedc"))

    @unittest.skipUnless(shutil.which("bash"), "bash is not installed")
    def test_bash(self):
        script = """. "$1/$2.bash"; shift 2
COMP_LINE=$1; COMP_POINT=${#1}
read -ra COMP_WORDS <<<"$1"; if [[ $1 = *' ' ]]; then COMP_WORDS+=(""); fi
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
spec=$(complete -p "${COMP_WORDS[0]}"); function=${spec#*-F }
"${function%% *}" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}\""""

        def offered(line):
            done = self.execute("bash", "--norc", "-c", script, "bash", DATA, line.split()[0], line)
            self.assertEqual(done.stderr, "", line)
            return {word.strip() for word in done.stdout.splitlines()}

        self.check(offered)

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish(self):
        def offered(line):
            script = f"source {DATA}/{line.split()[0]}.fish; complete -C '{line}'"
            done = self.execute("fish", "--no-config", "-c", script)
            self.assertEqual((done.returncode, done.stderr), (0, ""), line)
            return {word.split("\t")[0] for word in done.stdout.splitlines()}

        self.check(offered)

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_zsh(self):
        """It has no way to ask: a terminal, a line, and Ctrl-D for the list."""
        ours, theirs = pty.openpty()
        (self.folder / "site-functions").mkdir()
        for program in PROGRAMS:
            shutil.copy(DATA / f"_{program}", self.folder / "site-functions")
        setup = (f"PS1='ready> '; PS2=; fpath=({self.folder}/site-functions $fpath); autoload -Uz compinit; compinit -u -D; "
                 "LISTMAX=100000; unsetopt LIST_PACKED ALWAYS_LAST_PROMPT LIST_TYPES PROMPT_SP; zstyle ':completion:*' list-separator '#'; bindkey -e; "
                 "echo set up")
        shell = subprocess.Popen(["zsh", "-f", "-i"], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
                                 env={**self.env, "COLUMNS": "400", "LINES": "400"})
        os.close(theirs)
        self.addCleanup(os.close, ours)
        self.addCleanup(self.end, shell)
        seen = ""

        def read():
            nonlocal seen
            while select.select([ours], [], [], 0)[0]:
                seen += os.read(ours, 65536).decode()
            return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r", "", seen)

        os.write(ours, f"stty -echo cols 400 rows 400; {setup}\n".encode())
        wait_for(lambda: read().count("set up\n") >= 1 and read().endswith("ready> "), "zsh")

        def offered(line):
            nonlocal seen
            seen = ""
            os.write(ours, line.encode() + b"\x04")
            wait_for(lambda: "\a" in read() or read().count(line.strip()) >= 2 and read().rstrip().endswith(line.strip()),
                     "the list and the line again below it, or the bell where one word alone fits")
            words = {word for row in read().splitlines()[1:] for word in row.partition("#")[0].split()}
            if "\a" in read():
                os.write(ours, b"\t")
                wait_for(lambda: read().endswith(" "), "that word")
                words = {line.split()[-1] + read().partition("\a")[2].strip()}
            seen = ""
            os.write(ours, b"\x15\n")
            wait_for(lambda: read().endswith("ready> "), "the prompt")
            return words

        self.check(offered)


if __name__ == "__main__":
    unittest.main()
