"""Exact numbers: logarithms of huge rationals by integer comparisons alone, and confidence limits in rationals.

`floor(log2(n / d))` is a difference of bit lengths, corrected by one comparison. Powers that would be too long to
write out are held between two truncated integers; the precision doubles until both ends give the same answer, so
no rounding of a logarithm ever decides a bound. Source: docs/theory.md, 2.10.

Confidence limits are for a success probability. Source: C. J. Clopper, E. S. Pearson, "The use of confidence or
fiducial limits illustrated in the case of the binomial", Biometrika 26 (1934) 404-413; docs/theory.md, Lemma 4.2.
"""

import math
import re
from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache

_LONGEST = 1 << 16
"""Bits of precision at which a product that still straddles an integer is rounded to the safe side."""

_FIRST_PRECISION = 256
"""Bits at first; where a product straddles an integer, twice as many."""
_LONGEST_TEXT = 60
"""Characters of a number that is read: a longer one could take minutes."""

Factor = tuple[int, int]
"""A positive integer base and an integer exponent."""


def log2_floor(factors: Iterable[Factor], *, root: int = 1, parts: int = 1) -> Fraction:
    """The greatest multiple of `1/parts` that is not above `log2(prod base^exponent) / root` (bits).

    Args:
        factors: pairs (base >= 1, exponent).
        root: a positive integer that divides the logarithm.
        parts: the answer is a multiple of 1/parts.

    Raises:
        ValueError: a base, root or parts below 1.
    """
    low, _ = _log2_ends(factors, root, parts)
    return low


def log2_ceil(factors: Iterable[Factor], *, root: int = 1, parts: int = 1) -> Fraction:
    """The least multiple of `1/parts` that is not below `log2(prod base^exponent) / root` (bits).

    Raises:
        ValueError: as `log2_floor`.
    """
    _, high = _log2_ends(factors, root, parts)
    return high


def exact_fraction(value: object, name: str) -> Fraction:
    """The number as written: an int, a Fraction, a decimal string, or a float read as its shortest decimal.

    Raises:
        ValueError: not a finite number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str | Fraction):
        raise ValueError(f"{name} must be a number, got {value!r}")
    if isinstance(value, str) and (len(value) > _LONGEST_TEXT or re.search(r"[eE][+-]?\d{4}", value)):
        raise ValueError(f"{name} must be a number that is not too long, got {value[:20]!r}")
    try:
        return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError(f"{name} must be a finite number, got {value!r}") from error


def _log2_ends(factors: Iterable[Factor], root: int, parts: int) -> tuple[Fraction, Fraction]:
    exponents: dict[int, int] = {}
    for base, exponent in factors:
        exponents[base] = exponents.get(base, 0) + exponent * parts
    if root < 1 or parts < 1 or min(exponents, default=1) < 1:
        raise ValueError(f"bases, root and parts must be at least 1, got {min(exponents)}, {root}, {parts}")
    precision = _FIRST_PRECISION
    while True:
        top = _product(((b, e) for b, e in exponents.items() if e > 0), precision)
        bottom = _product(((b, -e) for b, e in exponents.items() if e < 0), precision)
        shift = top[2] - bottom[2]
        floor_low, whole_low = _floor_and_whole(top[0], bottom[1])
        floor_high, whole_high = _floor_and_whole(top[1], bottom[0])
        floors = [(floor + shift) // root for floor in (floor_low, floor_high)]
        ceils = [
            -(-(floor + shift + (not whole)) // root)
            for floor, whole in ((floor_low, whole_low), (floor_high, whole_high))
        ]
        if (floors[0] == floors[1] and ceils[0] == ceils[1]) or precision >= _LONGEST:
            return Fraction(floors[0], parts), Fraction(ceils[1], parts)
        precision *= 2


def _product(factors: Iterable[Factor], precision: int) -> tuple[int, int, int]:
    """Integers (low, high, shift) with `low * 2^shift <= prod base^exponent <= high * 2^shift`."""
    low, high, shift = 1, 1, 0
    for base, exponent in factors:
        p_low, p_high, p_shift = _power(base, exponent, precision)
        low, high, shift = _truncated(low * p_low, high * p_high, shift + p_shift, precision)
    return low, high, shift


def _power(base: int, exponent: int, precision: int) -> tuple[int, int, int]:
    b_low, b_high, b_shift = _truncated(base, base, 0, precision)
    low, high, shift = 1, 1, 0
    for bit in bin(exponent)[2:]:
        low, high, shift = _truncated(low * low, high * high, 2 * shift, precision)
        if bit == "1":
            low, high, shift = _truncated(low * b_low, high * b_high, shift + b_shift, precision)
    return low, high, shift


def _truncated(low: int, high: int, shift: int, precision: int) -> tuple[int, int, int]:
    excess = high.bit_length() - precision
    if excess <= 0:
        return low, high, shift
    return low >> excess, -(-high >> excess), shift + excess


def _floor_and_whole(n: int, d: int) -> tuple[int, bool]:
    """`floor(log2(n / d))`, and whether n / d is a power of two."""
    k = n.bit_length() - d.bit_length()
    if n << max(-k, 0) < d << max(k, 0):
        k -= 1
    return k, n << max(-k, 0) == d << max(k, 0)


ALPHA = Fraction(1, 10**6)
"""One minus the confidence of what is sampled, unless said otherwise."""

GRID_BITS = 24
"""Limits are multiples of 2^-24, on the safe side."""


@lru_cache(maxsize=1024)  # counts of one run, which ask for the same again
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
    # Steps eight times as wide each: any factor ends, and exact arithmetic is asked a few times only.
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
