"""Statistics on made-up data whose answer is known, and the intervals' coverage by simulation."""

import math

import numpy as np
import pytest
from made_up import made_up_cell

from plait.experiments import paired_difference, summarise
from plait.experiments.bootstrap import (
    bootstrap_means,
    interval_of,
    mean_interval,
    resamples,
    student_cdf,
    student_quantile,
)
from plait.experiments.selection import choose, samples_of


class TestSelection:
    def test_the_best_mean_on_the_separate_sequences_decides(self):
        select = [[0.1, 0.2], [0.9, 0.5], [1.0, 0.1]]
        accuracy = [[1.0, 1.0], [0.4, 0.6], [0.8, 0.9]]
        summary = summarise(made_up_cell(accuracy, select=select))
        assert summary.lr == pytest.approx(1e-2)
        assert summary.mean == pytest.approx(0.5)

    def test_among_equals_the_smallest_rate(self):
        assert choose(np.array([[0.1, 0.2, 0.3], [0.3, 0.1, 0.2]])) == 0

    def test_what_is_no_number_counts_as_nothing(self):
        assert choose(np.array([[math.nan, 0.9], [0.5, 0.5]])) == 1
        assert summarise(made_up_cell([[math.nan, 0.8]])).mean == pytest.approx(0.4)

    def test_batches_choose_each_for_themselves(self):
        select = np.array([[[0.1], [0.2]], [[0.4], [0.3]]])
        assert choose(select).tolist() == [1, 0]


class TestSummary:
    def test_every_figure(self):
        accuracy = [[0.80, 0.90, 0.99, 1.00, 0.95, 0.91]]
        diverged = [[True, False, False, False, False, False]]
        summary = summarise(made_up_cell(accuracy, diverged=diverged))
        assert summary.seeds == 6
        assert summary.mean == pytest.approx(0.925)
        assert summary.sd == pytest.approx(
            math.sqrt((0.125**2 + 0.025**2 * 2 + 0.065**2 + 0.075**2 + 0.015**2) / 5)
        )
        assert (summary.p10, summary.p90) == (pytest.approx(0.85), pytest.approx(0.995))
        assert (summary.above_90, summary.above_99) == (pytest.approx(5 / 6), pytest.approx(2 / 6))
        assert summary.diverged == 1

    def test_a_diverged_member_counts_with_its_frozen_accuracy(self):
        with_it = summarise(made_up_cell([[1.0, 0.1]], diverged=[[False, True]]))
        assert with_it.mean == pytest.approx(0.55)

    def test_one_seed_has_no_spread(self):
        summary = summarise(made_up_cell([[0.5]]))
        assert (summary.sd, summary.interval, summary.mean) == (None, None, 0.5)

    def test_equal_seeds_have_an_interval_of_no_width(self):
        interval = summarise(made_up_cell([[0.7] * 5])).interval
        assert interval is not None
        assert (interval.low, interval.high) == (pytest.approx(0.7), pytest.approx(0.7))

    def test_the_same_numbers_twice(self):
        cell = made_up_cell(np.random.default_rng(0).random((3, 7)))
        assert summarise(cell) == summarise(cell)


class TestChance:
    def test_the_interval_leaves_0_out_where_the_chance_is_below_5_per_cent(self):
        """Of 300 pairs whose true difference is anything from none to clear; those near 5% may fall on either side."""
        draws = np.random.default_rng(5)
        agree = []
        for effect in np.linspace(0.0, 0.3, 300):
            one, other = (made_up_cell(draws.normal(0.5 + e, 0.1, (1, 12))) for e in (effect, 0.0))
            found = paired_difference(one, other, samples=2_000)
            assert found.interval is not None
            assert found.p is not None
            if not 0.03 < found.p < 0.07:
                agree.append((found.interval.low > 0 or found.interval.high < 0) == (found.p < 0.05))
        assert np.mean(agree) > 0.99
        assert len(agree) > 250

    def test_students_t_by_hand(self):
        """Differences .1 .2 .3 .4: mean .25, standard error .1291 / 2 (n - 1 below the sum), t = 3.873, p = .0305."""
        one = made_up_cell([[0.1, 0.2, 0.3, 0.4]])
        found = paired_difference(one, made_up_cell([[0.0] * 4]))
        assert found.p == pytest.approx(0.0305, abs=5e-4)
        assert paired_difference(one, one).p == 1.0
        assert paired_difference(made_up_cell([[0.5] * 3]), made_up_cell([[0.4] * 3])).p == pytest.approx(
            0, abs=1e-9
        )
        assert paired_difference(one.of_seeds((0,)), one.of_seeds((0,))).p is None


