"""A whole Mamba-1 layer in one call, by whichever kernels the device has.

In C++ (`cpu.cpp`) here, on a GPU in `gpu.py`; also from a state on (`stream.cpp`), on a CPU alone.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from plait.kernels.common import call
from plait.kernels.common.call import Batch
from plait.kernels.mamba.reference import MambaWeights
from plait.native.library import INTEGER, POINTER, REAL, triton_takes

MAX_CONV = 16
"""Longest convolution that the kernels read."""


def usable(hidden: Tensor, weights: MambaWeights) -> bool:
    """Whether `mamba_layer` can take these tensors: their type, device and sizes."""
    d_inner, d_state, d_conv, _ = weights.widths
    if hidden.ndim not in (3, 4) or d_conv > MAX_CONV:
        return False
    if hidden.is_cuda:
        widest = max(hidden.shape[-1], d_inner, d_state)
        return widest <= call.WIDEST_ON_GPU and triton_takes(hidden, *weights)
    return call.usable(hidden, *weights)


def mamba_layer(
    hidden: Float[Tensor, "members batch time d_model"], weights: MambaWeights, *, eps: float
) -> Float[Tensor, "members batch time d_model"]:
    """RMSNorm, mixer and residual of a Mamba-1 layer; `eps` is the RMSNorm's."""
    if hidden.is_cuda:
        from plait.kernels.mamba import gpu

        return gpu.mamba_layer(hidden, weights, eps=eps)
    return _MambaLayer.apply(hidden, eps, *weights)  # type: ignore[no-any-return]


_FORWARD = call.Kernel("plait_mamba_forward", (POINTER, REAL, *(POINTER,) * 4, INTEGER))
_BACKWARD = call.Kernel("plait_mamba_backward", (POINTER, REAL, *(POINTER,) * 6, INTEGER, INTEGER))


class _MambaLayer(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, eps: float, *given: Tensor) -> Tensor:
        hidden, weights = hidden.contiguous(), MambaWeights(*map(call.by_member, given))
        ctx.save_for_backward(hidden, *weights)
        ctx.eps = eps
        out = torch.empty_like(hidden)
        _FORWARD.of(hidden.dtype)(
            call.integers((*hidden.shape, *weights.widths)), eps, call.pointers(weights), call.strides(weights),
            hidden.data_ptr(), out.data_ptr(), call.threads(),
        )  # fmt: skip
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dout: Tensor) -> tuple[Tensor | None, ...]:
        hidden, *saved = ctx.saved_tensors
        weights, dout = MambaWeights(*saved), dout.contiguous()
        members, batch = hidden.shape[:2]
        groups = -(-batch // call.ROWS_PER_GROUP)
        packed = hidden.new_empty(members, groups, sum(call.weight_sizes(weights)))
        dhidden = torch.empty_like(hidden)
        _BACKWARD.of(hidden.dtype)(
            call.integers((*hidden.shape, *weights.widths)), ctx.eps, call.pointers(weights), call.strides(weights),
            hidden.data_ptr(), dout.data_ptr(), dhidden.data_ptr(), packed.data_ptr(), call.ROWS_PER_GROUP,
            call.threads(),
        )  # fmt: skip
        return dhidden, None, *call.split_gradients(packed, weights)


_ADVANCE = call.Kernel("plait_stream_mamba", (POINTER, REAL, *(POINTER,) * 7, INTEGER))


def mamba_advance(
    hidden: Tensor, state: tuple[Tensor, Tensor], weights: MambaWeights, *, batch: Batch, eps: float
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """The layer over `batch.time` more tokens: hidden states, and SSM state and convolution tail after them.

    `weights` have no members axis.
    """
    hidden, weights = hidden.contiguous(), MambaWeights(*(weight.contiguous() for weight in weights))
    before = [part.contiguous() for part in state]
    out = torch.empty_like(hidden)
    ssm, tail = torch.empty_like(before[0]), torch.empty_like(before[1])
    shape = (batch.size, batch.time, weights.norm.shape[0], *weights.widths, batch.tiled)
    _ADVANCE.of(hidden.dtype)(
        call.integers(shape), eps, call.pointers(weights), hidden.data_ptr(), out.data_ptr(), before[0].data_ptr(),
        ssm.data_ptr(), before[1].data_ptr(), tail.data_ptr(), call.threads(),
    )  # fmt: skip
    return out, (ssm, tail)
