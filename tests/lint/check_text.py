#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""check_text.py ROOT: licence lines, words that do not belong here, files grown too long."""

import re
import sys

from tree import Tree

CODE = (".h", ".c", ".cpp", ".py", ".sh", ".def")
LICENSED = (*CODE, ".xml", ".conf", ".policy", ".in", ".toml", ".scd", ".spec", ".bash", ".fish", ".service",
            "meson.build", "meson.options", "PKGBUILD")
# The text of a licence, formats without comments, and what tools read literally.
UNLICENSED = {"LICENSE", ".gitignore", "packaging/deb/changelog", "packaging/deb/copyright",
              "packaging/deb/source/format"}
LICENCE_LINES = 6  # XML has its declaration and its document type first

# Split, so that this file does not find itself.
FORBIDDEN = {
    r"(?<![\w.])/(?:home|work|farm)/(?!\*)\w": "a path of somebody's machine",
    r"/tmp/bash[_]jobs": "a path of somebody's machine",
    r"\bdeb\.debian\.org|\b[\w.-]*mirror[\w-]*\.(?:org|com|net)\b|\barchive\.ubuntu\.com\b": "a package mirror: "
    "take what the host is set up for",
    # With the pid it takes the process's begin, which does not close the race; a pidfd takes none.
    r"\"start" + r"-time\"": "polkit subjects are named by bus name or pidfd: a pid can be reused (CVE-2013-4288)",
}
# They look for the words themselves; processes as they are seen run in home folders.
EXCEPTIONS = {"tests/lint/check_text.py", "dbus/check_interface.py", "tests/fixtures/processes.json"}

WARN_LINES, MAX_LINES = 400, 500


def is_script(tree, name):
    return tree.text(name).startswith("#!")


def check_licence(tree, name):
    if name in UNLICENSED or not (name.endswith(LICENSED) or is_script(tree, name)):
        return
    head = tree.text(name).splitlines()[:LICENCE_LINES]
    if not any("SPDX-License-Identifier: GPL-2.0" in line for line in head):
        tree.finding(name, 1, "no SPDX-License-Identifier")


def check_words(tree, name):
    if name in EXCEPTIONS:
        return
    for number, line in enumerate(tree.text(name).splitlines(), 1):
        for pattern, what in FORBIDDEN.items():
            if re.search(pattern, line):
                tree.finding(name, number, what)


def check_length(tree, name):
    if not (name.endswith(CODE) or is_script(tree, name)):
        return
    lines = tree.text(name).count("\n")
    if lines > MAX_LINES:
        tree.finding(name, lines, f"{lines} lines, more than {MAX_LINES}: is it one room, or several?")
    elif lines > WARN_LINES:
        print(f"warning: {name}: {lines} lines, more than {WARN_LINES}", file=sys.stderr)


def main():
    tree = Tree(sys.argv[1])
    for name in tree.files:
        check_licence(tree, name)
        check_words(tree, name)
        check_length(tree, name)
    tree.finish()


if __name__ == "__main__":
    main()
