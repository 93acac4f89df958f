"""Token rows as plain JSON, lists of integers in and the same shape out; and sequences whose tokens come one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeGuard

from plait.checks import shortened
from plait.deferred import deferred
from plait.tasks.base import BuiltInTask, Targets, Task
from plait.tasks.decoding_recall import DecodingRecall
from plait.tasks.registry import is_ours

if TYPE_CHECKING:
    import torch
    from jaxtyping import Int
    from torch import Tensor
else:
    torch = deferred("torch")


def _check_rows(task: Task, rows: object) -> list[list[int]]:
    """The rows, if they can be tokens of `task`.

    Raises:
        ValueError: no list of lists, no row, an empty row, rows of different lengths, or an entry that is no
            integer in [0, vocab_size).
    """
    if not isinstance(rows, list) or not rows or not all(isinstance(row, list) for row in rows):
        got = "an empty list" if rows == [] else shortened(rows)
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
                    f"tokens must be integers in [0, {task.vocab_size}), got {shortened(token)} in row {index}"
                )
    return rows


def rows_to_tokens(task: Task, rows: object) -> Int[Tensor, "batch time"]:
    """The rows as tokens of `task`.

    Raises:
        ValueError: as `_check_rows`.
    """
    return torch.tensor(_check_rows(task, rows), dtype=torch.int64)


def label_rows(task: Task, rows: object, *, device: torch.device | str = "cpu") -> list[list[int | None]]:
    """The target of every position, None where it is not scored.

    Raises:
        ValueError: as `_check_rows`, or tokens that rows of this task cannot hold.
    """
    if is_defined(task) and str(device) == "cpu":
        checked = _check_rows(task, rows)
        for row in checked:
            task.check_range(min(row), max(row))
        return [list(task.answers(row)) for row in checked]
    tokens = rows_to_tokens(task, rows)
    return targets_to_rows(checked_targets(task, tokens.to(device)))


def is_defined(task: Task) -> TypeGuard[BuiltInTask]:
    """Whether the task's own class gives the definition, `answers`; a class derived from it is another task."""
    return isinstance(task, BuiltInTask) and "answers" in vars(type(task))


def checked_targets(task: Task, tokens: Tensor) -> Targets:
    """The task's targets; what a user's own task returned is checked.

    Raises:
        ValueError: targets of another shape or type than two tensors like `tokens`, or outside of the vocabulary.
    """
    found = task.targets(tokens)
    if is_ours(task):
        return found
    name = type(task).__name__
    if not isinstance(found, tuple) or len(found) != 2 or not all(isinstance(t, torch.Tensor) for t in found):
        raise ValueError(f"{name}.targets must return Targets(tokens, scored), got {type(found).__name__}")
    for part, tensor, dtype in zip(Targets._fields, found, (torch.int64, torch.bool), strict=True):
        if tensor.shape != tokens.shape or tensor.dtype != dtype:
            raise ValueError(
                f"{name}: targets.{part} must be {dtype} of shape {tuple(tokens.shape)}, "
                f"got {tensor.dtype} of {tuple(tensor.shape)}"
            )
    outside = found[0][found[1] & ((found[0] < 0) | (found[0] >= task.vocab_size))]
    if outside.numel():
        raise ValueError(f"{name}: targets.tokens must be in [0, {task.vocab_size}), got {int(outside[0])}")
    return Targets(*found)


def targets_to_rows(targets: Targets) -> list[list[int | None]]:
    """Plain lists, None where nothing is scored."""
    pairs = zip(targets.tokens.tolist(), targets.scored.tolist(), strict=True)
    return [[token if scored else None for token, scored in zip(*row, strict=True)] for row in pairs]


MOST_TOKENS = 2**16
"""Tokens of one sequence that are kept to ask about: memory must not grow with the stream."""


class StreamedScores:
    """One sequence, fed as its tokens come.

    The end of a stream is not known, so a variant that scores the last position alone is asked as if each were.
    """

    def __init__(self, task: Task) -> None:
        if isinstance(task, DecodingRecall) and type(task) is DecodingRecall and task.variant == "last":
            task = replace(task, variant="interleaved")
        self._task = task
        self._known = not hasattr(task, "sample_labelled")  # whose targets are not read from tokens
        self.restart()

    def restart(self) -> None:
        """The next token is the first of a new sequence."""
        self._tokens: list[int] = []

    def read(self, tokens: Sequence[int]) -> list[bool | None]:
        """Whether each of the next tokens has a target.

        None where that is not known: beyond `MOST_TOKENS`, or in a sequence that the task refuses.
        """
        unknown: list[bool | None] = [None] * len(tokens)
        self._tokens += tokens[: MOST_TOKENS + 1 - len(self._tokens)]
        if not tokens or not self._known or len(self._tokens) > MOST_TOKENS:
            return unknown
        try:
            scored = checked_targets(self._task, torch.tensor([self._tokens])).scored[0]
        except ValueError:
            return unknown
        return [bool(each) for each in scored[-len(tokens) :].tolist()]
