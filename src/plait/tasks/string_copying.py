"""Copying: behind the separator, the string before it once more.

    tokens    b  a  d  |  b  a
    targets   -  -  -  b  a  d      - = not scored: the string itself, and what comes behind its copy

Source: S. Jelassi et al., "Repeat after me: Transformers are better than state space models at copying", arXiv
2402.01032 (uniform strings behind which a separator stands).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from plait.checks import check_integer
from plait.deferred import deferred
from plait.random import Stream
from plait.tasks.base import MOST_WORDS, SPECIALS, BuiltInTask, Targets, letters_or_numbers

if TYPE_CHECKING:
    import torch
    from jaxtyping import Int
    from torch import Tensor
else:
    torch = deferred("torch")


@dataclass(frozen=True, kw_only=True)
class StringCopying(BuiltInTask):
    """`n_words` words, then the separator.

    With the first separator at position s, the target at position s + t is the token at position t, for t below s. What
    stands behind the separator does not matter.

    Sampled rows are a string of uniform words in the first half, which has the middle position, the separator, and the
    string again as far as it goes.

    Raises:
        ValueError: n_words below 1.
    """

    name: ClassVar[str] = "string-copying"

    n_words: int = 26

    def __post_init__(self) -> None:
        check_integer("n_words", self.n_words, least=1, most=MOST_WORDS)

    @property
    def ordinary_tokens(self) -> int:
        return self.n_words + 1

    @property
    def token_names(self) -> tuple[str, ...]:
        return (*letters_or_numbers(self.n_words), "|", *SPECIALS)

    def answers(self, row: Sequence[int]) -> Iterator[int | None]:
        length = None
        for place, token in enumerate(row):
            if length is None and token == self.n_words:
                length = place
            yield row[place - length] if length is not None and place < 2 * length else None

    def _label(self, tokens: Int[Tensor, "*batch time"]) -> Targets:
        copying = (tokens == self.n_words).long().cumsum(-1) > 0
        length = (~copying).sum(-1, keepdim=True)
        place = torch.arange(tokens.shape[-1], device=tokens.device) - length
        scored = copying & (place < length)
        return Targets(tokens.gather(-1, place * scored) * scored, scored)

    def _draw(self, stream: Stream, batch: int, seq_len: int) -> Int[Tensor, "*members batch time"]:
        if seq_len < 2:
            raise ValueError(f"seq_len must be at least 2 (a word and the separator), got {seq_len}")
        length = (seq_len + 1) // 2
        string = stream.integers(self.n_words, (batch, length), draw=0)
        mark = torch.full_like(string[..., :1], self.n_words)
        return torch.cat((string, mark, string[..., : seq_len - length - 1]), dim=-1)
