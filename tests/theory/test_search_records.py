"""Tables found from targets alone that are written record by record, under a name for which nothing is written down."""

import math

import pytest
from own_tasks import Hidden, PairsFirst

from plait.tasks import (
    MQAR,
    Dyck,
    FuzzyRecall,
    MatrixLookup,
    NoisyRecall,
    PositionRetrieval,
    SegmentedRecall,
)
from plait.theory import check, find_state_bits
from plait.theory.families.field import field_families
from plait.theory.recurrent import table_state_bits
from plait.theory.search.copies import copied_candidates
from plait.theory.search.oracle import Oracle


@pytest.fixture(autouse=True)
def clock(counted_seconds):
    return counted_seconds


class Renamed(MQAR):
    """The same lookup as a task of a user's own."""


def found_bits(task, *, seq_len, seconds):
    bound = find_state_bits(task, seq_len=seq_len, seconds=seconds)
    verdict = check(bound.certificate, task=task)
    assert verdict.accepted, verdict.reason
    assert verdict.bits >= bound.value == bound.certified
    return float(bound.value)


SMALL = [
    (MQAR(n_keys=5, n_values=4, n_pairs=3), 24, 2),
    (MQAR(n_keys=5, n_values=4, n_pairs=3, keep="first"), 24, 2),
    (FuzzyRecall(n_letters=2), 30, 2),
    (MatrixLookup(n_words=3, rows=2, columns=3), 20, 0.6),
    (PositionRetrieval(n_words=7, n_positions=4), 16, 0.6),
    (NoisyRecall(n_words=5, n_noise=3), 30, 0.6),
    (SegmentedRecall(n_words=5), 24, 0.6),
    (Dyck(), 100, 1),
    (Dyck(n_kinds=3, depth=5), 20, 0.6),
]


@pytest.mark.parametrize(("task", "seq_len", "seconds"), SMALL, ids=repr)
def test_nine_tenths_of_what_a_written_table_has_are_found_with_the_table_hidden(task, seq_len, seconds):
    table = max(math.log2(family.contents) for family in field_families(task, seq_len))
    assert found_bits(Hidden(inner=task), seq_len=seq_len, seconds=seconds) >= 0.9 * table


def test_a_class_of_another_name_has_no_table_and_is_found():
    task = Renamed(n_keys=4, n_values=4, n_pairs=3)
    assert table_state_bits(task, 20) is None
    assert found_bits(task, seq_len=20, seconds=2) >= 0.9 * 8


def test_values_that_keys_at_places_of_their_own_name_are_found():
    """What is copied hangs on other places of the prefix, so these must often stay as they are."""
    oracle = Oracle(PairsFirst(), seq_len=24, seconds=2, seed=1)
    most = max(family.contents for family in copied_candidates(oracle) if family is not None)
    assert 0.9 * 24 <= math.log2(most) <= 24
