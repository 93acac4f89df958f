"""Rows of the released program: one example of a drawn length, between <bos> and <eos> or bare, then <null>.

    tokens    <bos> b  d  5' a  c  <eos> <null>       an example of five tokens in a row of eight
    targets   -     -  -  -  -  -  -     -            those of the example, where it lies; nothing else is scored

Source: the program released with arXiv 2603.08859 (examples of 97 or 98 tokens in rows of 100).
"""

from dataclasses import dataclass, field

import torch
from jaxtyping import Int
from torch import Tensor

from plait.checks import check_integer
from plait.random import Stream
from plait.tasks.base import SPECIALS, BuiltInTask, Targets
from plait.tasks.selective_copying import SelectiveCopying

_LENGTH = 50
"""Draw of the examples' lengths; the tasks themselves use low numbers."""


@dataclass(frozen=True, kw_only=True)
class Framed(BuiltInTask):
    """`task` in rows with a frame.

    Args:
        task: what stands in the frame.
        lengths: the lengths of an example (tokens), drawn uniformly.
        marked: whether <bos> and <eos> stand around it.

    Raises:
        ValueError: a task that is not built in, or lengths that are not one or more integers of at least 1.
    """

    name = "framed"

    task: BuiltInTask = field(default_factory=SelectiveCopying)
    lengths: tuple[int, ...] = (97, 98)
    marked: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.task, BuiltInTask) or isinstance(self.task, Framed):
            raise ValueError(f"a frame needs a built-in task, got {self.task!r}")
        if not isinstance(self.lengths, tuple | list) or not self.lengths:
            raise ValueError(f"lengths must be one or more integers >= 1, got {self.lengths!r}")
        for length in self.lengths:
            check_integer("each of lengths", length, least=1, most=2**31 - 1)
        if not isinstance(self.marked, bool):
            raise ValueError(f"marked must be true or false, got {self.marked!r}")
        object.__setattr__(self, "lengths", tuple(self.lengths))

    @property
    def ordinary_tokens(self) -> int:
        return self.task.ordinary_tokens

    @property
    def row_tokens(self) -> int:
        return self.vocab_size

    @property
    def token_names(self) -> tuple[str, ...]:
        return self.task.token_names

    def _draw(self, stream: Stream, batch: int, seq_len: int) -> Int[Tensor, "*members batch time"]:
        longest, before = max(self.lengths), int(self.marked)
        if longest + 2 * before > seq_len:
            raise ValueError(f"rows must have at least {longest + 2 * before} tokens, got seq_len {seq_len}")
        bos, eos, null = (self.ordinary_tokens + i for i in range(len(SPECIALS)))
        example = self.task.sample(stream, batch=batch, seq_len=longest)
        row = torch.full((*example.shape[:-1], seq_len), null, dtype=torch.int64, device=example.device)
        row[..., before : before + longest] = example
        place = torch.arange(seq_len, device=example.device) - before
        length = sum(
            (stream.integers(len(self.lengths), (batch, 1), draw=_LENGTH) == i) * length
            for i, length in enumerate(self.lengths)
        )
        row = torch.where(place >= length, null, row)
        if self.marked:
            row = torch.where(place == length, eos, row)
            row[..., 0] = bos
        return row

    def _label(self, tokens: Int[Tensor, "*batch time"]) -> Targets:
        inside, before = tokens < self.ordinary_tokens, int(self.marked)
        example = torch.where(inside, tokens, 0).roll(-before, -1)
        found = self.task._label(example)  # pyright: ignore[reportPrivateUsage]
        scored = found.scored.roll(before, -1) & inside
        return Targets(found.tokens.roll(before, -1) * scored, scored)
