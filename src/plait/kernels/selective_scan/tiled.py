"""The selective scan on a GPU with a tile's lanes over channels and states; not in use yet.

Its kernels give what `reference.py` gives, on a card too (`tests/gpu`), and have about half the instructions of those
in `gpu.py` (docs/log.md). Their time is not measured, so nothing but tests and `benchmarks/wide.py` calls them.
"""
# pyright: standard, reportIncompatibleMethodOverride=false, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from plait.kernels.selective_scan.rows import scan_rows

_STATES = (512, 512)
"""States of a program's channels together, forward and backward: more spill, fewer take more shuffles for a sum."""
_CHUNK = 4
"""Positions between two stored states."""


def selective_scan(
    x: Float[Tensor, "*batch time d_inner"],
    *,
    dt: Float[Tensor, "*batch time d_inner"],
    A: Float[Tensor, "*members d_inner d_state"],
    B: Float[Tensor, "*batch time d_state"],
    C: Float[Tensor, "*batch time d_state"],
    D: Float[Tensor, "*members d_inner"] | None,
) -> Float[Tensor, "*batch time d_inner"]:
    """What `reference.selective_scan` gives, in the type of `dt`: float32 or float64, as A and D; all on a GPU.

    x, B and C may be of 16 bits.
    """
    return scan_rows(_Scan.apply, x, dt=dt, A=A, B=B, C=C, D=D)


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
        import triton

        from plait.kernels.common.gpu_rows import by_rows
        from plait.kernels.selective_scan.tiled_kernels import tiled_forward

        x, dt, B, C = x.contiguous(), dt.contiguous(), by_rows(B), by_rows(C)
        rate = (A.mT * math.log2(math.e)).contiguous()
        rows, time, inner = x.shape
        y = torch.empty_like(dt)
        kept = dt.new_empty(rows, triton.cdiv(time, _CHUNK), *rate.shape[1:])
        ctx.save_for_backward(x, dt, rate, B, C, kept)
        launch = _launch(rate, _STATES[0])
        tiled_forward[rows, triton.cdiv(inner, launch["CHANNELS"])](
            x, dt, rate, B, C, y, kept, rows // len(rate), time, B.stride(1), C.stride(1), **launch
        )
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, ...]:
        import triton

        from plait.kernels.selective_scan.tiled_kernels import tiled_backward

        x, dt, rate, B, C, kept = ctx.saved_tensors
        rows, time, inner = x.shape
        launch, batch = _launch(rate, _STATES[1]), rows // len(rate)
        blocks = triton.cdiv(inner, launch["CHANNELS"])
        dx, ddt = torch.empty_like(x), torch.empty_like(dt)
        dA = rate.new_empty(len(rate), batch, *rate.shape[1:])
        dBC = dt.new_empty(rows, time, blocks, 2 * rate.shape[1])
        tiled_backward[rows, blocks](
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
