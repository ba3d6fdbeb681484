#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""check_dev.py ROOT: every command of ./dev shows its own help, taken from that of all, and sets nothing up for it."""

import os
import pathlib
import subprocess
import sys
import tempfile

from tree import Tree


def main(tree):
    with tempfile.TemporaryDirectory() as scratch:
        made, tools = pathlib.Path(scratch) / "made", pathlib.Path(scratch) / "tools"
        tools.mkdir()
        for name in ("mmdebstrap", "unshare", "apt-get"):  # one that does set up gets no further
            (tools / name).write_text("#!/bin/sh\nexit 1\n")
            (tools / name).chmod(0o755)

        def dev(*argv):
            done = subprocess.run(["bash", str(tree.root / "dev"), *argv], capture_output=True, text=True, check=False,
                                  env={"PATH": f"{tools}:{os.environ['PATH']}", "GAMESCHED_DEV_DIR": str(made)})
            if done.returncode or done.stderr or made.exists():
                tree.finding("dev", 1, f"{argv}: exit status {done.returncode}, {done.stderr!r}" +
                             (", and something is set up" if made.exists() else ""))
            return done.stdout

        everything = dev("--help")
        commands = sorted(path.stem.removeprefix("cmd-") for path in (tree.root / "packaging/dev").glob("cmd-*.sh"))
        for command in commands:
            for option in ("-h", "--help"):
                shown = dev(command, option)
                if not shown.startswith(f"Usage: ./dev {command}") or shown.removeprefix("Usage: ./dev ") not in everything:
                    tree.finding("dev", 1, f"{command} {option} shows {shown!r}")
                if any(f"  {other} " in shown for other in commands if other != command):
                    tree.finding("dev", 1, f"{command} {option} shows other commands: {shown!r}")
    tree.finish()


if __name__ == "__main__":
    main(Tree(sys.argv[1]))
