#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""check_tools.py ROOT TOOL: what well-known tools say about our files; exits 77 (skipped) where a tool is missing.

  clang-format   the C++ and C sources are formatted
  shellcheck     the shell scripts
  xmllint        the XML is well-formed
  man            the manual pages have no error
"""

import re
import shutil
import subprocess
import sys

from tree import Tree

SKIPPED = 77


def tool(*names):
    for name in names:
        if path := shutil.which(name):
            return path
    print(f"{names[0]} is not installed")
    sys.exit(SKIPPED)


def run(tree, command, names):
    if not names:
        sys.exit(f"nothing for {command[0]} to check")
    status = subprocess.run([*command, *names], cwd=tree.root, check=False).returncode
    sys.exit(1 if status else 0)


def clang_format(tree):
    run(tree, [tool("clang-format-19"), "--dry-run", "-Werror"], tree.having(".cpp", ".h", ".c"))


def shell_scripts(tree):
    for name in tree.files:
        first = tree.text(name)[:200].splitlines()[:1]
        if name.endswith((".sh", ".bash", "PKGBUILD")) or (first and re.match(r"#!.*\b(ba|da)?sh\b", first[0])):
            yield name


def shellcheck(tree):
    run(tree, [tool("shellcheck"), "--external-sources", "--severity=warning"], list(shell_scripts(tree)))


def xmllint(tree):
    # Without the document types: they lie on the network.
    names = tree.having(".xml", ".policy") + [name for name in tree.having(".conf") if name.startswith("dbus/")]
    run(tree, [tool("xmllint"), "--nonet", "--noout"], names)


def man(tree):
    scdoc = tool("scdoc")
    for name in tree.having(".scd"):
        done = subprocess.run([scdoc], input=tree.text(name), capture_output=True, text=True, check=False)
        if done.returncode:
            tree.finding(name, 1, done.stderr.strip())
    tree.finish()


TOOLS = {"clang-format": clang_format, "shellcheck": shellcheck, "xmllint": xmllint, "man": man}

if __name__ == "__main__":
    TOOLS[sys.argv[2]](Tree(sys.argv[1]))
