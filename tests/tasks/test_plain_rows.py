"""The row in Python's integers is the first of the sampler's."""

import pytest
import torch

from plait.random import TEST, Stream
from plait.tasks import (
    MQAR,
    TASKS,
    AssociativeRecall,
    DecodingRecall,
    Dyck,
    FlipCounting,
    FollowBack,
    FuzzyRecall,
    KHopInduction,
    MatrixLookup,
    ModularCounting,
    MultiKeyRecall,
    Needle,
    NGramRetrieval,
    NoisyRecall,
    PositionRetrieval,
    SegmentedRecall,
    SelectiveCopying,
    StringCopying,
    Task,
)
from plait.tasks.plain import drawn_row

TASKS_DRAWN = (
    SelectiveCopying(),
    SelectiveCopying(n_words=3, numbers=(1, 2), p_number=0.6),
    DecodingRecall(),
    DecodingRecall(n_bits=2, p_bit=0.5),
    AssociativeRecall(n_words=7),
    MultiKeyRecall(),
    Needle(),
    Needle(n_words=5),
    MQAR(),
    MQAR(variant="repeated", n_pairs=3, n_fillers=4, p_query=0.3),
    FollowBack(),
    FollowBack(n_words=3, numbers=(2, 4), p_number=0.5),
    KHopInduction(n_words=5),
    FuzzyRecall(),
    FuzzyRecall(n_letters=7, p_value=0.6),
    NoisyRecall(),
    NoisyRecall(p_noise=0.7),
    SegmentedRecall(),
    SegmentedRecall(p_end=0.4),
    Dyck(),
    Dyck(n_kinds=3, depth=1),
    Dyck(n_kinds=5, depth=3),
    FlipCounting(),
    FlipCounting(p_flip=0.9),
    ModularCounting(),
    ModularCounting(modulus=7),
    MatrixLookup(),
    MatrixLookup(rows=2, columns=5, n_words=4),
    NGramRetrieval(),
    NGramRetrieval(n=1, n_words=2),
    PositionRetrieval(),
    PositionRetrieval(n_positions=3),
    StringCopying(),
    StringCopying(n_words=2),
)


@pytest.mark.parametrize("task", TASKS_DRAWN, ids=str)
def test_the_row_is_the_samplers_first(task: Task) -> None:
    for seed, seq_len in ((0, 24), (2**40 + 3, 33), (7, 101)):
        stream = Stream(torch.tensor([seed]), 0, TEST)
        assert drawn_row(task, seed=seed, seq_len=seq_len) == task.sample(stream, 1, seq_len)[0, 0].tolist()


@pytest.mark.parametrize(
    ("task", "seq_len"),
    [
        (SelectiveCopying(), 9),
        (SelectiveCopying(variant="repetitive"), 24),
        (DecodingRecall(variant="last"), 24),
        (Needle(), 2),
        (MQAR(), 16),
        (AssociativeRecall(n_words=3), 0),
        (FollowBack(), 9),
        (MatrixLookup(rows=4, columns=4), 21),
        (NGramRetrieval(n=3), 11),
        (PositionRetrieval(n_positions=8), 9),
        (StringCopying(), 1),
    ],
    ids=str,
)
def test_what_is_not_drawn_here(task: Task, seq_len: int) -> None:
    assert drawn_row(task, seed=0, seq_len=seq_len) is None


def test_all_tasks_are_drawn_at_their_defaults() -> None:
    assert [name for name, task in TASKS.items() if drawn_row(task(), seed=0, seq_len=24) is None] == []
