# SPDX-License-Identifier: GPL-2.0-or-later
"""Games come and go without end: what one costs is given back. On the fake kernel, at full speed.

GAMESCHED_PAIRS says how often (./dev bench makes a million of it), GAMESCHED_FIGURES where the figures go.
"""

import json
import os
import pathlib
import subprocess
import time
import unittest

from harness import BusTest, wait_for

CLIENT = os.environ.get("GAMESCHED_REGISTRATIONS", "registrations")
PAIRS = int(os.environ.get("GAMESCHED_PAIRS", "10000"))
# The allocator's arenas and the containers' tables grow until they have seen what is usual: some 70 KiB over the first
# 20,000 pairs, next to nothing in the 30,000 after those.
WARM_UP = 20000
MEMORY_LIMIT_KIB = 64


class Registrations(BusTest):
    def setUp(self):
        super().setUp()
        # Two lines a pair are not what is measured.
        self.stop_daemon()
        self.log = open(os.devnull, "w", encoding="utf-8")
        self.addCleanup(self.log.close)
        self.start_daemon()

    def usage(self):
        """What the daemon has in memory (KiB, exact, unlike RSS), descriptors, games that the kernel knows."""
        rollup = (self.proc / "smaps_rollup").read_text().splitlines()
        anonymous = next(int(line.split()[1]) for line in rollup if line.startswith("Anonymous:"))
        return anonymous, len(list((self.proc / "fd").iterdir())), len(self.kernel_games())

    def register_and_unregister(self, pairs):
        begin = time.monotonic()
        subprocess.run([CLIENT, self.address, str(pairs)], check=True)
        return time.monotonic() - begin

    def recorded(self):
        record = self.folder / "run" / "games.json"
        return record.exists() and json.loads(record.read_text())["games"]

    def test_BUS5_registering_and_unregistering_leaves_nothing(self):
        self.proc = pathlib.Path(f"/proc/{self.daemon.pid}")
        self.register_and_unregister(WARM_UP)
        wait_for(lambda: self.recorded() == [], "an empty record")
        before = self.usage()
        took_s = self.register_and_unregister(PAIRS)
        wait_for(lambda: self.recorded() == [], "an empty record")
        after = self.usage()
        grown = [now - then for now, then in zip(after, before)]
        if "GAMESCHED_FIGURES" in os.environ:
            self.write_figures(took_s, *grown)
        self.assertLessEqual(grown[0], MEMORY_LIMIT_KIB, "KiB of memory")
        self.assertEqual(grown[1:], [0, 0], "descriptors, games in the kernel")
        self.assertEqual(self.root.objects(), {})

    @staticmethod
    def write_figures(took_s, memory, descriptors, games):
        def row(name, value, unit, target=None):
            return {"id": "BUS-5", "name": name, "value": value, "unit": unit, "kernel": "build host", "target": target,
                    "better": "lower"}

        what = f"after {PAIRS:,} pairs of RegisterGame and UnregisterGame"
        pathlib.Path(os.environ["GAMESCHED_FIGURES"]).write_text(json.dumps({"figures": [
            row(f"memory, grown {what}", memory, "KiB", MEMORY_LIMIT_KIB),
            row(f"descriptors, more {what}", descriptors, "count", 0),
            row(f"games in the kernel {what}", games, "count", 0),
            row("RegisterGame and UnregisterGame, a pair", took_s / PAIRS * 1e6, "us")]}))


if __name__ == "__main__":
    unittest.main()
