"""Token rows as plain JSON: a list of lists of integers in, the same shape out."""

import torch
from jaxtyping import Int
from torch import Tensor

from plait.tasks.base import BuiltInTask, Targets, Task


def rows_to_tokens(task: Task, rows: object) -> Int[Tensor, "batch time"]:
    """The rows as tokens of `task`.

    Raises:
        ValueError: no list of lists, no row, an empty row, rows of different lengths, or an entry that is no
            integer in [0, vocab_size).
    """
    if not isinstance(rows, list) or not rows or not all(isinstance(row, list) for row in rows):
        got = "an empty list" if rows == [] else _shown(rows)
        raise ValueError(f"tokens must be a list of rows, such as [[0, 1, 2]], got {got}")
    for index, row in enumerate(rows):
        if len(row) == 0:
            raise ValueError(f"every row of tokens must have at least 1, row {index} is empty")
        if len(row) != len(rows[0]):
            raise ValueError(
                f"rows of tokens must have one length, row 0 has {len(rows[0])} and row {index} {len(row)}"
            )
        for token in row:
            if type(token) is not int or not 0 <= token < task.vocab_size:
                raise ValueError(
                    f"tokens must be integers in [0, {task.vocab_size}), got {_shown(token)} in row {index}"
                )
    return torch.tensor(rows, dtype=torch.int64)


def label_rows(task: Task, rows: object, *, device: torch.device | str = "cpu") -> list[list[int | None]]:
    """The target of every position, None where it is not scored.

    Raises:
        ValueError: as `rows_to_tokens`, or tokens that rows of this task cannot hold.
    """
    tokens = rows_to_tokens(task, rows)
    return targets_to_rows(checked_targets(task, tokens.to(device)))


def checked_targets(task: Task, tokens: Tensor) -> Targets:
    """The task's targets; what a user's own task returned is checked.

    Raises:
        ValueError: targets of another shape or type than two tensors like `tokens`.
    """
    found = task.targets(tokens)
    if isinstance(task, BuiltInTask):
        return found
    name = type(task).__name__
    if not isinstance(found, tuple) or len(found) != 2 or not all(isinstance(t, Tensor) for t in found):
        raise ValueError(f"{name}.targets must return Targets(tokens, scored), got {type(found).__name__}")
    for part, tensor, dtype in zip(Targets._fields, found, (torch.int64, torch.bool), strict=True):
        if tensor.shape != tokens.shape or tensor.dtype != dtype:
            raise ValueError(
                f"{name}: targets.{part} must be {dtype} of shape {tuple(tokens.shape)}, "
                f"got {tensor.dtype} of {tuple(tensor.shape)}"
            )
    return Targets(*found)


def targets_to_rows(targets: Targets) -> list[list[int | None]]:
    """Plain lists, None where nothing is scored."""
    pairs = zip(targets.tokens.tolist(), targets.scored.tolist(), strict=True)
    return [[token if scored else None for token, scored in zip(*row, strict=True)] for row in pairs]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
