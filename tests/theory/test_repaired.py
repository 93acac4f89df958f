"""The repaired Theorem 3.3: against a brute-force optimum, against Fano, and on random families."""

import itertools
import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.theory.exact_numbers import log2_ceil, log2_floor
from plait.theory.repaired import Retrieval, all_right_states, counting_states, fano_bits, fano_bits_ceil

GAMES = st.tuples(st.integers(1, 5), st.integers(2, 4)).flatmap(
    lambda shape: st.builds(
        Retrieval,
        size=st.integers(1, min(300, shape[1] ** shape[0])),
        queries=st.just(shape[0]),
        answers=st.just(shape[1]),
    )
)
ERRORS = st.integers(0, 39).map(lambda n: Fraction(n, 40))


def filled(game: Retrieval, error: Fraction) -> int:
    """The least number of states, by filling the answer tables nearest to each state's own first."""
    shell = {0: 1}
    for e in range(game.queries):
        shell[e + 1] = shell[e] * (game.queries - e) * (game.answers - 1) // (e + 1)
    for states in itertools.count(1):
        left, wrong = game.size, 0
        for e, count in shell.items():
            taken = min(left, states * count)
            left, wrong = left - taken, wrong + e * taken
        if not left and wrong <= error * game.queries * game.size:
            return states
    raise AssertionError


@given(GAMES, ERRORS)
def test_counting_is_the_filling_optimum(game, error):
    assert counting_states(game, error) == filled(game, error)


@given(GAMES, ERRORS)
def test_counting_is_never_below_fano(game, error):
    assert log2_ceil([(counting_states(game, error), 1)], parts=1000) >= fano_bits(game, error)
    assert fano_bits_ceil(game, error) >= fano_bits(game, error)
    assert fano_bits_ceil(game, error) - max(fano_bits(game, error), 0) <= 1 + Fraction(1, 500)


def test_no_error_leaves_everything():
    game = Retrieval(size=31**9, queries=9, answers=31)
    assert counting_states(game, Fraction(0)) == 31**9
    assert fano_bits(game, Fraction(0)) == log2_floor([(31, 9)], parts=1000)


def test_fano_by_hand():
    # |U| = 2^10, q = 10, |Y| = 2, error 1/4: 10 - 10 h2(1/4) = 1.887 bits
    game = Retrieval(size=2**10, queries=10, answers=2)
    assert fano_bits(game, Fraction(1, 4)) == Fraction(1887, 1000)
    assert fano_bits_ceil(game, Fraction(1, 4)) == 2
    assert fano_bits(game, Fraction(3, 4)) == 0  # from error 1/2 on, guessing does


def test_a_random_model_obeys_the_bound():
    """Every partition of a random family into states, answered by majority, errs at least as the bound says."""
    rng = random.Random(5)
    for _ in range(300):
        queries, answers = rng.randint(1, 6), rng.randint(2, 4)
        size = rng.randint(1, min(60, answers**queries))
        tables = rng.sample(list(itertools.product(range(answers), repeat=queries)), size)
        n_states = rng.randint(1, size)
        states = [rng.randrange(n_states) for _ in tables]
        wrong = 0
        for state in set(states):
            members = [table for table, own in zip(tables, states, strict=True) if own == state]
            for column in zip(*members, strict=True):
                wrong += len(column) - max(map(column.count, set(column)))
        error = Fraction(wrong, queries * size)
        if error < 1:
            game = Retrieval(size=size, queries=queries, answers=answers)
            assert counting_states(game, error) <= len(set(states))
            all_right = sum(
                max(map([t for t, s in zip(tables, states, strict=True) if s == state].count, tables))
                for state in set(states)
            )
            assert all_right_states(size, Fraction(all_right, size)) <= len(set(states))


@pytest.mark.parametrize("error", [Fraction(-1, 10), Fraction(1), Fraction(2)])
def test_an_error_outside_its_range_is_refused(error):
    with pytest.raises(ValueError, match=r"error must be in \[0, 1\)"):
        counting_states(Retrieval(size=2, queries=1, answers=2), error)


def test_a_game_that_cannot_be_won_is_refused():
    with pytest.raises(ValueError, match="cannot tell 9 contents apart"):
        Retrieval(size=9, queries=3, answers=2)
