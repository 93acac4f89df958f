"""Exact logarithms: against plain integer comparisons."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.theory.exact_numbers import exact_fraction, log2_ceil, log2_floor

FACTORS = st.lists(st.tuples(st.integers(1, 60), st.integers(-9, 9)), min_size=1, max_size=4)


def plainly(factors, root, parts):
    """floor and ceiling of parts * log2(product) / root, by comparing powers of two."""
    value = Fraction(1)
    for base, exponent in factors:
        value *= Fraction(base) ** (exponent * parts)
    k = value.numerator.bit_length() - value.denominator.bit_length() - 1
    while Fraction(2) ** (k + 1) <= value:
        k += 1
    whole = Fraction(2) ** k == value
    return Fraction(k // root, parts), Fraction(-(-(k + (not whole)) // root), parts)


@given(FACTORS, st.integers(1, 5), st.integers(1, 7))
def test_floor_and_ceiling_are_exact(factors, root, parts):
    floor, ceil = plainly(factors, root, parts)
    assert log2_floor(factors, root=root, parts=parts) == floor
    assert log2_ceil(factors, root=root, parts=parts) == ceil


def test_numbers_too_long_to_write_out():
    assert log2_floor([(1024, 2**40)], parts=1000) == 10 * 2**40
    assert log2_ceil([(1024, 2**40), (3, 1)], parts=1) == 10 * 2**40 + 2
    # 31^(10^9) lies between two thousandths of a bit that ordinary floats tell apart only just
    floor = log2_floor([(31, 10**9)], parts=1000)
    assert log2_ceil([(31, 10**9)], parts=1000) == floor + Fraction(1, 1000)
    assert abs(float(floor) - 4954196310.386876) < 0.002


@pytest.mark.parametrize("factors", [[(0, 1)], [(-3, 2)]])
def test_bases_below_one_are_refused(factors):
    with pytest.raises(ValueError, match="at least 1"):
        log2_floor(factors)


@pytest.mark.parametrize(
    ("value", "fraction"),
    [(0.1, Fraction(1, 10)), ("0.01", Fraction(1, 100)), (Fraction(1, 3), Fraction(1, 3)), (1, 1)],
)
def test_a_number_is_taken_as_written(value, fraction):
    assert exact_fraction(value, "error") == fraction


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "x", None, True, "1/0"])
def test_no_number(value):
    with pytest.raises(ValueError, match="error must be"):
        exact_fraction(value, "error")
