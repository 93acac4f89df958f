"""Which positions a task scores, of a sequence whose tokens come one after the other."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from plait.tasks.base import Task
from plait.tasks.decoding_recall import DecodingRecall
from plait.tasks.rows import checked_targets

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
