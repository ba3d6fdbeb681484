#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The bench of the user's programs, for a moment: none is lost, and memory is bounded. How fast it was is the bench's to judge."""

import unittest

import bench

SECONDS = 3


class Bench(unittest.TestCase):
    def test_no_registration_is_lost_and_memory_is_bounded(self):
        rows = {name: (value, target) for _, name, value, _, target, _ in bench.measure(SECONDS)}
        [lost] = [value for name, (value, _) in rows.items() if "lost" in name]
        self.assertEqual(lost, 0)
        memory = {name: value for name, (value, _) in rows.items() if "memory" in name}
        self.assertEqual(len(memory), 2)
        for name, mib in memory.items():
            self.assertLessEqual(mib, bench.MAX_MIB, name)


if __name__ == "__main__":
    unittest.main()
