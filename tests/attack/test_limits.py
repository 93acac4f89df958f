from fractions import Fraction
from itertools import product
from math import comb, prod

import pytest

from plait.attack.certified import SCORE_GRID, average_limits, count_limits
from plait.theory.exact_numbers import least_success_rate


@pytest.mark.parametrize(
    ("wrong", "trials"), [(0, 1), (1, 1), (0, 50), (3, 50), (50, 50), (17, 400), (390, 400)]
)
@pytest.mark.parametrize("alpha", [Fraction(1, 20), Fraction(1, 50_000)])
def test_counts_have_the_exact_limits_to_the_safe_side(wrong, trials, alpha):
    low, high = count_limits(wrong, trials, float(alpha))
    exact_low = least_success_rate(wrong, trials, alpha)
    exact_high = 1 - least_success_rate(trials - wrong, trials, alpha)
    step = Fraction(1, SCORE_GRID)
    assert exact_low - 2 * step <= low <= exact_low
    assert exact_high <= high <= exact_high + 2 * step


@pytest.mark.parametrize("alpha", [0.2, 0.01])
def test_counts_miss_as_rarely_as_they_say(alpha):
    """Exact probabilities of a miss, at rates all over [0, 1]; and not so rarely that the limits would be idle."""
    n, most = 30, 0.0
    limits = [count_limits(k, n, alpha) for k in range(n + 1)]
    for rate in (i / 97 for i in range(1, 97)):
        chances = [comb(n, k) * rate**k * (1 - rate) ** (n - k) for k in range(n + 1)]
        for side in (0, 1):
            missed = [low > rate if side == 0 else high < rate for low, high in limits]
            miss = sum(c for c, out in zip(chances, missed, strict=True) if out)
            assert miss <= alpha
            most = max(most, miss)
    assert most > alpha / 2


@pytest.mark.parametrize("weights", [(0.5, 0.3, 0.2), (0.9, 0.08, 0.02), (0.05, 0.05, 0.9)])
@pytest.mark.parametrize("alpha", [0.2, 0.02])
def test_averages_miss_as_rarely_as_they_say(weights, alpha):
    """All samples of seven values out of 0, 1/2 and 1, each with its probability."""
    n, values = 7, (Fraction(0), Fraction(1, 2), Fraction(1))
    truth = sum(w * v for w, v in zip(weights, values, strict=True))
    below = above = 0.0
    for sample in product(range(3), repeat=n):
        low, high = average_limits(sum(values[i] for i in sample) / n, n, alpha)
        chance = prod(weights[i] for i in sample)
        below += chance * (high < truth)
        above += chance * (low > truth)
    assert below <= alpha
    assert above <= alpha


def test_no_error_in_a_thousand_costs_as_little_as_counting():
    (_, average), (_, counted) = average_limits(Fraction(0), 1000, 0.01), count_limits(0, 1000, 0.01)
    assert abs(average - counted) < Fraction(1, 1_000_000)
    assert float(counted) == pytest.approx(1 - 0.01 ** (1 / 1000), rel=1e-4)


@pytest.mark.parametrize("call", [lambda: count_limits(3, 2, 0.1), lambda: count_limits(0, 0, 0.1)])
def test_refused_counts(call):
    with pytest.raises(ValueError, match="wrong <= trials"):
        call()


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_refused_alphas(alpha):
    with pytest.raises(ValueError, match="alpha"):
        count_limits(0, 2, alpha)
    with pytest.raises(ValueError, match="alpha"):
        average_limits(Fraction(1, 2), 2, alpha)


def test_refused_means():
    with pytest.raises(ValueError, match="mean"):
        average_limits(Fraction(3, 2), 2, 0.1)
