"""What machines with a known number of states are certified to carry."""

import math
from fractions import Fraction

import numpy as np
import pytest
from machines import SMALL, Machine, keeps_hash, keeps_last, keeps_some

from plait.attack import Played, certified_bits, known_contents, play
from plait.attack.certified import bits_of_average, bits_query_by_query
from plait.theory import Retrieval, fano_bits

MACHINES = [
    (keeps_last(0), 1),
    (keeps_last(1), 7),
    (keeps_last(2), 49),
    (keeps_last(3), 343),
    (keeps_hash(2), 2),
    (keeps_hash(20), 20),
    (keeps_hash(200), 200),
    (keeps_some(5), 5),
    (keeps_some(100), 100),
]


@pytest.fixture(scope="module")
def contents():
    found = known_contents(SMALL, 30)
    assert found.game.size == 343
    return found


def _played(contents, remember, *, samples, seed):
    machine = Machine(SMALL, contents.game.prefix_length, remember)
    return play(machine, contents.game, answers=contents.answers, samples=samples, seed=seed)


@pytest.mark.parametrize(("remember", "states"), MACHINES)
def test_no_machine_carries_more_than_its_states(contents, remember, states):
    """All contents played, so nothing is left to chance; then samples, at a low confidence."""
    whole = _played(contents, remember, samples=343, seed=0)
    assert whole.every
    truth = certified_bits(whole, answers=7, confidence=Fraction(1, 2))
    for bound in truth:
        assert bound.low == bound.measured == bound.high
        assert 2 ** float(bound.low) <= states + 1e-9
    outside = above = 0
    for seed in range(20):
        played = _played(contents, remember, samples=60, seed=seed)
        assert not played.every
        bounds = certified_bits(played, answers=7, confidence=Fraction(9, 10))
        assert all(bound.low <= bound.measured <= bound.high for bound in bounds)
        pairs = list(zip(bounds, truth, strict=True))
        outside += any(not bound.low <= exact.low <= bound.high for bound, exact in pairs)
        above += any(2 ** float(bound.low) > states + 1e-9 for bound in bounds)
    # At 9 of 10 each, six or more of 20 are rarer than 1 in 80.
    assert above <= 5
    assert outside <= 5


@pytest.mark.parametrize(("count", "least"), [(1, 0.6), (2, 0.7), (3, 0.95)])
def test_what_is_kept_is_certified(contents, count, least):
    played = _played(contents, keeps_last(count), samples=340, seed=1)
    bounds = {bound.by: bound for bound in certified_bits(played, answers=7, confidence=Fraction(99, 100))}
    bits = count * math.log2(7)
    assert max(bound.low for bound in bounds.values()) >= least * bits
    assert float(bounds["query by query"].measured) == pytest.approx(bits, abs=0.3)


def test_limits_at_the_edge_fail_as_often_as_they_may():
    """100 of 343 contents come back from 100 states: the bound is tight, so only chance can raise it."""
    draws = np.random.default_rng(5).binomial(200, 100 / 343, size=3000).tolist()
    confidence = Fraction(3, 10)
    above: dict[int, bool] = {}
    for recovered in set(draws):
        played = Played(size=343, drawn=200, fitting=200, wrong=(0,), recovered=recovered, every=False)
        bound = certified_bits(played, answers=343, confidence=confidence)[-1]
        above[recovered] = 2 ** float(bound.low) > 100
    rate = sum(above[recovered] for recovered in draws) / len(draws)
    assert 0.02 < rate <= float(1 - confidence) / 7 + 0.015


def test_the_bounds_agree_with_the_theorems():
    game = Retrieval(size=31**9, queries=9, answers=31)
    for error in (Fraction(0), Fraction(1, 10), Fraction(2, 5)):
        fano = max(Fraction(0), fano_bits(game, error))
        assert bits_query_by_query(31**9, [error] * 9, 31) == fano
        assert bits_of_average(31**9, 9, 31, error) >= fano
    uneven = bits_query_by_query(31**9, [Fraction(0)] * 5 + [Fraction(1)] * 4, 31)
    assert float(uneven) == pytest.approx(5 * math.log2(31), abs=0.002)
    assert bits_of_average(31**9, 9, 31, Fraction(1)) == 0


def test_contents_that_do_not_fit_are_paid_for():
    sure = {"size": 2**20, "drawn": 1000, "wrong": (0,) * 20, "every": False}
    all_fit = certified_bits(
        Played(**sure, fitting=1000, recovered=1000), answers=2, confidence=Fraction(99, 100)
    )
    half = certified_bits(Played(**sure, fitting=500, recovered=500), answers=2, confidence=Fraction(99, 100))
    for whole, part in zip(all_fit, half, strict=True):
        assert 0.9 < float(whole.measured - part.measured) < 1.1
    few = certified_bits(
        Played(**(sure | {"drawn": 500}), fitting=500, recovered=500), answers=2, confidence=Fraction(99, 100)
    )
    for whole, part in zip(few, half, strict=True):
        assert whole.low - part.low > 1
    none = certified_bits(Played(**sure, fitting=0, recovered=0), answers=2, confidence=Fraction(99, 100))
    assert [bound.low for bound in none] == [0, 0, 0]


@pytest.mark.parametrize("confidence", [Fraction(0), Fraction(1)])
def test_refused_confidences(confidence):
    played = Played(size=4, drawn=4, fitting=4, wrong=(0,), recovered=4, every=True)
    with pytest.raises(ValueError, match="confidence"):
        certified_bits(played, answers=4, confidence=confidence)
