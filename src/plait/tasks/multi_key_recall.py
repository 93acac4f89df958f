"""Multi-key associative recall: what came after these k words the last time?

    tokens    a  b  c  b  c  d  b  c  a  b      k = 2
    targets   -  -  -  -  b  -  -  d  -  -      - = not scored: the key is new

The last position shows the rule for the start: keys are recorded from position k on (0-based), so the key `a
b` that ended at position 1 is not found. Source: arXiv 2603.08859, Figure 6 (MKAR) and the released
generator.
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
class MultiKeyRecall(BuiltInTask):
    """Uniform words out of `n_words`; a key is `key_length` words in a row.

    The target is the token after the latest earlier occurrence of the last `key_length` words; not scored
    where there is none. Occurrences that end before position `key_length` (0-based) do not count.

    Raises:
        ValueError: n_words or key_length below 1.
    """

    name: ClassVar[str] = "multi-key-recall"
    composition: ClassVar[Composition | None] = Composition(
        control="the last key_length words up to and including the position",
        content="for each key, the token that followed its latest occurrence that ended before the position",
        lookup="the content at the control",
    )

    n_words: int = 8
    key_length: int = 2

    def __post_init__(self) -> None:
        check_integer("n_words", self.n_words, least=1, most=MOST_WORDS)
        check_integer("key_length", self.key_length, least=1, most=2**31 - 1)

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
        k = self.key_length
        keys = [-1] * min(k, len(row)) + _key_numbers(row, k)[k:]
        return followed_latest(row, keys, keys)

    def _label(self, tokens: Int[Tensor, "*batch time"]) -> Targets:
        time = tokens.shape[-1]
        if time <= self.key_length:
            return Targets(torch.zeros_like(tokens), torch.zeros_like(tokens, dtype=torch.bool))
        keys = self._keys(tokens, most=2**62 // time)
        positions = torch.arange(time, device=tokens.device)
        recorded = torch.where(positions >= self.key_length, keys, -1)
        return follow_latest(tokens, recorded, recorded)

    def control(
        self, tokens: Int[Tensor, "*batch time"]
    ) -> tuple[Int[Tensor, "*batch time"], Bool[Tensor, "*batch time"]]:
        """The key as a number in base `n_words`, first word highest; undefined (0) before key_length - 1.

        Raises:
            ValueError: as `targets`, or a key that does not fit into 63 bits.
        """
        tokens = self.check_tokens(tokens)
        if self.n_words ** min(self.key_length, 64) > 2**63:
            raise ValueError(
                f"a control must fit into 63 bits, got {self.n_words} words to the power {self.key_length}"
            )
        positions = torch.arange(tokens.shape[-1], device=tokens.device)
        defined = (positions >= self.key_length - 1).expand(tokens.shape)
        return self._keys(tokens, most=2**63) * defined, defined

    def _keys(self, tokens: Tensor, *, most: int) -> Tensor:
        """Integers below `most` that are equal where the keys are.

        They mean something from position key_length - 1 on. As long as they stay below `most`, they are the
        keys as numbers in base n_words; longer keys are renumbered within their row.
        """
        keys, n_keys = tokens, self.n_words
        for _ in range(min(self.key_length, tokens.shape[-1]) - 1):
            if n_keys * self.n_words > most:
                keys, n_keys = _ranks(keys), keys.shape[-1]
            keys, n_keys = keys.roll(1, -1).mul_(self.n_words).add_(tokens), n_keys * self.n_words
        return keys

    def _draw(self, stream: Stream, batch: int, seq_len: int) -> Int[Tensor, "*members batch time"]:
        return stream.integers(self.n_words, (batch, seq_len), draw=0)


def _key_numbers(row: Sequence[int], k: int) -> list[int]:
    """A number for the `k` tokens up to each position, equal where they are; before position k - 1 for fewer.

    Keys of twice the length are pairs of keys: the work grows with the logarithm of k.
    """
    numbers, length = list(row), 1
    for bit in f"{k:b}"[1:]:
        for tail, more in ((numbers, length), (row, 1)) if bit == "1" else ((numbers, length),):
            known: dict[tuple[int, int], int] = {}
            pairs = zip([-1] * min(more, len(row)) + numbers[: max(0, len(row) - more)], tail, strict=True)
            numbers = [known.setdefault(pair, len(known)) for pair in pairs]
            length += more
    return numbers


def _ranks(keys: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
    """For each row, its distinct values renumbered 0, 1, .. in their order."""
    ordered, places = keys.sort(-1)
    steps = torch.zeros_like(keys)
    steps[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    return torch.empty_like(keys).scatter_(-1, places, steps.cumsum(-1))
