"""The headline ratio on curves that cross where we put them."""

import math

import numpy as np
import pytest
from made_up import made_up_cell

from plait.experiments import headline_ratio
from plait.experiments.ratio import accuracy_crossing


def curve(pattern, points, *, n_seeds=6, noise=0.0):
    chance = np.random.default_rng(len(pattern))
    return [
        made_up_cell(
            [np.clip(mean + noise * chance.standard_normal(n_seeds), 0, 1)],
            pattern=pattern,
            parameters=parameters,
        )
        for parameters, mean in points
    ]


HYBRID = curve("SSM-TF", [(1_000, 0.0), (2_000, 1.0)])


class TestCrossing:
    def test_between_widths_linear_in_log_parameters(self):
        found = accuracy_crossing((1_000, 4_000), np.array([0.4, 0.8]), 0.6)
        assert found.low == found.high == pytest.approx(2_000)

    def test_at_a_width(self):
        assert accuracy_crossing((1_000, 4_000), np.array([0.4, 0.8]), 0.8).low == pytest.approx(4_000)

    def test_the_first_crossing_of_a_curve_that_comes_back(self):
        means = np.array([0.0, 0.9, 0.1, 1.0])
        assert accuracy_crossing((1, 2, 4, 8), means, 0.9).low == pytest.approx(2)

    def test_outside_of_the_widths_only_bounds(self):
        below, above = (accuracy_crossing((100, 200), np.array([0.4, 0.8]), a) for a in (0.3, 0.9))
        assert (below.low, below.high) == (0.0, 100.0)
        assert (above.low, above.high) == (200.0, math.inf)


class TestRatio:
    def test_a_known_ratio(self):
        ratio = headline_ratio(curve("TF-TF", [(4_000, 0.0), (16_000, 1.0)]), HYBRID, 0.5)
        assert ratio.low == ratio.high == pytest.approx(8_000 / math.sqrt(2e6))
        assert ratio.interval is not None
        assert ratio.interval.low == ratio.interval.high == pytest.approx(ratio.low)

    def test_the_smallest_of_several_pure_patterns(self):
        pure = curve("TF-TF", [(4_000, 0.0), (16_000, 1.0)]) + curve("SSM-SSM", [(2_000, 0.0), (8_000, 1.0)])
        assert headline_ratio(pure, HYBRID, 0.5).low == pytest.approx(4_000 / math.sqrt(2e6))

    def test_a_pure_model_that_never_gets_there_leaves_a_lower_bound(self):
        ratio = headline_ratio(curve("TF-TF", [(4_000, 0.1), (16_000, 0.7)]), HYBRID, 0.9)
        assert ratio.low == pytest.approx(16_000 / math.exp(math.log(1_000) + 0.9 * math.log(2)))
        assert ratio.high == math.inf

    def test_a_hybrid_that_is_there_from_the_start_leaves_a_lower_bound(self):
        hybrid = curve("SSM-TF", [(2_192, 0.99)])
        ratio = headline_ratio(curve("TF-TF", [(2_180, 0.3), (12_324, 0.95)]), hybrid, 0.9)
        assert ratio.low == pytest.approx(
            math.exp(math.log(2_180) + 0.6 / 0.65 * math.log(12_324 / 2_180)) / 2_192
        )
        assert ratio.high == math.inf

    def test_a_hybrid_that_never_gets_there_leaves_an_upper_bound(self):
        hybrid = curve("SSM-TF", [(1_000, 0.1), (2_000, 0.2)])
        ratio = headline_ratio(curve("TF-TF", [(4_000, 0.0), (16_000, 1.0)]), hybrid, 0.5)
        assert (ratio.low, ratio.high) == (0.0, pytest.approx(8_000 / 2_000))

    def test_noise_gives_an_interval_around_the_ratio(self):
        pure = curve("TF-TF", [(4_000, 0.2), (16_000, 0.8)], noise=0.05, n_seeds=12)
        hybrid = curve("SSM-TF", [(1_000, 0.2), (2_000, 0.8)], noise=0.05, n_seeds=12)
        ratio = headline_ratio(pure, hybrid, 0.5)
        assert ratio.interval is not None
        assert ratio.interval.low < ratio.low < ratio.interval.high
        assert ratio.interval.low < 8_000 / math.sqrt(2e6) < ratio.interval.high
        assert ratio.interval.high / ratio.interval.low < 2

    def test_one_seed_has_no_interval(self):
        pure = curve("TF-TF", [(4_000, 0.2), (16_000, 0.8)], n_seeds=1)
        assert headline_ratio(pure, HYBRID, 0.5).interval is None

    @pytest.mark.parametrize("accuracy", [0.0, 1.1, -1.0])
    def test_an_impossible_accuracy_is_refused(self, accuracy):
        with pytest.raises(ValueError, match=r"a ratio needs an accuracy in \(0, 1\]"):
            headline_ratio(HYBRID, HYBRID, accuracy)

    def test_an_empty_side_is_refused(self):
        with pytest.raises(ValueError, match="at least one pure and one hybrid cell"):
            headline_ratio([], HYBRID, 0.5)


def test_coverage_of_the_ratio():
    """120 experiments with a true ratio of 4; the standard error of a share of 95% is 2%."""
    chance = np.random.default_rng(5)
    hits = 0
    for _ in range(120):
        cells = [
            made_up_cell([mean + 0.08 * chance.standard_normal(8)], pattern=pattern, parameters=parameters)
            for pattern, parameters, mean in (
                ("TF-TF", 4_000, 0.2),
                ("TF-TF", 16_000, 0.8),
                ("SSM-TF", 1_000, 0.2),
                ("SSM-TF", 4_000, 0.8),
            )
        ]
        interval = headline_ratio(cells[:2], cells[2:], 0.5, samples=400).interval
        assert interval is not None
        hits += interval.low <= 4.0 <= interval.high
    assert 0.89 <= hits / 120 <= 1.0
