"""Logarithms of huge rationals, rounded down or up exactly, by integer comparisons alone.

`floor(log2(n / d))` is a difference of bit lengths, corrected by one comparison. Powers that would be too long to
write out are held between two truncated integers; the precision doubles until both ends give the same answer, so
no rounding of a logarithm ever decides a bound. Source: docs/theory.md, 2.10.
"""

import re
from collections.abc import Iterable
from fractions import Fraction

LONGEST = 1 << 16
"""Bits of precision at which a product that still straddles an integer is rounded to the safe side."""

_FIRST_PRECISION = 256
_LONGEST_TEXT = 60

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
        if (floors[0] == floors[1] and ceils[0] == ceils[1]) or precision >= LONGEST:
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
