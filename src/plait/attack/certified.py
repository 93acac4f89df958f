"""Bits of a content that a state provably carries, from the counts of a retrieval game.

Three bounds on one game, each with the limits of what was measured:
    average error     answer tables counted at the average error over contents and queries (Theorem 2.2)
    query by query    log2|U| - sum over queries of phi(error of the query), as in the proof of Theorem 2.3
    read back whole   contents that all answers together decode to (Theorem 2.4)

Source: docs/theory.md, Theorems 2.2 to 2.4.

Confidence limits for error rates, rounded to the safe side on a grid of 2^-24.

Of one yes-or-no answer for each content: C. J. Clopper, E. S. Pearson, Biometrika 26 (1934) 404-413, in floating point
with an allowance that is far above its rounding. Of an average over queries, whose errors depend on each other:
W. Hoeffding, "Probability inequalities for sums of bounded random variables", JASA 58 (1963) 13-30, Theorem 1, which
asks only that contents are independent and each average lies in [0, 1].
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from plait.attack.play import Played
from plait.theory.exact_numbers import Factor, least_success_rate, log2_floor
from plait.theory.repaired import Retrieval, counting_states

SCORE_GRID = 1 << 24
"""Limits of scores are multiples of one part in so many, on the safe side, as those of rates are."""

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
            rate = point / SCORE_GRID
            terms = choose[successes:] + counts * math.log(rate) + (trials - counts) * math.log1p(-rate)
            return float(np.exp(terms).sum()) <= alpha * (1 - _ALLOWANCE)

        return _last(unlikely)

    return Fraction(least(wrong), SCORE_GRID), 1 - Fraction(least(trials - wrong), SCORE_GRID)


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
            lambda point: point / SCORE_GRID < value and _divergence(value, point / SCORE_GRID) >= needed,
        )

    return Fraction(least(float(mean)), SCORE_GRID), 1 - Fraction(least(float(1 - mean)), SCORE_GRID)


def _divergence(a: float, b: float) -> float:
    """Relative entropy of a coin of rate a to one of rate b, in nats."""
    first = a * math.log(a / b) if a else 0.0
    return first + ((1 - a) * math.log((1 - a) / (1 - b)) if a < 1 else 0.0)


def _last(holds: Callable[[int], bool]) -> int:
    """The greatest point in [0, GRID) up to which `holds` is true; 0 is taken for granted."""
    low, high = 0, SCORE_GRID
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


_PARTS = 1000
"""Bits are given down to thousandths, rounded down."""

LIMITS = 7
"""Lower and upper limit of each of three bounds, and the lower one of the share of contents that fit."""


@dataclass(frozen=True, kw_only=True)
class CertifiedBits:
    """One bound on the bits carried.

    Attributes:
        by: its name.
        low: certified bits: those of the worst rates within the confidence.
        measured: the bits if the rates were exactly those measured.
        high: the bits of the best rates within the confidence.
    """

    by: str
    low: Fraction
    measured: Fraction
    high: Fraction


def certified_bits(played: Played, *, answers: int, confidence: Fraction) -> tuple[CertifiedBits, ...]:
    """The bounds in the order above; all their limits hold together with the confidence.

    Args:
        answers: how many answers can be right.
        confidence: in (0, 1); where every content was played there is nothing to be unsure of.

    Raises:
        ValueError: a confidence outside (0, 1).
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be in (0, 1), got {confidence}")
    alpha = (1 - confidence) / LIMITS
    return (*_from_errors(played, answers, alpha), _from_recovered(played, alpha))


def mean_error(played: Played) -> Fraction | None:
    """Share of the answers about fitting contents that were wrong; None where no content fits."""
    return Fraction(sum(played.wrong), played.fitting * len(played.wrong)) if played.fitting else None


def average_error_limits(played: Played, alpha: Fraction) -> Limits:
    """Limits of the mean error, each failing with a probability of at most `alpha`."""
    mean = mean_error(played)
    if mean is None:
        return Fraction(0), Fraction(1)
    return (mean, mean) if played.every else average_limits(mean, played.fitting, float(alpha))


