"""The row in Python's integers is the first of the sampler's."""

import pytest
import torch

from plait.random import TEST, Stream
from plait.tasks import (
    MQAR,
    TASKS,
    AssociativeRecall,
    DecodingRecall,
    MultiKeyRecall,
    Needle,
    SelectiveCopying,
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
    ],
    ids=str,
)
def test_what_is_not_drawn_here(task: Task, seq_len: int) -> None:
    assert drawn_row(task, seed=0, seq_len=seq_len) is None


def test_the_papers_tasks_are_drawn_at_their_defaults() -> None:
    drawn = {name for name, task in TASKS.items() if drawn_row(task(), seed=0, seq_len=24) is not None}
    assert drawn == {
        "selective-copying", "decoding-recall", "associative-recall", "multi-key-recall", "needle", "mqar",
    }  # fmt: skip
