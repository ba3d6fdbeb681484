#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sandboxed_game.py COMMAND...: becomes COMMAND where Flatpak would put it: process ids of its own, /.flatpak-info, and
what the desktop portal wants to know of the instance."""

import os
import pathlib
import sys
import tempfile


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sandbox-"))
    info = folder / "flatpak-info"
    info.write_text("[Application]\nname=org.example.Game\n[Instance]\ninstance-id=1\n")
    instance = pathlib.Path(os.environ["XDG_RUNTIME_DIR"], ".flatpak/1")
    instance.mkdir(parents=True, exist_ok=True)
    ids = os.open(instance / "bwrapinfo.json", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.set_inheritable(ids, True)
    # A root of its own: bwrap makes what it mounts on.
    root = []
    for entry in pathlib.Path("/").iterdir():
        root += ["--symlink", os.readlink(entry), entry] if entry.is_symlink() else ["--dev-bind", entry, entry]
    wait = f'until test -s {instance}/bwrapinfo.json; do :; done; exec "$@"'
    # Sessions at a seat are given CAP_WAKE_ALARM, and bwrap wants none.
    command = ["setpriv", "--inh-caps=-all", "--ambient-caps=-all", "bwrap", *root, "--die-with-parent", "--unshare-pid", "--proc", "/proc", "--ro-bind", info, "/.flatpak-info",
               "--info-fd", ids, "sh", "-c", wait, "sh", *sys.argv[1:]]
    os.execvp("setpriv", [str(word) for word in command])


if __name__ == "__main__":
    main()
