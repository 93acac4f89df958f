"""Follow a number back k times: each time by the number that was the latest where one stands.

    tokens    a  2' c  1' e  f      hops = 2, n' = number token of value n
    targets   -  -  -  a  c  1'     - = not scored: no number yet, or before the start

From f the number 1 leads to e, and from there 1 again to the token 1'. One hop is selective copying. Source: the
generators that followed arXiv 2603.08859 (single and double recall); meaning as examples/programs/follow_back_2.py and
follow_back_3.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from plait.checks import check_integer, check_probability
from plait.deferred import deferred
from plait.random import Stream
from plait.tasks.base import SPECIALS, Composition, Targets, letters_or_numbers, words_and_marks
from plait.tasks.lookup import Lookup, last_place
from plait.tasks.selective_copying import SelectiveCopying

if TYPE_CHECKING:
    import torch
    from jaxtyping import Int
    from torch import Tensor
else:
    torch = deferred("torch")


_MOST_HOPS = 1000
"""Each is a step at every place of a row."""


@dataclass(frozen=True, kw_only=True)
class FollowBack(Lookup):
    """`n_words` words and one number token per value in `numbers`, each token a number with probability `p_number`.

    A hop from position i goes as many positions back as the latest number at or before i says. The target is the token
    that the last of the `hops` hops reaches; not scored where there is no number, or before the start.

    Raises:
        ValueError: as SelectiveCopying, or hops outside [1, 1000].
    """

    name: ClassVar[str] = "follow-back"
    composition: ClassVar[Composition | None] = Composition(
        control="the value of the latest number",
        content="the tokens so far, each with what the remaining hops reach from it",
        lookup="the content as many positions back as the control says",
    )

    n_words: int = 26
    numbers: tuple[int, ...] = (5, 6, 7, 8, 9)
    p_number: float = 0.2
    hops: int = 2

    def __post_init__(self) -> None:
        checked = SelectiveCopying(n_words=self.n_words, numbers=self.numbers, p_number=self.p_number)
        object.__setattr__(self, "numbers", checked.numbers)
        object.__setattr__(self, "p_number", check_probability("p_number", self.p_number))
        check_integer("hops", self.hops, least=1, most=_MOST_HOPS)

    @property
    def can_be_cut(self) -> bool:
        return True

    @property
    def ordinary_tokens(self) -> int:
        return self.n_words + len(self.numbers)

    @property
    def token_names(self) -> tuple[str, ...]:
        return (*letters_or_numbers(self.n_words), *(f"{number}'" for number in self.numbers), *SPECIALS)

    def answers(self, row: Sequence[int]) -> Iterator[int | None]:
        held = None
        hop: list[int] = []  # where one hop goes, -1 for nowhere
        for place, token in enumerate(row):
            if token >= self.n_words:
                held = self.numbers[token - self.n_words]
            hop.append(-1 if held is None else max(-1, place - held))
            reached = place
            for _ in range(self.hops):
                reached = hop[reached] if reached >= 0 else -1
            yield row[reached] if reached >= 0 else None

    def _label(self, tokens: Int[Tensor, "*batch time"]) -> Targets:
        places = torch.arange(tokens.shape[-1], device=tokens.device).expand(tokens.shape)
        back = self._asked(tokens)
        hop = torch.where(back >= 0, (places - back).clamp(min=-1), -1)
        reached = places
        for _ in range(self.hops):
            reached = torch.where(reached >= 0, hop.gather(-1, reached.clamp(min=0)), -1)
        scored = reached >= 0
        return Targets(tokens.gather(-1, reached.clamp(min=0)) * scored, scored)

    def _asked(self, tokens: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        value = torch.full_like(tokens, -1)
        for index, number in enumerate(self.numbers):
            value = torch.where(tokens == self.n_words + index, number, value)
        place = last_place(value >= 0)
        return torch.where(place >= 0, value.gather(-1, place.clamp(min=0)), -1)

    def _draw(self, stream: Stream, batch: int, seq_len: int) -> Int[Tensor, "*members batch time"]:
        if seq_len <= max(self.numbers):
            raise ValueError(
                f"seq_len must exceed every number (the largest is {max(self.numbers)}), got {seq_len}"
            )
        number = stream.bernoulli(self.p_number, (batch, seq_len), draw=0)
        return words_and_marks(stream, number, n_words=self.n_words, n_marks=len(self.numbers), draw=1)
