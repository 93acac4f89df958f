"""Associative recall: what came after this word the last time?

    tokens    a  c  b  a  d  b  a  a
    targets   -  -  -  c  -  a  d  a      - = not scored: the word's first occurrence

Source: arXiv 2603.08859, the task that decoding recall and multi-key recall extend.
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
    Composition,
    Targets,
    letters_or_numbers,
)
from plait.tasks.lookup import follow_latest, followed_latest

if TYPE_CHECKING:
    import torch
    from jaxtyping import Bool, Int
    from torch import Tensor
else:
    torch = deferred("torch")


@dataclass(frozen=True, kw_only=True)
class AssociativeRecall(BuiltInTask):
    """Uniform words out of `n_words`.

    The target is the token after the latest earlier occurrence of the word at the position; not scored where
    there is none.

    Raises:
        ValueError: n_words below 1.
    """

    name: ClassVar[str] = "associative-recall"
    composition: ClassVar[Composition | None] = Composition(
        control="the word at the position",
        content="for each word, the token that followed its latest occurrence before the position",
        lookup="the content at the control",
    )

    n_words: int = 32

    def __post_init__(self) -> None:
        check_integer("n_words", self.n_words, least=1, most=MOST_WORDS)

    @property
    def can_be_cut(self) -> bool:
        return True

    @property
    def ordinary_tokens(self) -> int:
        return self.n_words

    @property
    def token_names(self) -> tuple[str, ...]:
        return (*letters_or_numbers(self.n_words), *SPECIALS)

    def answers(self, row: Sequence[int]) -> Iterator[int | None]:
        return followed_latest(row, row, row)

    def _label(self, tokens: Int[Tensor, "*batch time"]) -> Targets:
        return follow_latest(tokens, tokens, tokens)

    def control(
        self, tokens: Int[Tensor, "*batch time"]
    ) -> tuple[Int[Tensor, "*batch time"], Bool[Tensor, "*batch time"]]:
        """The word at each position; defined everywhere.

        Raises:
            ValueError: as `targets`.
        """
        tokens = self.check_tokens(tokens)
        return tokens, torch.ones_like(tokens, dtype=torch.bool)

    def _draw(self, stream: Stream, batch: int, seq_len: int) -> Int[Tensor, "*members batch time"]:
        return stream.integers(self.n_words, (batch, seq_len), draw=0)
