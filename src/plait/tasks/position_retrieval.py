"""Position retrieval: at which position of the list did this word stand?

    tokens    d  a  c  ?  c  a  d  b
    targets   -  -  -  -  @2 @1 @0 -      - = not scored: the list, or a word that it lacks

Source: G. Pantazopoulos et al., "Retrievit: In-context retrieval capabilities of transformers, state space models, and
hybrid architectures", arXiv 2603.02874 (position retrieval).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from plait.checks import check_integer
from plait.deferred import deferred
from plait.random import Stream
from plait.tasks.base import SPECIALS, Composition, Targets, letters_or_numbers
from plait.tasks.lookup import Lookup, earliest

if TYPE_CHECKING:
    import torch
    from jaxtyping import Int
    from torch import Tensor
else:
    torch = deferred("torch")


_MOST_LISTED = 2**16
"""Words at most: a list is the first of all words in a drawn order, so that every row orders them all."""


@dataclass(frozen=True, kw_only=True)
class PositionRetrieval(Lookup):
    """`n_words` words, the question mark, then the names of `n_positions` positions.

    The target at a word behind the first question mark is the name of the position where it first stood before it, if
    that position has a name. Nothing else is scored.

    Sampled rows are a list of `n_positions` different words, every choice and order alike, the question mark, and
    uniform words of the list.

    Raises:
        ValueError: n_words outside [1, 2^16], or n_positions outside [1, n_words].
    """

    name: ClassVar[str] = "position-retrieval"
    composition: ClassVar[Composition | None] = Composition(
        control="the word at the position",
        content="for each word, where in the list it stood first",
        lookup="the content at the control",
    )

    n_words: int = 16
    n_positions: int = 8

    def __post_init__(self) -> None:
        check_integer("n_words", self.n_words, least=1, most=_MOST_LISTED)
        check_integer("n_positions", self.n_positions, least=1, most=self.n_words)

    @property
    def ordinary_tokens(self) -> int:
        return self.n_words + 1 + self.n_positions

    @property
    def token_names(self) -> tuple[str, ...]:
        positions = (f"@{position}" for position in range(self.n_positions))
        return (*letters_or_numbers(self.n_words), "?", *positions, *SPECIALS)

    def answers(self, row: Sequence[int]) -> Iterator[int | None]:
        listed: dict[int, int] = {}
        asking = False
        for place, token in enumerate(row):
            position = listed.get(token, self.n_positions)
            in_reach = asking and position < self.n_positions
            yield self.n_words + 1 + position if in_reach else None
            asking = asking or token == self.n_words
            if not asking and token < self.n_words:
                listed.setdefault(token, place)

    def _label(self, tokens: Int[Tensor, "*batch time"]) -> Targets:
        places = torch.arange(tokens.shape[-1], device=tokens.device).expand(tokens.shape)
        asked = self._asked(tokens)
        listed = torch.where((tokens < self.n_words) & (asked < 0), tokens, -1)
        position, scored = earliest(places.contiguous(), listed, asked)
        scored = scored & (position < self.n_positions)
        return Targets((self.n_words + 1 + position) * scored, scored)

    def _asked(self, tokens: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        asking = (tokens == self.n_words).long().cumsum(-1) > 0
        return torch.where(asking & (tokens < self.n_words), tokens, -1)

    def _draw(self, stream: Stream, batch: int, seq_len: int) -> Int[Tensor, "*members batch time"]:
        least = self.n_positions + 2
        if seq_len < least:
            raise ValueError(
                f"seq_len must be at least {least} (n_positions = {self.n_positions}, the question mark and a word), "
                f"got {seq_len}"
            )
        order = stream.bits((batch, self.n_words), draw=0).argsort(dim=-1, stable=True)
        listed = order[..., : self.n_positions]
        place = stream.integers(self.n_positions, (batch, seq_len - self.n_positions - 1), draw=1)
        mark = torch.full_like(listed[..., :1], self.n_words)
        return torch.cat((listed, mark, listed.gather(-1, place)), dim=-1)
