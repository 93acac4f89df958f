"""The selective scan alone on a GPU, forward and backward, for layers that the fused kernels do not take.

Those are wide layers, whose products PyTorch does well, layers in other types than float32 (16-bit ones scan in
float32), and long convolutions. Its backward pass can be differentiated once, and `torch.func` cannot see into it.
"""
# pyright: standard, reportIncompatibleMethodOverride=false, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from plait.kernels.selective_scan.reference import scan_rows
from plait.native import gpu

_STATES = 256
"""States of a program's channels together: more channels spill, fewer add up fewer of their gradients at once."""
_CHUNK = 4
"""Positions between two stored states."""
_MOST_STATES = 128
"""Past this a program's states do not fit its registers."""
_INDICES = 2**31
"""Elements of one sequence that the kernels can address."""


def usable(*tensors: Tensor) -> bool:
    """Whether `selective_scan` can take x, dt, A, B, C and D, if any.

    These are all float32 or all float64, on the current CUDA device.
    """
    x, _, A = tensors[:3]
    states, blocks = A.shape[-1], -(-x.shape[-1] // _channels(A.shape[-1]))
    largest = x.shape[-2] * max(states * x.shape[-1], 2 * states * blocks)
    fits = states <= _MOST_STATES and largest < _INDICES
    return fits and gpu.usable(*tensors, dtypes=(torch.float32, torch.float64))


def selective_scan(
    x: Float[Tensor, "*batch time d_inner"],
    *,
    dt: Float[Tensor, "*batch time d_inner"],
    A: Float[Tensor, "*members d_inner d_state"],
    B: Float[Tensor, "*batch time d_state"],
    C: Float[Tensor, "*batch time d_state"],
    D: Float[Tensor, "*members d_inner"] | None,
) -> Float[Tensor, "*batch time d_inner"]:
    """What `reference.selective_scan` gives, in float32 or float64."""
    return scan_rows(_Scan.apply, x, dt=dt, A=A, B=B, C=C, D=D)


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
        import triton

        from plait.kernels.selective_scan.gpu_kernels import scan_forward

        x, dt, A, BC = (tensor.contiguous() for tensor in (x, dt, A, torch.cat((B, C), dim=-1)))
        rows, time, inner = x.shape
        y = torch.empty_like(x)
        kept = x.new_empty(rows, triton.cdiv(time, _CHUNK), A.shape[-1], inner)
        ctx.save_for_backward(x, dt, A, BC, kept)
        launch = _launch(A)
        scan_forward[rows, triton.cdiv(inner, launch["CHANNELS"])](
            x, dt, A, BC, y, kept, A.stride(0), rows // len(A), time, **launch
        )
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, ...]:
        import triton

        from plait.kernels.common.gpu_tiles import sum_parts
        from plait.kernels.selective_scan.gpu_kernels import scan_backward

        x, dt, A, BC, kept = ctx.saved_tensors
        rows, time, inner = x.shape
        launch, batch = _launch(A), rows // len(A)
        blocks = triton.cdiv(inner, launch["CHANNELS"])
        dx, ddt = torch.empty_like(x), torch.empty_like(x)
        dA_parts, dA = x.new_empty(len(A), batch, A[0].numel()), torch.empty_like(A)
        dBC = x.new_empty(rows, time, blocks, BC.shape[-1])
        scan_backward[rows, blocks](
            x, dt, A, BC, kept, dy.contiguous(), dx, ddt, dA_parts, dBC, A.stride(0), batch, time, **launch
        )
        sum_parts(dA_parts, dA.view(len(A), -1))
        return dx, ddt, dA, *dBC.sum(2).chunk(2, dim=-1)


def _channels(states: int) -> int:
    """Of a program."""
    return max(1, _STATES // (1 << (states - 1).bit_length()))


def _launch(A: Tensor) -> dict[str, Any]:
    """What the kernels are compiled and started with."""
    from plait.kernels.common.gpu_tiles import padded

    inner, states = A.shape[-2:]
    return {
        "INNER": inner, "N": states, "STATES": padded(states, 1), "CHANNELS": min(_channels(states), padded(inner, 1)),
        "CHUNK": _CHUNK, "LOG": False, "num_warps": 1,
    }  # fmt: skip
