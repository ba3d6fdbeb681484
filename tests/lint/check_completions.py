#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""check_completions.py ROOT GAMESCHED_RUN GAMESCHEDCTL GAMESCHED_TRAY: completions and manual pages know what --help knows."""

import re
import subprocess
import sys

from tree import Tree


def words_of(command):
    shown = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True).stdout
    options = set(re.findall(r"^\s+(?:-\w,\s*)?--([a-z-]+)", shown, re.MULTILINE))
    commands = set()
    if "Subcommands:" in shown:
        commands = set(re.findall(r"^  ([a-z-]+) ", shown.split("Subcommands:")[1], re.MULTILINE))
    return options, commands


def main():
    root, run, ctl, tray = sys.argv[1:]
    tree = Tree(root)
    run_options, _ = words_of([run])
    tray_options, _ = words_of([tray])
    ctl_options, ctl_commands = words_of([ctl])
    for command in sorted(ctl_commands):
        options, nested = words_of([ctl, command])
        ctl_options |= options
        for each in nested:
            ctl_options |= words_of([ctl, command, each])[0]
        ctl_commands |= nested
    if not {"name", "fps"} <= run_options or "locale-dir" not in tray_options or not {"status", "on"} <= ctl_commands or "json" not in ctl_options:
        sys.exit("cannot read --help")

    for program, words in (("gamesched-run", run_options), ("gamesched-tray", tray_options),
                           ("gameschedctl", ctl_options | ctl_commands)):
        for name in (f"desktop/data/{program}.bash", f"desktop/data/_{program}", f"desktop/data/{program}.fish",
                     f"packaging/man/{program}.1.scd"):
            text = tree.text(name)
            for word in sorted(words):
                if not re.search(rf"(?<![\w]){re.escape(word)}(?![\w])", text):
                    tree.finding(name, 1, f"{program}'s {word} is missing")
    tree.finish()


if __name__ == "__main__":
    main()
