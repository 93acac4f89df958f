"""Dropout of many members in one pass, its masks computed from a stream where they are needed and never stored."""

import ctypes
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from plait.kernels import call
from plait.native import gpu
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


def usable(hidden: Tensor, stream: Stream) -> bool:
    """Whether kernels can take these: a seed for each member, and a type and device with compiled kernels."""
    if not isinstance(stream.seed, Tensor) or stream.seed.device != hidden.device:
        return False
    if hidden.ndim == 0 or len(hidden) != len(stream.seed):
        return False
    if hidden.is_cuda:
        return gpu.usable(hidden)
    return call.usable(hidden) and not isinstance(stream.step, Tensor)


def dropout(
    hidden: Float[Tensor, "members *shape"], *, rate: float, stream: Stream, draw: int
) -> Float[Tensor, "members *shape"]:
    """Entries whose word of the stream is at least `1 - rate` of 2^32 become 0, others are divided by `1 - rate`."""
    return _Dropout.apply(hidden, Drops.of(rate, stream, draw))  # type: ignore[no-any-return]


def _drop(hidden: Tensor, drops: Drops) -> Tensor:
    hidden = hidden.contiguous()
    out = torch.empty_like(hidden)
    if hidden.is_cuda:
        from plait.kernels.triton.dropout import drop

        drop(hidden, out, drops)
        return out
    call.function("plait_dropout", hidden.dtype)(
        len(hidden), hidden[0].numel(), hidden.data_ptr(), out.data_ptr(), drops.seeds.data_ptr(),
        1.0 - drops.rate, drops.numbers(), call.threads(),
    )  # fmt: skip
    return out


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, drops: Drops) -> Tensor:
        ctx.drops = drops
        return _drop(hidden, drops)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dout: Tensor) -> tuple[Tensor | None, ...]:
        return _drop(dout, ctx.drops), None
