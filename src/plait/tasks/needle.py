"""Needle in a haystack: remember the word after marker A.

    tokens    d  c  A  b  a  a  d  B
    targets   -  -  -  b  b  b  b  b      - = not scored: the word has not been read yet

Source: arXiv 2603.08859, Figure 7 (NH), without the released generator's early start (see `score_marker`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from plait.checks import check_integer
from plait.deferred import deferred
from plait.random import Stream
from plait.tasks.base import (
    MOST_WORDS,
    SPECIALS,
    BuiltInTask,
    Targets,
    letters_or_numbers,
)
from plait.tasks.lookup import follow_latest

if TYPE_CHECKING:
    import torch
    from jaxtyping import Int
    from torch import Tensor
else:
    torch = deferred("torch")


@dataclass(frozen=True, kw_only=True)
class Needle(BuiltInTask):
    """Uniform words out of `n_words`, marker A at a uniform position of the first half, marker B at the end.

    The target is the token after marker A, from that token's position on. In rows that the sampler cannot
    make, the latest marker A before the position counts, whatever token follows it is the answer, marker B
    plays no part, and nothing is scored without a marker A.

    Nothing steers the lookup, so there is no function composition to state.

    Args:
        score_marker: score marker A's own position too, as the released generator does, although its answer
            is one token in the future: no causal model can be right there but by chance.

    Raises:
        ValueError: n_words below 1, or a score_marker that is not a bool.
    """

    name: ClassVar[str] = "needle"

    n_words: int = 100
    score_marker: bool = False

    def __post_init__(self) -> None:
        check_integer("n_words", self.n_words, least=1, most=MOST_WORDS)
        if not isinstance(self.score_marker, bool):
            raise ValueError(f"score_marker must be true or false, got {self.score_marker!r}")

    @property
    def ordinary_tokens(self) -> int:
        return self.n_words + 2

    @property
    def token_names(self) -> tuple[str, ...]:
        return (*letters_or_numbers(self.n_words), "A", "B", *SPECIALS)

    def answers(self, row: Sequence[int]) -> Iterator[int | None]:
        answer = None
        for place, token in enumerate(row):
            if place and row[place - 1] == self.n_words:
                answer = token
            if self.score_marker and token == self.n_words:
                yield row[place + 1] if place + 1 < len(row) else None
            else:
                yield answer

    def _label(self, tokens: Int[Tensor, "*batch time"]) -> Targets:
        markers = (tokens == self.n_words).to(torch.int64) - 1
        return follow_latest(tokens, markers, torch.zeros_like(tokens), inclusive=self.score_marker)

    def _draw(self, stream: Stream, batch: int, seq_len: int) -> Int[Tensor, "*members batch time"]:
        if seq_len < 3:
            raise ValueError(f"seq_len must be at least 3 (marker A, its word, marker B), got {seq_len}")
        tokens = stream.integers(self.n_words, (batch, seq_len), draw=0)
        place = stream.integers(seq_len // 2, (batch, 1), draw=1)
        tokens.scatter_(-1, place, self.n_words)
        tokens[..., -1] = self.n_words + 1
        return tokens
