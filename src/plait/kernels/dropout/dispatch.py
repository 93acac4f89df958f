"""Dropout of many members in one pass, its masks computed from a stream where they are needed and never stored."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from plait.kernels.common import call
from plait.kernels.dropout import cpu
from plait.kernels.dropout.drops import Drops
from plait.native import gpu as device
from plait.random import Stream


def usable(hidden: Tensor, stream: Stream) -> bool:
    """Whether kernels can take these: a seed for each member, and a type and device with compiled kernels."""
    if not isinstance(stream.seed, Tensor) or stream.seed.device != hidden.device:
        return False
    if hidden.ndim == 0 or len(hidden) != len(stream.seed):
        return False
    if hidden.is_cuda:
        return device.usable(hidden)
    return call.usable(hidden) and not isinstance(stream.step, Tensor)


def dropout(
    hidden: Float[Tensor, "members *shape"], *, rate: float, stream: Stream, draw: int
) -> Float[Tensor, "members *shape"]:
    """What `reference.dropout` gives."""
    return _Dropout.apply(hidden, Drops.of(rate, stream, draw))  # type: ignore[no-any-return]


def _drop(hidden: Tensor, drops: Drops) -> Tensor:
    if hidden.is_cuda:
        from plait.kernels.dropout import gpu

        return gpu.drop(hidden.contiguous(), drops)
    return cpu.drop(hidden.contiguous(), drops)


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, drops: Drops) -> Tensor:
        ctx.drops = drops
        return _drop(hidden, drops)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dout: Tensor) -> tuple[Tensor | None, ...]:
        return _drop(dout, ctx.drops), None
