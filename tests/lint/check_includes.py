#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""check_includes.py ROOT: includes of the project point one way, and are written from the root.

util <- loop <- kernel <- audio, input, games <- policy, auth <- metrics <- bus <- the daemon
bpf/policy (pure) includes bpf/policy and bpf/shared only.
"""

import re
import sys

from tree import Tree

UTIL, LOOP = {"service/util"}, {"service/util", "service/loop"}
# Folder -> folders of the project that its files may include. The longest matching folder counts.
MAY_INCLUDE = {
    "bpf/shared": {"bpf/shared", "bpf/policy", "bpf/compat.bpf.h"},
    "bpf/policy": {"bpf/policy", "bpf/shared"},
    "bpf": {"bpf"},
    "service/util": UTIL,
    "service/loop": LOOP,
    "service/kernel": {*LOOP, "service/kernel", "bpf/shared", "bpf/policy"},
    "service/games": {*LOOP, "service/games", "service/kernel"},
    "service/auth": {*LOOP, "service/auth", "service/games"},
    "service/policy": {*LOOP, "service/policy", "service/games", "service/kernel"},
    "service/audio": {*LOOP, "service/audio", "service/kernel"},
    "service/input": {*LOOP, "service/input", "service/kernel", "bpf/policy"},
    "service/metrics": {*LOOP, "service/metrics", "service/games", "service/kernel", "service/policy"},
    "service/bus": {"service", "dbus"},
    "service": {"service"},
    "desktop": {"desktop", "dbus", "service/util"},
    # It checks the configuration by the service's own code.
    "desktop/cli": {"desktop", "dbus", "service/util", "service/policy", "service/games"},
    "tests": {"bpf", "service", "desktop", "dbus", "tests"},
}
# What nobody but the named folder may include.
PRIVATE = {r"^bpf/(libbpf|bpf)\.h$": "service/kernel"}
# bpf/policy compiles in both worlds, and only this file knows which one it is in.
BASE = "bpf/policy/base.h"

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def within(name, folder):
    return name == folder or name.startswith(folder + "/")


def rule(name):
    matching = [folder for folder in MAY_INCLUDE if within(name, folder)]
    return max(matching, key=len, default=None)


def check(tree, name):
    folder, text = rule(name), tree.text(name)
    if folder is None:
        return
    for match in INCLUDE.finditer(text):
        quoted, target = match[1] == '"', match[2]
        line = text.count("\n", 0, match.start()) + 1
        for pattern, owner in PRIVATE.items():
            if re.match(pattern, target) and not within(name, owner) and not within(name, "tests"):
                tree.finding(name, line, f"only {owner} includes {target}")
        if not quoted:
            if folder == "bpf/policy" and name != BASE:
                tree.finding(name, line, f"{target}: pure code gets its types from {BASE}")
            continue
        if "/" not in target:
            # Made by the build, beside what includes it.
            if not target.endswith(("_adaptor.h", "_proxy.h", ".skel.h", "version.h")):
                tree.finding(name, line, f'"{target}" is not written from the root of the sources')
        elif not any(within(target, allowed) for allowed in MAY_INCLUDE[folder]):
            tree.finding(name, line, f"{folder} may not include {target}")


def main():
    tree = Tree(sys.argv[1])
    for name in tree.having(".h", ".c", ".cpp", ".def"):
        check(tree, name)
    tree.finish()


if __name__ == "__main__":
    main()
