# SPDX-License-Identifier: GPL-2.0-or-later
"""Unit tests of the picture and of the sparkline: well-formed, every frame drawn, late ones as late."""

import unittest
import xml.etree.ElementTree as xml

import live
import picture
from picture import Frames, Strip

SVG = "{http://www.w3.org/2000/svg}"
PERIOD_NS = 10_000_000


def drawn(took_ms):
    frames = Frames([i * PERIOD_NS for i in range(len(took_ms))], [int(t * 1e6) for t in took_ms])
    text = picture.draw("a < b", "sub & title", [Strip("one", 2, "note", [frames])], PERIOD_NS, 2)
    root = xml.fromstring(text)
    # The legend shows one of each.
    return {css: sum(path.get("d").count("M") for path in root.iter(SVG + "path")
                     if path.get("class") == css) - 1 for css in ("frames", "late", "over")}


class APicture(unittest.TestCase):
    def test_shows_every_frame_once(self):
        self.assertEqual(drawn([1, 2, 3]), {"frames": 3, "late": 0, "over": 0})

    def test_tells_late_frames_and_those_beyond_the_scale(self):
        self.assertEqual(drawn([1, 10, 10.1, 29, 31]), {"frames": 2, "late": 2, "over": 1})

    def test_of_nothing_is_a_picture(self):
        self.assertEqual(drawn([]), {"frames": 0, "late": 0, "over": 0})

    def test_stays_inside_its_frame(self):
        scale = picture.Scale(per_second=100, top_ms=30, bottom_y=200)
        self.assertEqual(scale.y(0), 200)
        self.assertEqual(scale.y(1000), 200 - picture.STRIP)


class ASparkline(unittest.TestCase):
    def test_tells_nothing_from_a_little(self):
        self.assertEqual(live.sparkline([0, 0.01, 1]), "▁▂█")

    def test_keeps_the_latest(self):
        self.assertEqual(len(live.sparkline([0] * 1000)), live.MOST_BARS)


if __name__ == "__main__":
    unittest.main()
