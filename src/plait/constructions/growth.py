"""How each cost grows with words, numbers, register width and length: one row a size."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from plait.constructions.cost import cost
from plait.constructions.plan import Plan
from plait.constructions.recall import recall_plan
from plait.constructions.selective import copying_plan
from plait.tasks import DecodingRecall, SelectiveCopying

WORDS = (8, 26, 64, 256, 1024)
LARGEST = (4, 9, 16, 64, 256)
BITS = (1, 2, 3, 4, 5, 6, 8)
LENGTHS = (50, 100, 1_000, 10_000, 100_000)


def growth(dtype: torch.dtype = torch.float64) -> list[Mapping[str, Any]]:
    """Costs of the default layouts, one quantity varied at a time from the experiments' sizes.

    Columns: construction, varied, value, then those of `Cost` at that length (100 tokens where it is not varied).
    """
    rows: list[Mapping[str, Any]] = []
    for varied, value, seq_len, plan in _plans(dtype):
        row = {"construction": plan.kind, "varied": varied, "value": value}
        rows.append(row | dict(cost(plan, seq_len).to_json()))
    return rows


def _plans(dtype: torch.dtype) -> Iterator[tuple[str, int, int, Plan]]:
    for n_words in WORDS:
        task = SelectiveCopying(n_words=n_words)
        yield "words", n_words, 100, copying_plan(task, 100, dtype=dtype)
    for largest in LARGEST:
        task = SelectiveCopying(numbers=tuple(range(1, largest + 1)))
        yield "numbers up to", largest, 100, copying_plan(task, 100, dtype=dtype)
    for seq_len in LENGTHS:
        yield "length", seq_len, seq_len, copying_plan(SelectiveCopying(), seq_len, dtype=dtype)
    for n_bits in BITS:
        yield "bits", n_bits, 100, recall_plan(DecodingRecall(n_bits=n_bits), 100, dtype=dtype)
    for seq_len in LENGTHS:
        yield "length", seq_len, seq_len, recall_plan(DecodingRecall(), seq_len, dtype=dtype)
