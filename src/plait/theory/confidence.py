"""Confidence limits for a success probability, exact in rational arithmetic.

Source: C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
binomial", Biometrika 26 (1934) 404-413; docs/theory.md, Lemma 4.2.
"""

import math
from fractions import Fraction
from functools import lru_cache

ALPHA = Fraction(1, 10**6)
"""One minus the confidence of what is sampled, unless said otherwise."""

GRID_BITS = 24
"""Limits are multiples of 2^-24, on the safe side."""


@lru_cache(maxsize=1024)
def least_success_rate(successes: int, trials: int, alpha: Fraction) -> Fraction:
    """A p such that, were the true rate below it, `successes` or more would have a probability of at most `alpha`.

    The lower Clopper-Pearson limit at confidence 1 - alpha, rounded down to a multiple of 2^-24.

    Raises:
        ValueError: counts that are not 0 <= successes <= trials with trials >= 1, or alpha outside (0, 1).
    """
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(f"needed 0 <= successes <= trials and a trial, got {successes} of {trials}")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be in (0, 1), got {alpha}")
    low, high = _bracket(successes, trials, alpha)
    while high - low > 1:
        middle = (low + high) // 2
        if _tail_at_most(successes, trials, middle, alpha):
            low = middle
        else:
            high = middle
    return Fraction(low, 1 << GRID_BITS)


def _bracket(successes: int, trials: int, alpha: Fraction) -> tuple[int, int]:
    """Grid points below and above the limit: a guess in floating point, widened until exact arithmetic confirms it."""
    top = 1 << GRID_BITS
    if not successes:
        return 0, top
    guess, step = _approximate(successes, trials, float(alpha)), 2
    low, high = max(0, guess - step), min(top, guess + step)
    while low and not _tail_at_most(successes, trials, low, alpha):
        low, step = max(0, low - 8 * step), 8 * step
    while high < top and _tail_at_most(successes, trials, high, alpha):
        high, step = min(top, high + 8 * step), 8 * step
    return low, high


def _approximate(successes: int, trials: int, alpha: float) -> int:
    """The grid point near the limit, by bisection on the tail in floating point."""
    ways = [
        math.lgamma(trials + 1) - math.lgamma(j + 1) - math.lgamma(trials - j + 1)
        for j in range(successes, trials + 1)
    ]
    low, high = 0, 1 << GRID_BITS
    while high - low > 1:
        middle = (low + high) // 2
        p = math.log(middle / (1 << GRID_BITS))
        q = math.log1p(-middle / (1 << GRID_BITS))
        tail = sum(
            math.exp(min(0.0, way + j * p + (trials - j) * q)) for j, way in enumerate(ways, start=successes)
        )
        low, high = (middle, high) if tail <= alpha else (low, middle)
    return low


def _tail_at_most(successes: int, trials: int, k: int, alpha: Fraction) -> bool:
    """Whether P(X >= successes) <= alpha for X binomial(trials, k / 2^GRID_BITS); the shorter tail is summed."""
    other = (1 << GRID_BITS) - k
    whole = 1 << (GRID_BITS * trials)
    if 2 * successes > trials:
        upper = k**successes * _terms(trials, successes, trials, k, other)
    else:
        upper = whole - other ** (trials - successes + 1) * _terms(trials, 0, successes - 1, k, other)
    return upper * alpha.denominator <= alpha.numerator * whole


def _terms(trials: int, first: int, last: int, k: int, other: int) -> int:
    """`sum_(j = first..last) C(trials, j) k^(j - first) other^(last - j)`, by Horner's rule."""
    total, choose = 0, 1
    for j in range(first):
        choose = choose * (trials - j) // (j + 1)
    power = 1
    for j in range(first, last + 1):
        total = total * other + choose * power
        choose = choose * (trials - j) // (j + 1)
        power *= k
    return total
