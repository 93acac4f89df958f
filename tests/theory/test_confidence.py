"""Exact confidence limits, the maker's and the checker's, against binomial sums in fractions."""

import random
from fractions import Fraction
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.tasks import AssociativeRecall
from plait.theory import check, ssm_state_bits
from plait.theory.checker.arithmetic import (
    birthday_states,
    certain_share,
    floor_log2_thousandths,
    states_at_error,
)
from plait.theory.exact_numbers import least_success_rate, log2_floor
from plait.theory.repaired import Retrieval, counting_states

ALPHAS = st.sampled_from([Fraction(1, 20), Fraction(1, 1000), Fraction(1, 2**40)])


def tail(successes: int, trials: int, p: Fraction) -> Fraction:
    return sum(
        (comb(trials, j) * p**j * (1 - p) ** (trials - j) for j in range(successes, trials + 1)), Fraction(0)
    )


@settings(deadline=None)
@given(st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), ALPHAS)
def test_the_limit_is_the_greatest_on_its_grid(counts, alpha):
    successes, trials = counts
    limit = least_success_rate(successes, trials, alpha)
    assert certain_share(successes, trials, alpha) == limit
    step = Fraction(1, 2**24)
    assert limit == 0 or tail(successes, trials, limit) <= alpha
    assert tail(successes, trials, limit + step) > alpha or limit + step >= 1


def test_all_of_two_thousand_cost_a_hundredth_of_a_bit():
    rate = least_success_rate(2000, 2000, Fraction(1, 10**6))
    assert 0.0099 < -float(log2_floor([(rate.numerator, 1), (rate.denominator, -1)], parts=10**6)) < 0.01


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 2000), st.integers(0, 2000), ALPHAS)
def test_both_limits_agree(trials, successes, alpha):
    successes = min(successes, trials)
    assert least_success_rate(successes, trials, alpha) == certain_share(successes, trials, alpha)


@settings(deadline=None)
@given(st.integers(1, 2**300))
def test_both_logarithms_agree(number):
    assert floor_log2_thousandths(number) == log2_floor([(number, 1)], parts=1000)


def test_a_long_number_is_rounded_down():
    number = 3**40_000
    exact = log2_floor([(3, 40_000)], parts=1000)
    assert exact - Fraction(2, 1000) <= floor_log2_thousandths(number) <= exact


@given(st.integers(1, 8), st.integers(2, 5), st.integers(1, 400), st.integers(0, 99))
def test_both_counting_bounds_agree(queries, answers, size, hundredths):
    size, error = min(size, answers**queries), Fraction(hundredths, 100)
    game = Retrieval(size=size, queries=queries, answers=answers)
    assert states_at_error(size, queries, answers, error) == counting_states(game, error)


@pytest.mark.parametrize("draws", [2, 5, 50])
def test_birthday_bound(draws):
    alpha = Fraction(1, 1000)
    states = birthday_states(draws, alpha)

    def all_differ(n: int) -> Fraction:
        probability = Fraction(1)
        for i in range(draws):
            probability *= Fraction(max(0, n - i), n)
        return probability

    assert all_differ(states) <= alpha < all_differ(states + 1)


def test_birthday_bound_of_theory():
    # N (N - 1) / (2 ln(1 / alpha)) with N = 4,000 and alpha = 10^-6: 19.1 bits
    assert abs(birthday_states(4000, Fraction(1, 10**6)) / (4000 * 3999 / (2 * 13.815510558)) - 1) < 0.003


@pytest.mark.parametrize(
    ("successes", "trials", "alpha"), [(3, 2, Fraction(1, 2)), (-1, 2, Fraction(1, 2)), (1, 2, 1)]
)
def test_refused(successes, trials, alpha):
    with pytest.raises(ValueError, match="got"):
        least_success_rate(successes, trials, Fraction(alpha))


def test_random_draws_are_the_checker_s_own():
    certificate, state = ssm_state_bits(AssociativeRecall(n_words=8)).certificate, random.getstate()
    verdicts = {check(certificate).bits for _ in range(3)}
    assert random.getstate() == state, "the global generator is left alone"
    assert len(verdicts) == 1, "all trials succeed, whatever is drawn"