class TestBootstrap:
    def test_the_rate_is_chosen_inside_every_sample(self):
        # Seed 0 alone speaks for the first rate, seed 1 alone for the second.
        select = np.array([[1.0, 0.0], [0.0, 0.9]])
        accuracy = np.array([[0.6, 0.1], [0.2, 0.8]])
        taken = np.array([[0, 0], [1, 1], [0, 1]])
        cell = made_up_cell(accuracy, select=select)
        assert bootstrap_means(cell, samples_of(taken)) == pytest.approx([0.6, 0.8, 0.35])

    def test_samples_are_uniform_and_reproducible(self):
        taken = resamples(8)
        assert taken.shape == (10_000, 8)
        assert np.array_equal(taken, resamples(8))
        counts = np.bincount(taken.ravel(), minlength=8)
        # 80,000 draws, each 1/8: standard deviation 94; 5 of them, error below 1e-5 over the eight.
        assert np.abs(counts - 10_000).max() < 5 * 94

    def test_infinities_stay_at_the_ends(self):
        values = np.array([1.0] * 50 + [math.inf] * 50)
        interval = interval_of(values, 10)
        assert (interval.low, interval.high) == (1.0, math.inf)

    @pytest.mark.parametrize(("n_seeds", "documented"), [(4, 0.88), (6, 0.94), (8, 0.95), (20, 0.95)])
    def test_coverage_of_the_mean(self, n_seeds, documented):
        """700 experiments whose true mean is 0.6; the share covering it has a standard error of about 1%."""
        draws = 0.6 + 0.1 * np.random.default_rng(n_seeds).standard_normal((700, 1, n_seeds))
        assert abs(_coverage(draws, draws, truth=0.6) - documented) < 0.035

    def test_coverage_with_a_learning_rate_to_choose(self):
        """Three rates, the middle one truly best, judged by noisy sequences of their own."""
        chance = np.random.default_rng(1)
        accuracy = np.array([0.3, 0.7, 0.5])[:, None] + 0.1 * chance.standard_normal((400, 3, 8))
        select = accuracy + 0.02 * chance.standard_normal(accuracy.shape)
        assert 0.91 <= _coverage(select, accuracy, truth=0.7) <= 0.98

    def test_coverage_of_seeds_that_work_or_fail(self):
        """Accuracy 1 with probability 0.7, else 0.2: two heaps, the usual picture of tiny models."""
        works = np.random.default_rng(2).random((400, 1, 16)) < 0.7
        draws = np.where(works, 1.0, 0.2)
        assert 0.90 <= _coverage(draws, draws, truth=0.76) <= 0.99


def _coverage(select, accuracy, *, truth: float) -> float:
    intervals = [
        mean_interval(made_up_cell(a, select=s), samples=1_000, seed=i)
        for i, (s, a) in enumerate(zip(select, accuracy, strict=True))
    ]
    return sum(i.low <= truth <= i.high for i in intervals if i is not None) / len(intervals)


class TestPairedDifference:
    def test_what_is_shared_cancels(self):
        luck = np.random.default_rng(3).random(8) * 0.5
        first = made_up_cell([luck + 0.2])
        second = made_up_cell([luck + 0.1], pattern="TF-TF")
        difference = paired_difference(first, second)
        assert difference.mean == pytest.approx(0.1)
        assert difference.seeds == 8
        assert difference.interval is not None
        assert (difference.interval.low, difference.interval.high) == (pytest.approx(0.1), pytest.approx(0.1))

    def test_only_shared_seeds_count(self):
        first = made_up_cell([[0.9, 0.5, 0.6]], seeds=(0, 1, 2))
        second = made_up_cell([[0.4, 0.4, 0.0]], seeds=(1, 2, 3))
        assert paired_difference(first, second).mean == pytest.approx(0.15)
        assert paired_difference(first, second).seeds == 2

    def test_one_shared_seed_has_no_interval(self):
        assert paired_difference(made_up_cell([[0.9]]), made_up_cell([[0.4]])).interval is None

    def test_no_shared_seed_is_refused(self):
        with pytest.raises(ValueError, match="no seed is shared by SSM-TF"):
            paired_difference(made_up_cell([[0.9]]), made_up_cell([[0.4]], seeds=(7,)))


@pytest.mark.parametrize(
    ("degrees", "expected"), [(1, 12.7062), (2, 4.3027), (3, 3.1824), (7, 2.3646), (10, 2.2281), (31, 2.0395)]
)
def test_student_quantiles_of_the_printed_tables(degrees, expected):
    assert student_quantile(0.975, degrees) == pytest.approx(expected, abs=5e-5)
    assert student_cdf(expected, degrees) == pytest.approx(0.975, abs=1e-5)
    assert student_cdf(0.0, degrees) == 0.5
