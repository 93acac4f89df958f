"""What several theory tests share: small tasks, and every input of a small domain."""

import torch
from torch import Tensor

from plait.tasks import AssociativeRecall, DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying

SMALL_TASKS = (
    SelectiveCopying(n_words=2, numbers=(1,)),
    SelectiveCopying(n_words=3, numbers=(1, 2)),
    SelectiveCopying(n_words=2, numbers=(3, 1)),
    SelectiveCopying(n_words=2, numbers=(2, 3)),
    SelectiveCopying(n_words=3, numbers=(2, 3)),
    SelectiveCopying(n_words=1, numbers=(1, 2)),
    SelectiveCopying(n_words=2, numbers=(1, 2, 3)),
    SelectiveCopying(n_words=3, numbers=(2,)),
    AssociativeRecall(n_words=2),
    AssociativeRecall(n_words=3),
    AssociativeRecall(n_words=4),
    AssociativeRecall(n_words=5),
    MultiKeyRecall(n_words=3, key_length=1),
    MultiKeyRecall(n_words=2, key_length=2),
    MultiKeyRecall(n_words=2, key_length=3),
    MultiKeyRecall(n_words=3, key_length=2),
    DecodingRecall(n_bits=1),
    DecodingRecall(n_bits=2),
    Needle(n_words=2),
    Needle(n_words=3),
    Needle(n_words=5),
)

PAPER_TASKS = (
    SelectiveCopying(),
    AssociativeRecall(n_words=32),
    MultiKeyRecall(),
    DecodingRecall(),
    DecodingRecall(variant="last"),
    Needle(),
)


def all_rows(n_tokens: int, length: int) -> Tensor:
    """Every row of that length, `(n_tokens^length, length)`."""
    number = torch.arange(n_tokens**length)
    return torch.stack([number // n_tokens ** (length - 1 - i) % n_tokens for i in range(length)], dim=1)


def in_domain(task, rows: Tensor) -> Tensor:
    """Which rows the task's sampler can make."""
    if isinstance(task, Needle):
        a, b = rows == task.n_words, rows == task.n_words + 1
        first_half = a[:, : rows.shape[1] // 2].any(1)
        return (a.sum(1) == 1) & first_half & (b.sum(1) == 1) & b[:, -1]
    if isinstance(task, DecodingRecall) and task.variant == "last":
        bits = rows >= task.n_words
        return ~bits[:, : -task.n_bits].any(1) & bits[:, -task.n_bits :].all(1)
    return torch.ones(len(rows), dtype=torch.bool)
