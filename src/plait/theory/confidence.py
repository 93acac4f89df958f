"""Confidence limits for a success probability, exact in rational arithmetic.

Source: C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
binomial", Biometrika 26 (1934) 404-413; docs/theory.md, Lemma 4.2.
"""

from fractions import Fraction

ALPHA = Fraction(1, 10**6)
"""One minus the confidence of what is sampled, unless said otherwise."""

GRID_BITS = 24
"""Limits are multiples of 2^-24, on the safe side."""


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
    low, high = 0, 1 << GRID_BITS
    while high - low > 1:
        middle = (low + high) // 2
        if _tail_at_most(successes, trials, middle, alpha):
            low = middle
        else:
            high = middle
    return Fraction(low, 1 << GRID_BITS)


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
