"""Associative recall with decoding: the latest bits spell the word to look up.

    tokens    c  1  a  0  d  1  b  1      two bits a word: a = 00, b = 01, c = 10, d = 11
    register  a  b  b  c  c  b  b  d      s <- (2 s + bit) mod W, a (0) at the start
    targets   -  -  -  1  1  -  -  1      what followed the latest earlier `s`;  - = not scored: none yet

At the first 0 the register is 10 = c, and a 1 followed the c at the start.
Source: arXiv 2603.08859, Theorems 4.5 and 4.6.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from plait.checks import check_choice, check_integer, check_probability
from plait.deferred import deferred
from plait.native.library import INTEGER, POINTER, CompiledFunction
from plait.random import Stream
from plait.tasks.base import (
    SPECIALS,
    BuiltInTask,
    Composition,
    Targets,
    words_and_marks,
)
from plait.tasks.lookup import follow_latest, followed_latest

if TYPE_CHECKING:
    import torch
    from jaxtyping import Bool, Int
    from torch import Tensor
else:
    torch = deferred("torch")

_VARIANTS = ("interleaved", "last")

_BIT_REGISTER = CompiledFunction("plait_bit_register", (POINTER, POINTER, *(INTEGER,) * 4))


@dataclass(frozen=True, kw_only=True)
class DecodingRecall(BuiltInTask):
    """`W = 2^n_bits` words, then the tokens of bit 0 and bit 1.

    The target is the token that followed the latest earlier occurrence of the word in the register; not
    scored where there is none.

    Variants:
        interleaved: a token is a bit with probability `p_bit`, uniform, else a uniform word, independently.
        last: uniform words, and the last `n_bits` tokens are uniform bits, so that they spell a uniform word,
            first bit highest; only the last position is scored (by the same rule, whatever the last tokens
            are). `p_bit` has no part in it.

    Raises:
        ValueError: n_bits outside [1, 20], p_bit outside [0, 1], or an unknown variant.
    """

    name: ClassVar[str] = "decoding-recall"
    composition: ClassVar[Composition | None] = Composition(
        control="the register s <- (2 s + bit) mod W over the bits up to and including the position, from 0",
        content="for each word, the token that followed its latest occurrence before the position",
        lookup="the content at word s",
    )

    n_bits: int = 5
    p_bit: float = 0.2
    variant: Literal["interleaved", "last"] = "interleaved"

    def __post_init__(self) -> None:
        check_integer("n_bits", self.n_bits, least=1, most=20)
        object.__setattr__(self, "p_bit", check_probability("p_bit", self.p_bit))
        check_choice("variant", self.variant, _VARIANTS)

    @property
    def n_words(self) -> int:
        return 2**self.n_bits

    @property
    def can_be_cut(self) -> bool:
        return self.variant == "interleaved"

    @property
    def ordinary_tokens(self) -> int:
        return self.n_words + 2

    @property
    def token_names(self) -> tuple[str, ...]:
        return (*(f"w{word}" for word in range(self.n_words)), "0", "1", *SPECIALS)

    def answers(self, row: Sequence[int]) -> Iterator[int | None]:
        found = followed_latest(row, row, self._spelled(row))
        if self.variant == "last":
            return (answer if place == len(row) - 1 else None for place, answer in enumerate(found))
        return found

    def _spelled(self, row: Sequence[int]) -> Iterator[int]:
        """The register at each position."""
        word = 0
        for token in row:
            if token >= self.n_words:
                word = (2 * word + token - self.n_words) % self.n_words
            yield word

    def _label(self, tokens: Int[Tensor, "*batch time"]) -> Targets:
        targets = follow_latest(tokens, tokens, self._register(tokens))
        if self.variant == "last":
            targets.tokens[..., :-1] = 0
            targets.scored[..., :-1] = False
        return targets

    def control(
        self, tokens: Int[Tensor, "*batch time"]
    ) -> tuple[Int[Tensor, "*batch time"], Bool[Tensor, "*batch time"]]:
        """The register at each position; it is defined everywhere, being 0 at the start.

        Raises:
            ValueError: as `targets`.
        """
        tokens = self.check_tokens(tokens)
        return self._register(tokens), torch.ones_like(tokens, dtype=torch.bool)

    def _register(self, tokens: Tensor) -> Tensor:
        compiled = _BIT_REGISTER.find() if tokens.device.type == "cpu" else None
        if compiled is None:
            return self._register_by_counting(tokens)
        tokens, time = tokens.contiguous(), tokens.shape[-1]
        registers = torch.empty_like(tokens)
        compiled(
            registers.data_ptr(),
            tokens.data_ptr(),
            self.n_words,
            self.n_words - 1,
            tokens.numel() // time,
            time,
        )
        return registers

    def _register_by_counting(self, tokens: Tensor) -> Tensor:
        bit = tokens >= self.n_words
        count = bit.cumsum(-1)
        # Bit number c of a row goes to place n_bits - 1 + c, behind n_bits zeros; words to a place never
        # read.
        time = tokens.shape[-1]
        place = torch.where(bit, count + self.n_bits - 1, time + self.n_bits)
        bits = tokens.new_zeros((*tokens.shape[:-1], time + self.n_bits + 1))
        bits.scatter_(-1, place, tokens - self.n_words)
        registers = tokens.new_zeros((*tokens.shape[:-1], time + 1))
        for oldest_first in range(self.n_bits):
            registers = 2 * registers + bits[..., oldest_first : oldest_first + time + 1]
        return registers.gather(-1, count)

    def _draw(self, stream: Stream, batch: int, seq_len: int) -> Int[Tensor, "*members batch time"]:
        shape = (batch, seq_len)
        if self.variant == "last":
            if seq_len < self.n_bits:
                raise ValueError(f"seq_len must be at least n_bits = {self.n_bits}, got {seq_len}")
            positions = torch.arange(seq_len, device=stream.device)
            bit = (positions >= seq_len - self.n_bits).expand(*stream.members, *shape)
        else:
            bit = stream.bernoulli(self.p_bit, shape, draw=0)
        return words_and_marks(stream, bit, n_words=self.n_words, n_marks=2, draw=1)
