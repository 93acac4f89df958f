"""Fuzzy recall: what was said behind the key that is spelled like this one?

    tokens    a  b  B  a  A  a  b  a  a      small letters spell keys, capitals are values
    targets   -  -  -  -  -  A  B  -  -      - = not scored: a value, or a key without one so far

A key is one small letter behind a capital, or two small letters, and its value is the capital right behind it.
Source: M. Poli et al., "Mechanistic design and scaling of hybrid architectures", arXiv 2403.17844 (fuzzy in-context
recall: keys of several tokens); meaning as examples/programs/fuzzy_recall.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from plait.checks import check_integer, check_probability
from plait.deferred import deferred
from plait.random import Stream
from plait.tasks.base import SPECIALS, Composition, Targets, letters_or_numbers, words_and_marks
from plait.tasks.lookup import Lookup, latest, shifted

if TYPE_CHECKING:
    import torch
    from jaxtyping import Int
    from torch import Tensor
else:
    torch = deferred("torch")


@dataclass(frozen=True, kw_only=True)
class FuzzyRecall(Lookup):
    """`n_letters` small letters, then as many capitals. Each token is a capital with probability `p_value`.

    The target at a small letter is the capital that stood the latest time right behind the same two tokens as the
    letter and the one before it, any capital counting as the same; capitals are not scored, nor is the first token.

    Raises:
        ValueError: n_letters outside [1, 2^15], or p_value outside [0, 1].
    """

    name: ClassVar[str] = "fuzzy-recall"
    composition: ClassVar[Composition | None] = Composition(
        control="the letter at the position with the token before it, which may be any capital",
        content="for each such pair, the capital that stood right behind it the latest time",
        lookup="the content at the control",
    )

    n_letters: int = 4
    p_value: float = 0.3

    def __post_init__(self) -> None:
        check_integer("n_letters", self.n_letters, least=1, most=2**15)
        object.__setattr__(self, "p_value", check_probability("p_value", self.p_value))

    @property
    def can_be_cut(self) -> bool:
        return True

    @property
    def ordinary_tokens(self) -> int:
        return 2 * self.n_letters

    @property
    def token_names(self) -> tuple[str, ...]:
        letters = letters_or_numbers(self.n_letters)
        return (*letters, *(letter.upper() for letter in letters), *SPECIALS)

    def answers(self, row: Sequence[int]) -> Iterator[int | None]:
        n = self.n_letters
        given: dict[tuple[int, int], int] = {}
        spelled = [min(token, n) for token in row]
        for place, token in enumerate(row):
            if token >= n:
                if place > 1:
                    given[spelled[place - 1], spelled[place - 2]] = token
                yield None
            else:
                yield given.get((token, spelled[place - 1])) if place else None

    def _label(self, tokens: Int[Tensor, "*batch time"]) -> Targets:
        value = tokens >= self.n_letters
        keys = torch.where(value, shifted(self._spelled(tokens), fill=-1), -1)
        return latest(tokens, keys, self._asked(tokens))

    def _spelled(self, tokens: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        """A number for each token with the one before it, -1 where there is none."""
        letters = tokens.clamp(max=self.n_letters)
        before = shifted(letters, fill=-1)
        return torch.where(before >= 0, letters * (self.n_letters + 1) + before, -1)

    def _asked(self, tokens: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        return torch.where(tokens < self.n_letters, self._spelled(tokens), -1)

    def _draw(self, stream: Stream, batch: int, seq_len: int) -> Int[Tensor, "*members batch time"]:
        value = stream.bernoulli(self.p_value, (batch, seq_len), draw=0)
        return words_and_marks(stream, value, n_words=self.n_letters, n_marks=self.n_letters, draw=1)
