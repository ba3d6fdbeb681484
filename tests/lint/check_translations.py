#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""check_translations.py ROOT: each language has all texts, and formats them as the program does; exits 77 without gettext."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from tree import Tree

SKIPPED = 77
FOLDER = "desktop/po"


def run(tree, name, *command):
    # What to take out of polkit's files, gettext does not know by itself.
    done = subprocess.run([str(word) for word in command], cwd=tree.root, capture_output=True, text=True, check=False,
                          env={**os.environ, "GETTEXTDATADIRS": str(tree.root / "polkit")})
    if done.returncode:
        tree.finding(name, 1, f"{command[0]}: {done.stderr.strip()}")
    return done.returncode == 0


def entries(tree, name):
    return [line for line in tree.text(f"{FOLDER}/{name}").splitlines() if line and not line.startswith("#")]


def main():
    tree = Tree(sys.argv[1])
    if not shutil.which("xgettext"):
        print("gettext is not installed")
        sys.exit(SKIPPED)
    keywords = re.findall(r"'(--keyword=[^']+)'", tree.text(f"{FOLDER}/meson.build"))
    with tempfile.TemporaryDirectory() as folder:
        template = pathlib.Path(folder, "template.pot")
        if not run(tree, f"{FOLDER}/POTFILES", "xgettext", "--from-code=UTF-8", *keywords, "-o", template, *entries(tree, "POTFILES")):
            tree.finish()
        for language in entries(tree, "LINGUAS"):
            name = f"{FOLDER}/{language}.po"
            run(tree, name, "msgfmt", "--check", "-o", "/dev/null", name)
            run(tree, name, "msgcmp", name, template)
    tree.finish()


if __name__ == "__main__":
    main()
