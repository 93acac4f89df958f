"""Dropout of many members in one pass, its masks computed from a stream where they are needed and never stored."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from plait.kernels import call
from plait.native import gpu
from plait.random import Stream


def usable(hidden: Tensor, stream: Stream) -> bool:
    """Whether `dropout` can take these: a seed for each member, and a type and device with compiled kernels."""
    if not isinstance(stream.seed, Tensor) or stream.seed.device != hidden.device:
        return False
    if hidden.is_cuda:
        return gpu.usable(hidden)
    return call.usable(hidden) and not isinstance(stream.step, Tensor)


def dropout(
    hidden: Float[Tensor, "members *shape"], *, rate: float, stream: Stream, draw: int
) -> Float[Tensor, "members *shape"]:
    """Entries whose word of the stream is at least `1 - rate` of 2^32 become 0, others are divided by `1 - rate`."""
    return _Dropout.apply(hidden, rate, stream, draw)  # type: ignore[no-any-return]


def _drop(hidden: Tensor, rate: float, stream: Stream, draw: int) -> Tensor:
    hidden, share = hidden.contiguous(), round((1.0 - rate) * 2**32)
    assert isinstance(stream.seed, Tensor)
    out = torch.empty_like(hidden)
    if hidden.is_cuda:
        from plait.kernels.triton.dropout import drop

        drop(hidden, out, stream, share=share, kept=1.0 - rate, draw=draw)
        return out
    assert isinstance(stream.step, int)
    seeds = stream.seed.contiguous()
    call.function("plait_dropout", hidden.dtype)(
        len(hidden), hidden[0].numel(), hidden.data_ptr(), out.data_ptr(), seeds.data_ptr(), share, 1.0 - rate,
        call.integers((draw, stream.step, stream.purpose)), call.threads(),
    )  # fmt: skip
    return out


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, rate: float, stream: Stream, draw: int) -> Tensor:
        ctx.arguments = rate, stream, draw
        return _drop(hidden, rate, stream, draw)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dout: Tensor) -> tuple[Tensor | None, ...]:
        return _drop(dout, *ctx.arguments), None, None, None
