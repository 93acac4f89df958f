"""Noisy recall: what came after this word the last time, as if there were no noise?

    tokens    a  ~0 b  ~1 ~0 a  a  ~1 a
    targets   -  -  -  -  -  b  a  -  a      - = not scored: noise, or a word that is new

Source: M. Poli et al., "Mechanistic design and scaling of hybrid architectures", arXiv 2403.17844 (noisy in-context
recall: tokens of a vocabulary of their own in between); meaning as examples/programs/noisy_recall.py.
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
from plait.tasks.lookup import Lookup, last_place, latest, shifted

if TYPE_CHECKING:
    import torch
    from jaxtyping import Int
    from torch import Tensor
else:
    torch = deferred("torch")


@dataclass(frozen=True, kw_only=True)
class NoisyRecall(Lookup):
    """`n_words` words, then `n_noise` noise tokens. Each token is noise with probability `p_noise`.

    The target at a word is the word that followed its latest earlier occurrence, noise left out; at noise nothing is
    scored.

    Raises:
        ValueError: n_words or n_noise below 1, or p_noise outside [0, 1].
    """

    name: ClassVar[str] = "noisy-recall"
    composition: ClassVar[Composition | None] = Composition(
        control="the word at the position",
        content="for each word, the word that followed its latest earlier occurrence, noise left out",
        lookup="the content at the control",
    )

    n_words: int = 8
    n_noise: int = 4
    p_noise: float = 0.3

    def __post_init__(self) -> None:
        check_integer("n_words", self.n_words, least=1, most=MOST_WORDS)
        check_integer("n_noise", self.n_noise, least=1, most=MOST_WORDS)
        object.__setattr__(self, "p_noise", check_probability("p_noise", self.p_noise))

    @property
    def can_be_cut(self) -> bool:
        return True

    @property
    def ordinary_tokens(self) -> int:
        return self.n_words + self.n_noise

    @property
    def token_names(self) -> tuple[str, ...]:
        return (*letters_or_numbers(self.n_words), *(f"~{noise}" for noise in range(self.n_noise)), *SPECIALS)

    def answers(self, row: Sequence[int]) -> Iterator[int | None]:
        followers: dict[int, int] = {}
        before = None
        for token in row:
            if token >= self.n_words:
                yield None
                continue
            if before is not None:
                followers[before] = token
            yield followers.get(token)
            before = token

    def _label(self, tokens: Int[Tensor, "*batch time"]) -> Targets:
        word = tokens < self.n_words
        place = shifted(last_place(word), fill=-1)
        before = torch.where(word & (place >= 0), tokens.gather(-1, place.clamp(min=0)), -1)
        return latest(tokens, before, self._asked(tokens))

    def _asked(self, tokens: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        return torch.where(tokens < self.n_words, tokens, -1)

    def _draw(self, stream: Stream, batch: int, seq_len: int) -> Int[Tensor, "*members batch time"]:
        noise = stream.bernoulli(self.p_noise, (batch, seq_len), draw=0)
        return words_and_marks(stream, noise, n_words=self.n_words, n_marks=self.n_noise, draw=1)
