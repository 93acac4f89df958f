"""k-hop induction: what followed this word the last time, what that one before then, ..: k times.

    tokens    b  c  a  b  a  b  a      hops = 2
    targets   -  -  -  -  c  b  a      - = not scored: some hop finds nothing

From the last a the first hop goes to the b behind the latest earlier a, and from there the second one to the a behind
the latest b before that. Source: C. Sanford et al., "Transformers, parallel computation, and logarithmic depth",
arXiv 2402.09268 (k-hop induction heads); meaning as examples/programs/induction_2.py and induction_3.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from plait.checks import check_integer
from plait.deferred import deferred
from plait.random import Stream
from plait.tasks.base import MOST_WORDS, SPECIALS, Composition, Targets, letters_or_numbers
from plait.tasks.lookup import Lookup, latest, shifted

if TYPE_CHECKING:
    import torch
    from jaxtyping import Int
    from torch import Tensor
else:
    torch = deferred("torch")


_MOST_HOPS = 1000
"""Each is a step at every place of a row."""


@dataclass(frozen=True, kw_only=True)
class KHopInduction(Lookup):
    """Uniform words out of `n_words`; `hops` hops. One hop is the associative recall.

    A hop from position i goes to the position right behind the latest earlier occurrence of i's word. The target is
    the word that the last hop reaches; not scored where one of them finds no occurrence.

    Raises:
        ValueError: n_words below 1, or hops outside [1, 1000].
    """

    name: ClassVar[str] = "k-hop-induction"
    composition: ClassVar[Composition | None] = Composition(
        control="the word at the position",
        content="for each word, what the remaining hops reach from behind its latest earlier occurrence",
        lookup="the content at the control",
    )

    n_words: int = 8
    hops: int = 2

    def __post_init__(self) -> None:
        check_integer("n_words", self.n_words, least=1, most=MOST_WORDS)
        check_integer("hops", self.hops, least=1, most=_MOST_HOPS)

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
        behind: dict[int, int] = {}
        hop: list[int | None] = []
        for place, token in enumerate(row):
            if place:
                behind[row[place - 1]] = place
            hop.append(behind.get(token))
            reached: int | None = place
            for _ in range(self.hops):
                reached = None if reached is None else hop[reached]
            yield None if reached is None else row[reached]

    def _label(self, tokens: Int[Tensor, "*batch time"]) -> Targets:
        places = torch.arange(tokens.shape[-1], device=tokens.device).expand(tokens.shape).contiguous()
        hop = latest(places, shifted(tokens, fill=-1), tokens)
        reached, scored = places, torch.ones_like(hop.scored)
        for _ in range(self.hops):
            scored = scored & hop.scored.gather(-1, reached)
            reached = hop.tokens.gather(-1, reached)
        return Targets(tokens.gather(-1, reached) * scored, scored)

    def _asked(self, tokens: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        return tokens

    def _draw(self, stream: Stream, batch: int, seq_len: int) -> Int[Tensor, "*members batch time"]:
        return stream.integers(self.n_words, (batch, seq_len), draw=0)
