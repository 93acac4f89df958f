"""Statistics of bootstrap samples read from counts against the same computed from every sample's own seeds."""

import numpy as np
import pytest

from plait.experiments.bootstrap import bootstrap_statistic, resampled
from plait.report.comparisons import STATISTICS

PLAIN = {
    "mean": np.mean,
    "median": np.median,
    "90th percentile": lambda seeds, axis: np.quantile(seeds, 0.9, axis=axis),
    "best seed": np.max,
}


@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.parametrize("n_seeds", [2, 5, 32])
def test_counts_say_what_the_seeds_say(name, n_seeds):
    rng = np.random.default_rng(n_seeds)
    select, accuracy = rng.integers(0, 8, (2, 3, n_seeds)) / 8  # with ties
    samples = resampled(n_seeds, samples=200)
    drawn = [table[:, samples.taken] for table in (select, accuracy)]
    by_rate, values = (PLAIN[name](table, axis=-1) for table in drawn)
    best = np.round(by_rate, 12).argmax(axis=0)
    expected = values[best, np.arange(200)]
    assert bootstrap_statistic(select, accuracy, samples, STATISTICS[name]) == pytest.approx(expected)
