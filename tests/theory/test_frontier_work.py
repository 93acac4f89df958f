"""The work of a frontier is bounded, whatever the size of the task: reaches are spread, huge counts are not made."""

from fractions import Fraction
from itertools import pairwise

import pytest

from plait.tasks import (
    AssociativeRecall,
    DecodingRecall,
    KHopInduction,
    MultiKeyRecall,
    PositionRetrieval,
    SelectiveCopying,
)
from plait.theory import Bound, frontier
from plait.theory.hybrid import curve
from plait.theory.hybrid.families import filled_families
from plait.theory.hybrid.tables import filled_tables, table_levels

HUGE = 10**6
MOST = 2 * curve.MOST_WRITTEN
"""With the few reaches that are always asked at."""

TASKS = [
    MultiKeyRecall(n_words=HUGE),
    MultiKeyRecall(n_words=1000),
    AssociativeRecall(n_words=HUGE),
    SelectiveCopying(n_words=HUGE),
    DecodingRecall(n_bits=20),
]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: f"{type(task).__name__}")
def test_a_task_of_any_size_is_asked_a_bounded_number_of_values(task, monkeypatch):
    values: list[int] = []

    def counted(task, family, error):
        values.append(sum(map(len, family.suffixes)) + 4 * len(family.queries))

    def count_of(task, reach):
        raise AssertionError("no count of millions of bits is needed")

    nothing = Bound(quantity=curve.QUANTITY, value=Fraction(0), statement="")
    monkeypatch.setattr(curve, "state_certificate", counted)
    monkeypatch.setattr(curve, "ssm_state_bits", lambda task, seq_len: nothing)
    if not isinstance(task, SelectiveCopying):
        monkeypatch.setattr(curve, "frontier_states", count_of)
    points = frontier(task, 100)
    assert 0 < sum(values) <= MOST
    assert [points[0].reach, points[1].reach, points[-2].reach, points[-1].reach] == [0, 1, 98, 99]
    assert all(one.bits >= other.bits for one, other in pairwise(points))
    assert points[1].bits > 0


def test_the_tasks_as_people_use_them_are_asked_at_every_reach():
    for task in (MultiKeyRecall(), AssociativeRecall(n_words=300), SelectiveCopying(), DecodingRecall()):
        families = filled_families(task, 100, 1)
        assert curve._spread_reaches(families, 100) == list(range(100))


def test_many_keys_of_few_words_write_no_family_of_all():
    (point,) = frontier(MultiKeyRecall(n_words=2, key_length=20), 100, reaches=[50])
    assert point.bits == 0


def test_tables_of_many_suffixes_are_asked_at_fewer_reaches():
    """Each word of position retrieval has a suffix of its own, and each reach a level; hops of many words need few
    suffixes."""
    task = PositionRetrieval(n_words=400, n_positions=300)
    assert len(frontier(task, 1_200, seconds=0.01)) < 60 < len(table_levels(task, 1_200, range(1, 300)))
    assert len(filled_tables(KHopInduction(n_words=5_000), 100, 10)[0].queries) < 100