def bits_query_by_query(size: int, errors: Sequence[Fraction], answers: int) -> Fraction:
    """`log2(size) - sum phi(error)`, `phi(d) = h2(d) + d log2(answers - 1)` up to its greatest value; at least 0."""
    root = math.lcm(*(error.denominator for error in errors))
    factors = [(size, root)]
    for error, times in Counter(errors).items():
        factors += _lost(int(error * root), root, times, answers)
    return max(Fraction(0), log2_floor(factors, root=root, parts=_PARTS))


def bits_of_average(size: int, queries: int, answers: int, error: Fraction) -> Fraction:
    """What Theorem 2.2 leaves of `size` contents at an average error."""
    if error >= 1:
        return Fraction(0)
    game = Retrieval(size=size, queries=queries, answers=answers)
    return log2_floor([(counting_states(game, error), 1)], parts=_PARTS)


def _lost(wrong: int, root: int, times: int, answers: int) -> list[Factor]:
    """Factors whose product is `2^(-times root phi(wrong / root))`."""
    if wrong * answers >= root * (answers - 1):
        return [(answers, -root * times)]
    right = root - wrong
    factors = [(right, right * times), (root, -root * times)]
    return [*factors, (wrong, wrong * times), (answers - 1, -wrong * times)] if wrong else factors


def _from_errors(played: Played, answers: int, alpha: Fraction) -> tuple[CertifiedBits, ...]:
    names, n, queries = ("average error", "query by query"), played.fitting, len(played.wrong)
    if not n:
        zero = Fraction(0)
        return tuple(CertifiedBits(by=name, low=zero, measured=zero, high=zero) for name in names)
    low, size, high = (min(count, answers**queries) for count in _sizes(played, alpha))
    mean = Fraction(sum(played.wrong), n * queries)
    best, worst = average_error_limits(played, alpha)
    each = [_query_limits(count, n, alpha / queries, every=played.every) for count in played.wrong]
    rates = [Fraction(count, n) for count in played.wrong]
    return (
        CertifiedBits(
            by=names[0],
            low=bits_of_average(low, queries, answers, worst),
            measured=bits_of_average(size, queries, answers, mean),
            high=bits_of_average(high, queries, answers, best),
        ),
        CertifiedBits(
            by=names[1],
            low=bits_query_by_query(low, [limits[1] for limits in each], answers),
            measured=bits_query_by_query(size, rates, answers),
            high=bits_query_by_query(high, [limits[0] for limits in each], answers),
        ),
    )


def _sizes(played: Played, alpha: Fraction) -> tuple[int, int, int]:
    """Contents that fit: surely, as measured, and at most."""
    if played.every:
        return played.fitting, played.fitting, played.fitting
    rate = least_success_rate(played.fitting, played.drawn, alpha)
    return _share(played.size, rate), _share(played.size, Fraction(played.fitting, played.drawn)), played.size


def _query_limits(wrong: int, trials: int, alpha: Fraction, *, every: bool) -> Limits:
    rate = Fraction(wrong, trials)
    return (rate, rate) if every else count_limits(wrong, trials, float(alpha))


def _from_recovered(played: Played, alpha: Fraction) -> CertifiedBits:
    low = high = rate = Fraction(played.recovered, played.drawn)
    if not played.every:
        low = least_success_rate(played.recovered, played.drawn, alpha)
        high = 1 - least_success_rate(played.drawn - played.recovered, played.drawn, alpha)
    bits = (log2_floor([(_share(played.size, part), 1)], parts=_PARTS) for part in (low, rate, high))
    return CertifiedBits(by="read back whole", **dict(zip(("low", "measured", "high"), bits, strict=True)))


def _share(size: int, rate: Fraction) -> int:
    """That share of the contents, rounded up; at least one."""
    return max(1, -(-rate.numerator * size // rate.denominator))
