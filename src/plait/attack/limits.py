"""Confidence limits for error rates, rounded to the safe side on a grid of 2^-24.

Of one yes-or-no answer for each content: C. J. Clopper, E. S. Pearson, Biometrika 26 (1934) 404-413, in floating point
with an allowance that is far above its rounding. Of an average over queries, whose errors depend on each other:
W. Hoeffding, "Probability inequalities for sums of bounded random variables", JASA 58 (1963) 13-30, Theorem 1, which
asks only that contents are independent and each average lies in [0, 1].
"""

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np

GRID = 1 << 24

_ALLOWANCE = 1e-6
"""Relative, of a tail; float64 errs by less than 1e-8 up to a million trials."""

Limits = tuple[Fraction, Fraction]
"""Lower and upper limit of a rate."""


def count_limits(wrong: int, trials: int, alpha: float) -> Limits:
    """The rate behind `wrong` of `trials` independent answers; each limit fails with a probability of at most `alpha`.

    Raises:
        ValueError: counts that are not 0 <= wrong <= trials with a trial, or alpha outside (0, 1).
    """
    _check(wrong, trials, alpha)
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, trials + 1)))])
    choose = logs[-1] - logs - logs[::-1]

    def least(successes: int) -> int:
        """The greatest grid point at which `successes` or more are unlikely enough."""
        if successes == 0:
            return 0
        counts = np.arange(successes, trials + 1)

        def unlikely(point: int) -> bool:
            rate = point / GRID
            terms = choose[successes:] + counts * math.log(rate) + (trials - counts) * math.log1p(-rate)
            return float(np.exp(terms).sum()) <= alpha * (1 - _ALLOWANCE)

        return _last(unlikely)

    return Fraction(least(wrong), GRID), 1 - Fraction(least(trials - wrong), GRID)


def average_limits(mean: Fraction, trials: int, alpha: float) -> Limits:
    """The mean of a quantity in [0, 1] of which `trials` independent values average `mean`.

    Each limit fails with a probability of at most `alpha`.

    Raises:
        ValueError: a mean outside [0, 1], no trial, or alpha outside (0, 1).
    """
    if not 0 <= mean <= 1:
        raise ValueError(f"mean must be in [0, 1], got {mean}")
    _check(0, trials, alpha)
    needed = -math.log(alpha) / trials * (1 + _ALLOWANCE)

    def least(value: float) -> int:
        if value == 0:
            return 0
        return _last(
            lambda point: point / GRID < value and _divergence(value, point / GRID) >= needed,
        )

    return Fraction(least(float(mean)), GRID), 1 - Fraction(least(float(1 - mean)), GRID)


def _divergence(a: float, b: float) -> float:
    """Relative entropy of a coin of rate a to one of rate b, in nats."""
    first = a * math.log(a / b) if a else 0.0
    return first + ((1 - a) * math.log((1 - a) / (1 - b)) if a < 1 else 0.0)


def _last(holds: Callable[[int], bool]) -> int:
    """The greatest point in [0, GRID) up to which `holds` is true; 0 is taken for granted."""
    low, high = 0, GRID
    while high - low > 1:
        middle = (low + high) // 2
        if holds(middle):
            low = middle
        else:
            high = middle
    return low


def _check(wrong: int, trials: int, alpha: float) -> None:
    if not 0 <= wrong <= trials or trials < 1:
        raise ValueError(f"needed 0 <= wrong <= trials and a trial, got {wrong} of {trials}")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be in (0, 1), got {alpha}")
