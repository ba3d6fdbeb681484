# SPDX-License-Identifier: GPL-2.0-or-later
"""The files of the tree that a check looks at, and how a check reports.

Taken from git where the sources are a checkout, from the disk where they are an archive.
"""

import os
import pathlib
import subprocess
import sys

IGNORED = {".git", ".dev", "build", "debian", "__pycache__"}


class Tree:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.files = sorted(self.list_files())
        self.findings = []

    def list_files(self):
        # The sources may belong to another user than the one who checks them.
        git = ["git", "-c", f"safe.directory={self.root}", "-C", str(self.root)]
        try:
            listed = subprocess.run([*git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                                    capture_output=True, check=True).stdout.decode().split("\0")
            return {name for name in listed if name and (self.root / name).is_file()}
        except (OSError, subprocess.CalledProcessError):
            return set(self.walk())

    def walk(self):
        for folder, subfolders, names in os.walk(self.root):
            subfolders[:] = [name for name in subfolders if name not in IGNORED]
            for name in sorted(set(names) - IGNORED):  # in a worktree .git is a file
                yield str((pathlib.Path(folder) / name).relative_to(self.root))

    def having(self, *suffixes):
        return [name for name in self.files if name.endswith(suffixes)]

    def text(self, name):
        try:
            return (self.root / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            return ""  # an image

    def finding(self, name, line, what):
        self.findings.append(f"{name}:{line}: {what}")

    def finish(self):
        if not self.files:
            sys.exit("no source files found")
        for finding in self.findings:
            print(finding)
        sys.exit(1 if self.findings else 0)
