"""Modular counting: the sum of the digits so far, modulo a number.

    tokens    2  0  1  1  2  2      modulus = 3
    targets   2  2  0  1  0  2

With `modulus = 2` it is parity. Source: G. Deletang et al., "Neural networks and the Chomsky hierarchy", arXiv
2207.02098 (modular arithmetic without brackets, of addition alone); meaning as examples/programs/modulo_3.py and
parity.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from plait.checks import check_integer
from plait.deferred import deferred
from plait.random import Stream
from plait.tasks.base import SPECIALS, BuiltInTask, Targets

if TYPE_CHECKING:
    import torch
    from jaxtyping import Int
    from torch import Tensor
else:
    torch = deferred("torch")


@dataclass(frozen=True, kw_only=True)
class ModularCounting(BuiltInTask):
    """Uniform digits below `modulus`. The target, at every position, is their sum so far modulo `modulus`.

    Raises:
        ValueError: a modulus outside [2, 2^20].
    """

    name: ClassVar[str] = "modular-counting"

    modulus: int = 3

    def __post_init__(self) -> None:
        check_integer("modulus", self.modulus, least=2, most=2**20)

    @property
    def can_be_cut(self) -> bool:
        return True

    @property
    def ordinary_tokens(self) -> int:
        return self.modulus

    @property
    def token_names(self) -> tuple[str, ...]:
        return (*(str(digit) for digit in range(self.modulus)), *SPECIALS)

    def answers(self, row: Sequence[int]) -> Iterator[int | None]:
        total = 0
        for digit in row:
            total = (total + digit) % self.modulus
            yield total

    def _label(self, tokens: Int[Tensor, "*batch time"]) -> Targets:
        return Targets(tokens.cumsum(-1) % self.modulus, torch.ones_like(tokens, dtype=torch.bool))

    def _draw(self, stream: Stream, batch: int, seq_len: int) -> Int[Tensor, "*members batch time"]:
        return stream.integers(self.modulus, (batch, seq_len), draw=0)
