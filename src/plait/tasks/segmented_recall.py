"""Segmented recall: what came first after this word, in the present segment?

    tokens    a  b  c  a  b  a  ;  c  b  a  c
    targets   -  -  -  b  c  b  -  -  -  ;  b      - = not scored: nothing followed it yet in this segment

A semicolon begins a segment, and a pair of neighbours belongs to the segment that its second token is in: the last
word before a semicolon is followed by it there. Source: recall that a boundary resets, as in the generators that
followed arXiv 2603.08859; meaning as examples/programs/segmented_recall.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from plait.checks import check_integer, check_probability
from plait.deferred import deferred
from plait.random import Stream
from plait.tasks.base import (
    MOST_WORDS,
    SPECIALS,
    Composition,
    Targets,
    letters_or_numbers,
    words_and_marks,
)
from plait.tasks.lookup import Lookup, earliest, shifted

if TYPE_CHECKING:
    import torch
    from jaxtyping import Int
    from torch import Tensor
else:
    torch = deferred("torch")


@dataclass(frozen=True, kw_only=True)
class SegmentedRecall(Lookup):
    """`n_words` words, then the semicolon, which each token is with probability `p_end`.

    The target is the second token of the first pair of neighbours in the present segment whose first token is the
    one at the position. Behind the first `n_segments` segments nothing is scored.

    Raises:
        ValueError: n_words below 1, n_segments outside [1, 2^16], or p_end outside [0, 1].
    """

    name: ClassVar[str] = "segmented-recall"
    composition: ClassVar[Composition | None] = Composition(
        control="the segment's number and the token at the position",
        content="for each segment and token, what followed the token first in it",
        lookup="the content at the control",
    )

    n_words: int = 8
    n_segments: int = 8
    p_end: float = 0.05

    def __post_init__(self) -> None:
        check_integer("n_words", self.n_words, least=1, most=MOST_WORDS)
        check_integer("n_segments", self.n_segments, least=1, most=2**16)
        object.__setattr__(self, "p_end", check_probability("p_end", self.p_end))

    @property
    def can_be_cut(self) -> bool:
        return True

    @property
    def ordinary_tokens(self) -> int:
        return self.n_words + 1

    @property
    def token_names(self) -> tuple[str, ...]:
        return (*letters_or_numbers(self.n_words), ";", *SPECIALS)

    def answers(self, row: Sequence[int]) -> Iterator[int | None]:
        segment = 0
        followers: dict[int, int] = {}
        for place, token in enumerate(row):
            if token == self.n_words:
                segment, followers = segment + 1, {}
            if place:
                followers.setdefault(row[place - 1], token)
            yield followers.get(token) if segment < self.n_segments else None

    def _label(self, tokens: Int[Tensor, "*batch time"]) -> Targets:
        before = shifted(tokens, fill=-1)
        keys = torch.where(before >= 0, self._in_segment(tokens, before), -1)
        return earliest(tokens, keys, self._asked(tokens))

    def _asked(self, tokens: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        return self._in_segment(tokens, tokens)

    def _in_segment(
        self, tokens: Int[Tensor, "*batch time"], values: Int[Tensor, "*batch time"]
    ) -> Int[Tensor, "*batch time"]:
        """A number for each value in the segment of its position, -1 behind the last segment that counts."""
        segment = (tokens == self.n_words).long().cumsum(-1)
        return torch.where(segment < self.n_segments, segment * (self.n_words + 1) + values, -1)

    def _draw(self, stream: Stream, batch: int, seq_len: int) -> Int[Tensor, "*members batch time"]:
        end = stream.bernoulli(self.p_end, (batch, seq_len), draw=0)
        return words_and_marks(stream, end, n_words=self.n_words, n_marks=1, draw=1)
