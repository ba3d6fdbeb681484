# SPDX-License-Identifier: GPL-2.0-or-later
"""Unit tests of the figures: no process, no clock."""

import unittest

import figures
from figures import Costs, Figure, Totals


def block(missed=0, frames=100, frame_ns=1_000_000, wake_ns=1000, units=1000, wait_ms=1.0):
    game = {
        "frame": {"refreshes": frames + missed, "missed": missed, "work_us": 100,
                  "time": {"raw_ns": [frame_ns] * frames},
                  "wake": {"raw_ns": [wake_ns] * frames}},
        "streamers": {"units": units, "cpu_ns": units * 3000, "longest_wait_ms": wait_ms},
    }
    background = {"hogs": {"units": units, "cpu_ns": units * 4000, "longest_wait_ms": wait_ms},
                  "storm": {"children": 10, "cpu_ns": 500_000, "longest_wait_ms": 0.5}}
    return game, background


def totals(*blocks):
    result = Totals()
    for game, background in blocks:
        result.add(game, background, Costs(unit_us=2, child_us=3))
    return result


def by_name(rows):
    return {row.name: row for row in rows}


class APercentile(unittest.TestCase):
    def test_is_a_value_that_occurred(self):
        self.assertEqual(figures.percentile([30, 10, 20], 50), 20)
        self.assertEqual(figures.percentile(list(range(1, 101)), 99), 99)
        self.assertEqual(figures.percentile(list(range(1, 1001)), 99.9), 999)

    def test_of_few_samples_is_the_worst(self):
        self.assertEqual(figures.percentile([1, 2, 3], 99), 3)

    def test_of_nothing_is_nothing(self):
        self.assertIsNone(figures.percentile([], 99))


class AFigure(unittest.TestCase):
    def figure(self, value, better):
        return Figure("X-1", "x", value, "ratio", "7.3", 0.5, better)

    def test_is_met_on_the_better_side_of_its_target(self):
        self.assertTrue(self.figure(0.5, "lower").met())
        self.assertFalse(self.figure(0.51, "lower").met())
        self.assertTrue(self.figure(0.5, "higher").met())
        self.assertFalse(self.figure(0.49, "higher").met())

    def test_without_a_value_is_not_met(self):
        self.assertFalse(self.figure(None, "lower").met())

    def test_without_a_target_is_neither(self):
        self.assertIsNone(Figure("X-1", "x", 1, "ms", "7.3").met())


class TotalsOfBlocks(unittest.TestCase):
    def test_add_work_and_keep_the_longest_wait(self):
        sum_ = totals(block(wait_ms=1), block(wait_ms=7, units=500))
        self.assertEqual(sum_.background_us, (1000 + 500) * 2 + 20 * 3)
        self.assertEqual(sum_.longest_wait_ms, 7)
        self.assertEqual(sum_.streamed_us, 1500 * 2)
        self.assertEqual(sum_.background_cpu_ms, 1.5 * 4 + 2 * 0.5)
        self.assertEqual(sum_.streamed_cpu_ms, 1.5 * 3)

    def test_pool_samples_instead_of_averaging_percentiles(self):
        sum_ = totals(block(wake_ns=1), *[block(wake_ns=9)] * 3)
        self.assertEqual(figures.percentile(sum_.wake_ns, 25), 1)
        self.assertEqual(figures.percentile(sum_.wake_ns, 26), 9)

    def test_share_of_missed_frames_is_of_all_refreshes(self):
        self.assertEqual(totals(block(missed=25, frames=75)).missed_share(), 0.25)


class FramesFigures(unittest.TestCase):
    def rows(self, default, ours):
        return by_name(figures.frames_figures(
            "60 Hz", {"default": totals(default), "ours": totals(ours)}, "7.3"))

    def test_compare_with_the_default_where_it_misses_many(self):
        rows = self.rows(block(missed=50, frames=50), block(missed=1, frames=99))
        row = rows["missed frames, 60 Hz, ours / default"]
        self.assertAlmostEqual(row.value, 0.02)
        self.assertTrue(row.met())
        self.assertFalse(rows["missed frames, 60 Hz, ours"].met())

    def test_do_not_where_it_misses_few(self):
        rows = self.rows(block(missed=1), block())
        self.assertNotIn("missed frames, 60 Hz, ours / default", rows)

    def test_hold_ours_alone_to_the_target(self):
        rows = self.rows(block(wait_ms=400), block(wait_ms=300))
        self.assertIsNone(rows["longest background wait, 60 Hz, default"].met())
        self.assertFalse(rows["longest background wait, 60 Hz, ours"].met())

    def test_want_the_background_to_get_its_work_done(self):
        rows = self.rows(block(units=1000), block(units=900))
        self.assertFalse(rows["background work, 60 Hz, ours / default"].met())


