"""Dropout of many members in one pass, its masks computed from a stream where they are needed and never stored."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from plait.kernels.common import call
from plait.kernels.dropout import reference
from plait.kernels.dropout.reference import Drops
from plait.native.library import INTEGER, POINTER, REAL, triton_takes


def usable(hidden: Tensor, drops: Drops) -> bool:
    """Whether kernels can take these: a seed for each member, and a type and device with compiled kernels."""
    stream = drops.stream
    if not isinstance(stream.seed, Tensor) or stream.seed.device != hidden.device:
        return False
    if hidden.ndim == 0 or len(hidden) != len(stream.seed):
        return False
    if hidden.is_cuda:
        return triton_takes(hidden)
    return call.usable(hidden) and not isinstance(stream.step, Tensor)


def dropout(hidden: Float[Tensor, "*shape"], drops: Drops | None) -> Float[Tensor, "*shape"]:
    """A share `rate` of `hidden` set to zero, the rest divided by `1 - rate`; unchanged where nothing drops.

    Raises:
        ValueError: the stream has members and `hidden` does not start with as many.
    """
    if drops is None:
        return hidden
    members = drops.stream.members
    if tuple(hidden.shape[: len(members)]) != members:
        raise ValueError(
            f"a dropout stream of {members[0]} members needs hidden states that start with that axis, "
            f"got shape {tuple(hidden.shape)}"
        )
    if usable(hidden, drops):
        return _Dropout.apply(hidden, drops)  # type: ignore[no-any-return]
    return reference.dropout(hidden, drops)


def _drop(hidden: Tensor, drops: Drops) -> Tensor:
    if hidden.is_cuda:
        from plait.kernels.dropout import gpu

        return gpu.drop(hidden.contiguous(), drops)
    return _drop_compiled(hidden.contiguous(), drops)


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, drops: Drops) -> Tensor:
        ctx.drops = drops
        return _drop(hidden, drops)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dout: Tensor) -> tuple[Tensor | None, ...]:
        return _drop(dout, ctx.drops), None


_DROPOUT = call.Kernel("plait_dropout", (INTEGER, INTEGER, *(POINTER,) * 3, REAL, POINTER, INTEGER))


def _drop_compiled(hidden: Tensor, drops: Drops) -> Tensor:
    """`cpu.cpp`, of contiguous `hidden`."""
    out = torch.empty_like(hidden)
    _DROPOUT.of(hidden.dtype)(
        len(hidden), hidden[0].numel(), hidden.data_ptr(), out.data_ptr(), drops.seeds.data_ptr(), 1.0 - drops.rate,
        drops.numbers(), call.threads(),
    )  # fmt: skip
    return out
