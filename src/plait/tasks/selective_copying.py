"""Selective copying: the latest number says how far back to look.

    tokens    b  d  5' a  c  2' e  f      n' = the number token of value n
    targets   -  -  -  -  -  a  c  2'     -  = not scored: no number yet, or before the start

At `a` the 5 points two places before the start; from the 2 on, the target is the token two places back,
whatever it is. Source: arXiv 2603.08859, Definition 4.1 and the released generator.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from plait.checks import check_choice, check_integer, check_probability
from plait.deferred import deferred
from plait.native.library import INTEGER, POINTER, CompiledFunction
from plait.random import Stream
from plait.tasks.base import (
    MOST_WORDS,
    SPECIALS,
    BuiltInTask,
    Composition,
    Targets,
    letters_or_numbers,
    words_and_marks,
)

if TYPE_CHECKING:
    import torch
    from jaxtyping import Bool, Int
    from torch import Tensor
else:
    torch = deferred("torch")

RARE = 0.03
"""Probability of a number in the far half of the adversarial mixture."""

TILE = 3
"""Words in the tile that the repetitive variant repeats."""

_VARIANTS = ("uniform", "adversarial", "repetitive")

_COPY_BACK = CompiledFunction("plait_copy_back", (*(POINTER,) * 4, INTEGER, INTEGER))


@dataclass(frozen=True, kw_only=True)
class SelectiveCopying(BuiltInTask):
    """`n_words` words and one number token per value in `numbers` (positions to look back).

    The target is the token n places back, whatever it is, n being the value of the latest number token at or
    before the position; not scored before the first number and where n points before the start.

    A token is a number with probability `p_number`, uniform among them, else a word, independently. Variants:
        uniform: words are uniform.
        adversarial: each sequence is, with probability 1/2, one with numbers at probability 0.03 (the control
            is far back: hard for attention), else one at `p_number` whose last token is a number (hard for an
            SSM).
        repetitive: the word at position i is word `i % 3` of three that are uniform for each sequence.

    Raises:
        ValueError: no word, no number, a value below 1, a repeated value, p_number outside [0, 1], or an
            unknown variant.
    """

    name: ClassVar[str] = "selective-copying"
    composition: ClassVar[Composition | None] = Composition(
        control="the value n of the latest number token at or before the position",
        content="the last max(numbers) tokens before the position",
        lookup="the token n places back",
    )

    n_words: int = 26
    numbers: tuple[int, ...] = (5, 6, 7, 8, 9)
    p_number: float = 0.2
    variant: Literal["uniform", "adversarial", "repetitive"] = "uniform"

    def __post_init__(self) -> None:
        check_integer("n_words", self.n_words, least=1, most=MOST_WORDS)
        if not isinstance(self.numbers, tuple | list) or not self.numbers:
            raise ValueError(f"numbers must be one or more distinct integers >= 1, got {self.numbers!r}")
        for value in self.numbers:
            check_integer("each of numbers", value, least=1, most=2**31 - 1)
        if len(set(self.numbers)) < len(self.numbers):
            raise ValueError(f"numbers must be distinct, got {list(self.numbers)}")
        object.__setattr__(self, "numbers", tuple(self.numbers))
        object.__setattr__(self, "p_number", check_probability("p_number", self.p_number))
        check_choice("variant", self.variant, _VARIANTS)

    @property
    def can_be_cut(self) -> bool:
        return self.variant != "adversarial"

    @property
    def ordinary_tokens(self) -> int:
        return self.n_words + len(self.numbers)

    @property
    def token_names(self) -> tuple[str, ...]:
        return (*letters_or_numbers(self.n_words), *(f"{value}'" for value in self.numbers), *SPECIALS)

    def answers(self, row: Sequence[int]) -> Iterator[int | None]:
        back = 0
        for place, token in enumerate(row):
            if token >= self.n_words:
                back = self.numbers[token - self.n_words]
            yield row[place - back] if 0 < back <= place else None

    def _label(self, tokens: Int[Tensor, "*batch time"]) -> Targets:
        compiled = _COPY_BACK.find() if tokens.device.type == "cpu" else None
        if compiled is None:
            return self._copy_back(tokens)
        tokens, time = tokens.contiguous(), tokens.shape[-1]
        targets, scored = torch.empty_like(tokens), torch.empty_like(tokens, dtype=torch.bool)
        arrays = (targets, scored, tokens, self._values(tokens.device))
        compiled(*(array.data_ptr() for array in arrays), tokens.numel() // time, time)
        return Targets(targets, scored)

    def control(
        self, tokens: Int[Tensor, "*batch time"]
    ) -> tuple[Int[Tensor, "*batch time"], Bool[Tensor, "*batch time"]]:
        """The value of the latest number token (0 before the first), and whether there is one.

        Raises:
            ValueError: as `targets`.
        """
        return self._latest_number(self.check_tokens(tokens))

    def _latest_number(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        # Position and value in one integer: its running maximum carries the latest number's value along.
        bits = max(self.numbers).bit_length()
        stamps = torch.arange(1, tokens.shape[-1] + 1, device=tokens.device) << bits
        stamps = (stamps + self._values(tokens.device).take(tokens)) * (tokens >= self.n_words)
        latest = stamps.cummax(-1).values
        return latest & ((1 << bits) - 1), latest > 0

    def _copy_back(self, tokens: Tensor) -> Targets:
        steps_back, defined = self._latest_number(tokens)
        source = torch.arange(tokens.shape[-1], device=tokens.device) - steps_back
        scored = defined & (source >= 0)
        return Targets(tokens.gather(-1, source * scored) * scored, scored)

    def _values(self, device: torch.device) -> Tensor:
        """For each token, the value of a number and 0 for a word."""
        return _value_of_token(self.n_words, self.numbers, device)

    def _draw(self, stream: Stream, batch: int, seq_len: int) -> Int[Tensor, "*members batch time"]:
        if seq_len <= max(self.numbers):
            raise ValueError(
                f"seq_len must exceed every number (the largest is {max(self.numbers)}), got {seq_len}"
            )
        shape = (batch, seq_len)
        if self.variant == "adversarial":
            far = stream.bernoulli(0.5, (batch, 1), draw=2)
            number = torch.where(
                far,
                stream.bernoulli(RARE, shape, draw=0),
                stream.bernoulli(self.p_number, shape, draw=0),
            )
            number[..., -1:] |= ~far
        else:
            number = stream.bernoulli(self.p_number, shape, draw=0)
        if self.variant == "repetitive":
            tile = stream.integers(self.n_words, (batch, TILE), draw=2)
            words = tile.index_select(-1, torch.arange(seq_len, device=tile.device) % TILE)
            return torch.where(
                number, stream.integers(len(self.numbers), shape, draw=1) + self.n_words, words
            )
        return words_and_marks(stream, number, n_words=self.n_words, n_marks=len(self.numbers), draw=1)


@functools.cache
def _value_of_token(n_words: int, numbers: tuple[int, ...], device: torch.device) -> Tensor:
    """Made once a device: a graph under capture cannot copy from the CPU."""
    values = torch.zeros(n_words + len(numbers), dtype=torch.int64, device=device)
    values[n_words:] = torch.tensor(numbers, device=device)
    return values