class WorkFigures(unittest.TestCase):
    def rows(self, default, ours):
        rivals = {"default": totals(default), "rr": totals(block(units=800)), "ours": totals(ours)}
        return by_name(figures.work_figures("144 Hz", rivals, "7.3"))

    def test_are_held_to_the_default_where_it_draws_the_frames(self):
        rows = self.rows(block(missed=5, frames=95), block(units=900))
        for what in ("background", "streaming"):
            self.assertIs(rows[f"{what} CPU time, 144 Hz, ours / default"].met(), False)
        self.assertIs(rows["background and streaming work, 144 Hz, ours / default"].met(), False)

    def test_are_held_to_real_time_where_the_default_misses_many(self):
        rows = self.rows(block(missed=50, frames=50), block(units=900))
        for what in ("background and streaming work", "background, streaming and game work"):
            self.assertIsNone(rows[f"{what}, 144 Hz, ours / default"].met())
        self.assertEqual(rows["streaming work, 144 Hz, ours"].value, 1.8)
        for rival in ("default", "rr"):
            self.assertIsNone(rows[f"streaming CPU time, 144 Hz, ours / {rival}"].met())
        self.assertTrue(rows["background and streaming work, 144 Hz, ours / rr"].met())
        rows = self.rows(block(missed=50, frames=50), block(units=700))
        self.assertIs(rows["background and streaming work, 144 Hz, ours / rr"].met(), False)


class LanesFigures(unittest.TestCase):
    def of(self, us, compositor_us):
        game, background = block(wake_ns=us * 1000)
        result = Totals()
        result.add(game, background, Costs(2, 3), {"wake": {"raw_ns": [compositor_us * 1000] * 100}, "flip": {"raw_ns": [compositor_us * 2000] * 100}})
        return result

    def test_tell_the_compositors_from_the_games(self):
        rivals = {"default": self.of(4000, 1000), "ours": self.of(200, 51)}
        rows = by_name(figures.lanes_figures("load", rivals, "7.3", idle=False))
        self.assertTrue(rows["wake-to-run p99, GPU, load, ours / default"].met())
        self.assertFalse(rows["wake-to-run p99, compositor, load, ours / default"].met())


class CrowdFigures(unittest.TestCase):
    def rows(self, **ours):
        rivals = {"default": totals(block(missed=20)), "rr": totals(block()), "ours": totals(block(**ours))}
        return by_name(figures.crowd_figures("load", rivals, "7.3"))

    def test_hold_the_frame_to_real_time(self):
        self.assertTrue(self.rows(wake_ns=1500)["wake-to-run p99, frame, load, ours / rr"].met())
        self.assertFalse(self.rows(wake_ns=1501)["wake-to-run p99, frame, load, ours / rr"].met())

    def test_want_the_workers_to_get_their_time(self):
        for rival in ("default", "rr"):
            self.assertTrue(self.rows(units=950)[f"the workers' CPU time, load, ours / {rival}"].met())
            self.assertFalse(self.rows(units=949)[f"the workers' CPU time, load, ours / {rival}"].met())


class JobsFigures(unittest.TestCase):
    def test_allow_a_whole_game_one_frame_in_a_thousand(self):
        for missed, met in ((1, True), (2, False)):
            rows = by_name(figures.jobs_figures("load", {"ours": totals(block(missed=missed, frames=1000 - missed))}, "7.3"))
            self.assertIs(rows["missed frames, load, ours"].met(), met)


class ClicksFigures(unittest.TestCase):
    def rows(self, rivals, **input_us):
        def of(us):
            game, background = block()
            return totals(({**game, "input": {"latency": {"raw_ns": [us * 1000] * 100}}}, background))

        return by_name(figures.clicks_figures("load", {name: of(us) for name, us in input_us.items()}, "7.3", rivals))

    def test_on_a_loaded_machine_are_held_to_the_default_and_to_real_time(self):
        what = "input event to game thread p99, load, ours"
        rows = self.rows(("default", "rr"), default=3000, rr=100, ours=140)
        self.assertTrue(rows[what + " / default"].met() and rows[what + " / rr"].met())
        self.assertIsNone(rows[what].met())
        rows = self.rows(("default", "rr"), default=3000, rr=100, ours=201)
        self.assertFalse(rows[what + " / default"].met() or rows[what + " / rr"].met())

    def test_on_an_idle_one_to_a_time(self):
        what = "input event to game thread p99, load, ours"
        self.assertTrue(self.rows((), default=50, ours=200)[what].met())
        rows = self.rows((), default=50, ours=201)
        self.assertFalse(rows[what].met())
        self.assertIsNone(rows["input event to game thread p99, load, default"].met())
        self.assertEqual(len(rows), 2)


class XrunFigures(unittest.TestCase):
    def test_hold_ours_to_none(self):
        rows = by_name(figures.xrun_figures("xruns", {"default": 900, "rr": 0, "ours": 1}, "7.3"))
        self.assertFalse(rows["xruns, ours"].met())
        self.assertEqual(len(rows), 3)

    def test_where_real_time_has_some_too_hold_ours_to_as_many(self):
        rows = by_name(figures.xrun_figures("xruns", {"default": 900, "rr": 10, "ours": 9}, "7.3"))
        self.assertFalse(rows["xruns, ours"].met(), "none is wanted all the same")
        self.assertTrue(rows["xruns, ours / rr"].met())


class ATable(unittest.TestCase):
    def test_aligns_numbers_to_the_right(self):
        self.assertEqual(figures.table(["a", "n"], [["xyz", "1"], ["x", "100"]]),
                         "a      n\n---  ---\nxyz    1\nx    100")

    def test_shows_three_digits(self):
        shown = [figures.shown(v) for v in (None, 0, 3, 1234.5, 12.345, 0.066666, 0.9996)]
        self.assertEqual(shown, ["-", "0", "3", "1234", "12.3", "0.0667", "1.000"])


if __name__ == "__main__":
    unittest.main()
