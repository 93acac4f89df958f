"""Flip counting: have the bits changed at least so often so far?

    tokens    0  1  1  0  0  1  1  0      least = 3
    targets   0  0  0  0  0  1  1  1

Source: the generators that followed arXiv 2603.08859; meaning as examples/programs/flip_counting.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from plait.checks import check_integer, check_probability
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
class FlipCounting(BuiltInTask):
    """Two bits. The first is uniform, each other one differs from its neighbour with probability `p_flip`.

    The target, at every position, is 1 from the `least`-th change of neighbours on, and 0 before.

    Raises:
        ValueError: least outside [1, 2^31), or p_flip outside [0, 1].
    """

    name: ClassVar[str] = "flip-counting"

    least: int = 10
    p_flip: float = 0.2

    def __post_init__(self) -> None:
        check_integer("least", self.least, least=1, most=2**31 - 1)
        object.__setattr__(self, "p_flip", check_probability("p_flip", self.p_flip))

    @property
    def can_be_cut(self) -> bool:
        return True

    @property
    def ordinary_tokens(self) -> int:
        return 2

    @property
    def token_names(self) -> tuple[str, ...]:
        return ("0", "1", *SPECIALS)

    def answers(self, row: Sequence[int]) -> Iterator[int | None]:
        flips = 0
        for place, bit in enumerate(row):
            flips += place > 0 and row[place - 1] != bit
            yield int(flips >= self.least)

    def _label(self, tokens: Int[Tensor, "*batch time"]) -> Targets:
        flip = tokens != tokens.roll(1, -1)
        flip[..., 0] = False
        return Targets((flip.long().cumsum(-1) >= self.least).long(), torch.ones_like(flip))

    def _draw(self, stream: Stream, batch: int, seq_len: int) -> Int[Tensor, "*members batch time"]:
        flip = stream.bernoulli(self.p_flip, (batch, seq_len), draw=0).long()
        flip[..., :1] = stream.integers(2, (batch, 1), draw=1)
        return flip.cumsum(-1) % 2
