"""The selective scan alone on a GPU, forward and backward, for layers that the fused kernels do not take.

Those are wide layers, whose products PyTorch does well, layers in other types than float32 (16-bit ones scan in
float32), and long convolutions. Its backward pass can be differentiated once, and `torch.func` cannot see into it.
"""
# pyright: standard, reportIncompatibleMethodOverride=false, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from plait.kernels.selective_scan.rows import scan_rows
from plait.native import gpu

_STATES = (512, 512)
"""States of a program's channels together, forward and backward: more spill, fewer take more shuffles for a sum."""
_CHUNK = 4
"""Positions between two stored states."""
_MOST_STATES = 128
"""Past this a program's states do not fit its registers."""
_INDICES = 2**31
"""Elements of one sequence that the kernels can address."""


def usable(*tensors: Tensor) -> bool:
    """Whether `selective_scan` can take x, dt, A, B, C and D, if any.

    dt, A and D are all float32 or all float64, on the current CUDA device; x, B and C likewise, or of 16 bits.
    """
    x, dt, A, B, C, *skip = tensors
    states, blocks = A.shape[-1], -(-x.shape[-1] // _channels(A.shape[-1], _STATES[1]))
    largest = x.shape[-2] * max(states * x.shape[-1], 2 * states * blocks)
    fits = states <= _MOST_STATES and largest < _INDICES
    types = (A.dtype, torch.bfloat16, torch.float16)
    inputs = all(t.dtype in types and t.device == A.device for t in (x, B, C))
    return fits and inputs and gpu.usable(dt, A, *skip, dtypes=(torch.float32, torch.float64))


def selective_scan(
    x: Float[Tensor, "*batch time d_inner"],
    *,
    dt: Float[Tensor, "*batch time d_inner"],
    A: Float[Tensor, "*members d_inner d_state"],
    B: Float[Tensor, "*batch time d_state"],
    C: Float[Tensor, "*batch time d_state"],
    D: Float[Tensor, "*members d_inner"] | None,
) -> Float[Tensor, "*batch time d_inner"]:
    """What `reference.selective_scan` gives, in the type of `dt`."""
    return scan_rows(_Scan.apply, x, dt=dt, A=A, B=B, C=C, D=D)


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
        import triton

        from plait.kernels.common.gpu_rows import by_rows
        from plait.kernels.selective_scan.wide_kernels import wide_forward

        x, dt, B, C = x.contiguous(), dt.contiguous(), by_rows(B), by_rows(C)
        rate = (A.mT * math.log2(math.e)).contiguous()
        rows, time, inner = x.shape
        y = torch.empty_like(dt)
        kept = dt.new_empty(rows, triton.cdiv(time, _CHUNK), *rate.shape[1:])
        ctx.save_for_backward(x, dt, rate, B, C, kept)
        launch = _launch(rate, _STATES[0])
        wide_forward[rows, triton.cdiv(inner, launch["CHANNELS"])](
            x, dt, rate, B, C, y, kept, rows // len(rate), time, B.stride(1), C.stride(1), **launch
        )
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, ...]:
        import triton

        from plait.kernels.selective_scan.wide_kernels import wide_backward

        x, dt, rate, B, C, kept = ctx.saved_tensors
        rows, time, inner = x.shape
        launch, batch = _launch(rate, _STATES[1]), rows // len(rate)
        blocks = triton.cdiv(inner, launch["CHANNELS"])
        dx, ddt = torch.empty_like(x), torch.empty_like(dt)
        dA = rate.new_empty(len(rate), batch, *rate.shape[1:])
        dBC = dt.new_empty(rows, time, blocks, 2 * rate.shape[1])
        wide_backward[rows, blocks](
            x, dt, rate, B, C, kept, dy.contiguous(), dx, ddt, dA, dBC, batch, time, B.stride(1), C.stride(1), **launch
        )  # fmt: skip
        dB, dC = dBC.sum(2).chunk(2, dim=-1)
        return dx, ddt, dA.sum(1).mT, dB.to(B.dtype), dC.to(C.dtype)


def _channels(states: int, together: int) -> int:
    """Of a program."""
    return max(1, together // (1 << (states - 1).bit_length()))


def _launch(rate: Tensor, together: int) -> dict[str, Any]:
    """What the kernels are compiled and started with."""
    from plait.kernels.common.gpu_tiles import padded

    states, inner = rate.shape[-2:]
    channels = min(_channels(states, together), padded(inner, 1))
    return {
        "INNER": inner, "N": states, "STATES": padded(states, 1), "CHANNELS": channels, "CHUNK": _CHUNK, "num_warps": 1,
    }  # fmt: skip
