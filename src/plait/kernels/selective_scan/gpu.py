"""The selective scan alone on a GPU, forward and backward, for layers that the fused kernels do not take.

Those are the wide ones, whose products PyTorch does well, and those in other types than float32.
"""
# pyright: standard, reportIncompatibleMethodOverride=false, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from plait.native import gpu

_DTYPES = (torch.float32, torch.float64)
_CHANNELS = (32, 16)
"""Of a program, forward and backward."""
_CHUNK = 4
"""Positions between two stored states."""


def usable(*tensors: Tensor) -> bool:
    """Whether `selective_scan` can take these tensors: float32 or float64 on one CUDA device, all alike."""
    first = tensors[0]
    alike = all(t.dtype == first.dtype and t.device == first.device for t in tensors)
    return first.is_cuda and first.dtype in _DTYPES and alike and gpu.available()


def selective_scan(
    x: Float[Tensor, "*batch time d_inner"],
    *,
    dt: Float[Tensor, "*batch time d_inner"],
    A: Float[Tensor, "*members d_inner d_state"],
    B: Float[Tensor, "*batch time d_state"],
    C: Float[Tensor, "*batch time d_state"],
    D: Float[Tensor, "*members d_inner"],
) -> Float[Tensor, "*batch time d_inner"]:
    """What `reference.selective_scan` gives, in float32 or float64."""
    rows = x.shape[:-2].numel()
    y = _Scan.apply(
        x.reshape(rows, *x.shape[-2:]),
        dt.reshape(rows, *dt.shape[-2:]),
        A.reshape(-1, *A.shape[-2:]),
        torch.cat((B, C), dim=-1).reshape(rows, x.shape[-2], -1),
    )
    skip = D.reshape(*D.shape[:-1], *(1,) * (x.ndim - D.ndim), D.shape[-1])
    return y.reshape(x.shape) + skip * x  # type: ignore[no-any-return]


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dt: Tensor, A: Tensor, BC: Tensor) -> Tensor:
        import triton

        from plait.kernels.selective_scan.triton import scan_forward

        x, dt, A, BC = (tensor.contiguous() for tensor in (x, dt, A, BC))
        rows, time, inner = x.shape
        y = torch.empty_like(x)
        kept = x.new_empty(rows, triton.cdiv(time, _CHUNK), A.shape[-1], inner)
        ctx.save_for_backward(x, dt, A, BC, kept)
        batch, channels, sizes = _sizes(x, A, _CHANNELS[0])
        scan_forward[rows, triton.cdiv(inner, channels)](
            x, dt, A, BC, y, kept, A.stride(0), batch, time, **sizes
        )
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, ...]:
        import triton

        from plait.kernels.selective_scan.triton import scan_backward

        x, dt, A, BC, kept = ctx.saved_tensors
        rows, time, inner = x.shape
        batch, channels, sizes = _sizes(x, A, _CHANNELS[1])
        blocks = triton.cdiv(inner, channels)
        dx, ddt = torch.empty_like(x), torch.empty_like(x)
        dA = x.new_empty(A.shape[0], batch, *A.shape[1:])
        dBC = x.new_empty(rows, time, blocks, BC.shape[-1])
        scan_backward[rows, blocks](
            x, dt, A, BC, kept, dy.contiguous(), dx, ddt, dA, dBC, A.stride(0), batch, time, **sizes
        )
        return dx, ddt, dA.sum(1), dBC.sum(2)


def _sizes(x: Tensor, A: Tensor, channels: int) -> tuple[int, int, dict[str, Any]]:
    """Sequences of a member, channels of a program, and what a kernel is compiled for."""
    from plait.kernels.triton.tiles import padded

    inner, states = A.shape[-2:]
    channels = min(channels, padded(inner, 1))
    sizes = {
        "INNER": inner, "N": states, "STATES": padded(states, 1), "CHANNELS": channels, "CHUNK": _CHUNK,
        "LOG": False, "num_warps": 1,
    }  # fmt: skip
    return x.shape[0] // A.shape[0], channels, sizes
