"""Dropout as every kernel is told of it: a rate, and where in a stream its words are."""

import ctypes
from typing import NamedTuple

from jaxtyping import Int
from torch import Tensor

from plait.kernels.common import call
from plait.random import Stream


class Drops(NamedTuple):
    """Dropout of a kernel's entries at `rate`, by the draws from `draw` on of a stream with a seed for each member."""

    rate: float
    seeds: Int[Tensor, "members"]
    step: int | Int[Tensor, ""]
    purpose: int
    draw: int

    @classmethod
    def of(cls, rate: float, stream: Stream, draw: int) -> "Drops":
        assert isinstance(stream.seed, Tensor)
        return cls(rate, stream.seed.contiguous(), stream.step, stream.purpose, draw)

    @property
    def share(self) -> int:
        """Words, of 2^32, that keep an entry."""
        return round((1.0 - self.rate) * 2**32)

    def numbers(self) -> ctypes.Array[ctypes.c_int64]:
        """Draw, step, purpose and share, as the compiled kernels take them."""
        assert isinstance(self.step, int)
        return call.integers((self.draw, self.step, self.purpose, self.share))
