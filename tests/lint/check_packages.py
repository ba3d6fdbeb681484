#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""check_packages.py ROOT BUILD: the RPM's list of files is what is installed, and packages need what the build asks for."""

import fnmatch
import json
import re
import subprocess
import sys

from tree import Tree

SPEC = "packaging/rpm/gamesched.spec"
MACROS = {"_bindir": "/usr/bin", "_libexecdir": "/usr/libexec", "_prefix": "/usr", "_unitdir": "/usr/lib/systemd/system",
          "_sysusersdir": "/usr/lib/sysusers.d", "_sysconfdir": "/etc", "_datadir": "/usr/share", "_mandir": "/usr/share/man"}
# Of a build for tests, of GameMode's own package there, or listed by %find_lang.
NOT_LISTED = ("/usr/libexec/gamesched-tests/*", "/usr/share/dbus-1/services/*", "/usr/share/locale/*")


def listed(tree):
    files = tree.text(SPEC).split("\n%files", 1)[1].split("\n%changelog", 1)[0]
    for line in files.splitlines()[1:]:
        word = re.sub(r"^%config\(noreplace\) ", "", line.strip())
        if not word or word.startswith(("%license", "%doc")):
            continue
        pattern = re.sub(r"%\{(\w+)\}", lambda macro: MACROS[macro[1]], word)
        yield pattern + "*" if pattern.endswith("/") else pattern


def main():
    tree = Tree(sys.argv[1])
    shown = subprocess.run(["meson", "introspect", sys.argv[2], "--installed"], capture_output=True, text=True, check=True)
    installed = set(json.loads(shown.stdout).values())
    patterns = list(listed(tree))
    for path in sorted(installed):
        if not any(fnmatch.fnmatch(path, pattern) for pattern in (*patterns, *NOT_LISTED)):
            tree.finding(SPEC, 1, f"{path} is installed and not listed")
    for pattern in patterns:
        if not fnmatch.filter(installed, pattern):
            tree.finding(SPEC, 1, f"nothing is installed as {pattern}")
    # Debian's tools build the package in ./dev's sandbox; the others have only this.
    needs = set(re.findall(r"dependency\('([\w+.-]+)'", "".join(tree.text(name) for name in tree.having("meson.build")
                                                               if not name.startswith("tests/"))))
    required = tree.text(SPEC)
    for name in sorted(needs):
        if not re.search(rf"(?:pkgconfig|cmake)\({re.escape(name)}\)", required):
            tree.finding(SPEC, 1, f"the build asks for {name}, and no BuildRequires names it")
    tree.finish()


if __name__ == "__main__":
    main()
