"""Dropout whose masks are a pure function of a stream, in plain PyTorch."""

import ctypes
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.kernels.common import call
from plait.random import Stream


@dataclass(frozen=True)
class Drops:
    """Entries fall at `rate`, above 0, by the draw `draw` of a stream; a layer takes some of the draws after it."""

    rate: float
    stream: Stream
    draw: int

    def __post_init__(self) -> None:
        seed = self.stream.seed
        if isinstance(seed, Tensor) and not seed.is_contiguous():
            object.__setattr__(self, "stream", replace(self.stream, seed=seed.contiguous()))

    def after(self, draws: int) -> "Drops":
        return replace(self, draw=self.draw + draws)

    @property
    def seeds(self) -> Int[Tensor, "members"]:
        """Contiguous, for kernels, which need one for each member."""
        assert isinstance(self.stream.seed, Tensor)
        return self.stream.seed

    @property
    def share(self) -> int:
        """Words, of 2^32, that keep an entry."""
        return round((1.0 - self.rate) * 2**32)

    def numbers(self) -> ctypes.Array[ctypes.c_int64]:
        """Draw, step, purpose and share, as the compiled kernels take them."""
        assert isinstance(self.stream.step, int)
        return call.integers((self.draw, self.stream.step, self.stream.purpose, self.share))


def dropout(hidden: Float[Tensor, "*shape"], drops: Drops) -> Float[Tensor, "*shape"]:
    """What `dispatch.dropout` promises.

    An entry is kept where its word of the draw, counted within its member, is below `1 - rate` of 2^32.
    """
    stream, kept = drops.stream, 1.0 - drops.rate
    shape = hidden.shape[len(stream.members) :]
    keep = stream.bernoulli(kept, shape, draw=drops.draw).to(hidden.device)
    return torch.where(keep, hidden / kept, 0.0)
