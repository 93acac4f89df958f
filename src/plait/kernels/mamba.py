"""A whole Mamba-1 layer in one compiled call, forward and backward (see `mamba_layer.cpp`)."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from plait.kernels import call
from plait.native import gpu

MAX_CONV = 16
"""Longest convolution that the compiled layer reads."""


def usable(hidden: Tensor, parameters: tuple[Tensor, ...]) -> bool:
    """Whether `mamba_layer` can take these tensors: their type, device and sizes."""
    if hidden.ndim not in (3, 4) or parameters[2].shape[-1] > MAX_CONV:
        return False
    if hidden.is_cuda:
        sizes = hidden.shape[-1], *parameters[7].shape[-2:]
        return max(sizes) <= call.WIDEST_ON_GPU and gpu.usable(hidden, *parameters)
    return call.usable(hidden, *parameters)


def mamba_layer(
    hidden: Float[Tensor, "members batch time d_model"], parameters: tuple[Tensor, ...], *, eps: float
) -> Float[Tensor, "members batch time d_model"]:
    """RMSNorm, mixer and residual of a Mamba-1 layer.

    Args:
        parameters: each with a leading members axis: norm weight (d_model), in_proj (2 d_inner, d_model), conv
            (d_inner, 1, d_conv), conv bias (d_inner), x_proj (dt_rank + 2 d_state, d_inner), dt_proj (d_inner,
            dt_rank), dt bias (d_inner), A_log (d_inner, d_state), D (d_inner), out_proj (d_model, d_inner).
        eps: of the RMSNorm.
    """
    if hidden.is_cuda:
        from plait.kernels.triton import mamba

        return mamba.mamba_layer(hidden, parameters, eps=eps)
    return _MambaLayer.apply(hidden, eps, *parameters)  # type: ignore[no-any-return]


class _MambaLayer(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, eps: float, *parameters: Tensor) -> Tensor:
        hidden = hidden.contiguous()
        parameters = tuple(call.by_member(p) for p in parameters)
        ctx.save_for_backward(hidden, *parameters)
        ctx.eps = eps
        out = torch.empty_like(hidden)
        call.function("plait_mamba_forward", hidden.dtype)(
            _shape(hidden, parameters), eps, call.pointers(parameters), _strides(parameters),
            hidden.data_ptr(), out.data_ptr(), call.threads(),
        )  # fmt: skip
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dout: Tensor) -> tuple[Tensor | None, ...]:
        hidden, *parameters = ctx.saved_tensors
        dout = dout.contiguous()
        members, batch = hidden.shape[:2]
        groups = -(-batch // call.ROWS_PER_GROUP)
        packed = hidden.new_empty(members, groups, sum(p[0].numel() for p in parameters))
        dhidden = torch.empty_like(hidden)
        call.function("plait_mamba_backward", hidden.dtype)(
            _shape(hidden, parameters), ctx.eps, call.pointers(parameters), _strides(parameters),
            hidden.data_ptr(), dout.data_ptr(), dhidden.data_ptr(), packed.data_ptr(),
            call.ROWS_PER_GROUP, call.threads(),
        )  # fmt: skip
        return dhidden, None, *call.split_gradients(packed, parameters)


def _shape(hidden: Tensor, parameters: tuple[Tensor, ...] | list[Tensor]) -> Any:
    d_inner, d_state = parameters[7].shape[1:]
    d_conv, dt_rank = parameters[2].shape[-1], parameters[5].shape[-1]
    return call.integers((*hidden.shape, d_inner, d_state, d_conv, dt_rank))


def _strides(parameters: tuple[Tensor, ...] | list[Tensor]) -> Any:
    return call.integers([p.stride(0) for p in parameters])
