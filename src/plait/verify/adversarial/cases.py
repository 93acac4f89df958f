"""What the suites are made of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from plait.random import TEST, Stream

MOST_ROWS = 4096
"""Inputs of one case: of more, evenly many are left out."""

ADVERSARIAL = 2**20
"""First step of the stream that fills what a case leaves open: samples use the steps from 0."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """Inputs of one kind, all of one length."""

    name: str
    tokens: Int[Tensor, "inputs time"]


def case(name: str, rows: Iterable[Sequence[int]], *, seq_len: int) -> list[Case]:
    """The rows, of any lengths, as cases of one length each; of rows longer than `seq_len` the end is kept."""
    by_length: dict[int, list[Sequence[int]]] = {}
    for row in rows:
        row = row[-seq_len:]
        if row:
            by_length.setdefault(len(row), []).append(row)
    return [
        Case(name=name, tokens=torch.tensor(_thinned(same), dtype=torch.int64)) for same in by_length.values()
    ]


def fillers(seed: int, step: int, shape: tuple[int, ...], tokens: Sequence[int]) -> Int[Tensor, "*shape"]:
    """Independent draws from `tokens`."""
    index = Stream(seed, ADVERSARIAL + step, TEST).integers(len(tokens), shape)
    return torch.tensor(list(tokens))[index]


def _thinned(rows: list[Sequence[int]]) -> list[Sequence[int]]:
    if len(rows) <= MOST_ROWS:
        return rows
    return [rows[place * len(rows) // MOST_ROWS] for place in range(MOST_ROWS)]
