"""The selective scan alone on a GPU, forward and backward, for layers that the fused kernels do not take.

Those are wide layers, whose products PyTorch does well, layers in other types than float32 (16-bit ones scan in
float32), and long convolutions. Its backward pass can be differentiated once, and `torch.func` cannot see into it.
A tile's lanes lie over channels and states (`gpu_kernels.py`); which cut is fastest, `benchmarks/gpu_scans.py` says.
"""
# pyright: standard, reportIncompatibleMethodOverride=false, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false

import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from plait.kernels.selective_scan.reference import scan_rows
from plait.native.library import triton_takes

_MOST_STATES = 128
"""Past this a program's states do not fit its registers."""
_INDICES = 2**31
"""Elements of one sequence that the kernels can address."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """How the work is cut into programs; it changes sums' order at most.

    Args:
        forward, backward: states of a program's channels together: more spill, fewer take more shuffles for a sum.
        chunk: positions between two stored states.
        warps: of a program of each, forward and backward.
    """

    forward: int = 512
    backward: int = 512
    chunk: int = 4
    warps: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        for name, value in (("forward", self.forward), ("backward", self.backward), ("chunk", self.chunk)):
            check_power_of_two(name, value)
        for value in self.warps:
            check_power_of_two("warps", value)


def check_power_of_two(name: str, value: int) -> None:
    """Raises:
    ValueError: the value is none.
    """
    if value < 1 or value & (value - 1):
        raise ValueError(f"{name} must be a power of two, got {value}")


def usable(*tensors: Tensor) -> bool:
    """Whether `selective_scan` can take x, dt, A, B, C and D, if any.

    These are all float32 or all float64, on the current CUDA device.
    """
    x, _, A = tensors[:3]
    states = A.shape[-1]
    blocks = -(-x.shape[-1] // _channels(states, Cut().backward))
    largest = x.shape[-2] * max(states * x.shape[-1], 2 * states * blocks)
    fits = states <= _MOST_STATES and largest < _INDICES
    return fits and triton_takes(*tensors, dtypes=(torch.float32, torch.float64))


def selective_scan(
    x: Float[Tensor, "*batch time d_inner"],
    *,
    dt: Float[Tensor, "*batch time d_inner"],
    A: Float[Tensor, "*members d_inner d_state"],
    B: Float[Tensor, "*batch time d_state"],
    C: Float[Tensor, "*batch time d_state"],
    D: Float[Tensor, "*members d_inner"] | None,
    cut: Cut = Cut(),
) -> Float[Tensor, "*batch time d_inner"]:
    """What `reference.selective_scan` gives, in the type of `dt`: float32 or float64, as A and D; all on a GPU.

    x, B and C may be of 16 bits.
    """

    def scan(*tensors: Tensor) -> Tensor:
        return _Scan.apply(*tensors, cut)  # pyright: ignore[reportReturnType]

    return scan_rows(scan, x, dt=dt, A=A, B=B, C=C, D=D)


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, cut: Cut) -> Tensor:
        import triton

        from plait.kernels.common.gpu_tiles import by_rows
        from plait.kernels.selective_scan.gpu_kernels import tiled_forward

        x, dt, B, C = x.contiguous(), dt.contiguous(), by_rows(B), by_rows(C)
        rate = (A.mT * math.log2(math.e)).contiguous()
        rows, time, inner = x.shape
        y = torch.empty_like(dt)
        kept = dt.new_empty(rows, triton.cdiv(time, cut.chunk), *rate.shape[1:])
        ctx.save_for_backward(x, dt, rate, B, C, kept)
        ctx.cut = cut
        launch = _launch(rate, cut, cut.forward, cut.warps[0])
        tiled_forward[rows, triton.cdiv(inner, launch["CHANNELS"])](
            x, dt, rate, B, C, y, kept, rows // len(rate), time, B.stride(1), C.stride(1), **launch
        )
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        import triton

        from plait.kernels.selective_scan.gpu_kernels import tiled_backward

        x, dt, rate, B, C, kept = ctx.saved_tensors
        rows, time, inner = x.shape
        cut: Cut = ctx.cut
        launch, batch = _launch(rate, cut, cut.backward, cut.warps[1]), rows // len(rate)
        blocks = triton.cdiv(inner, launch["CHANNELS"])
        dx, ddt = torch.empty_like(x), torch.empty_like(dt)
        dA = rate.new_empty(len(rate), batch, *rate.shape[1:])
        dBC = dt.new_empty(rows, time, blocks, 2 * rate.shape[1])
        tiled_backward[rows, blocks](
            x, dt, rate, B, C, kept, dy.contiguous(), dx, ddt, dA, dBC, batch, time, B.stride(1), C.stride(1), **launch
        )  # fmt: skip
        dB, dC = dBC.sum(2).chunk(2, dim=-1)
        return dx, ddt, dA.sum(1).mT, dB.to(B.dtype), dC.to(C.dtype), None


def _channels(states: int, together: int) -> int:
    """Of a program."""
    return max(1, together // (1 << (states - 1).bit_length()))


def _launch(rate: Tensor, cut: Cut, together: int, warps: int) -> dict[str, Any]:
    """What the kernels are compiled and started with."""
    from plait.kernels.common.gpu_tiles import padded

    states, inner = rate.shape[-2:]
    channels = min(_channels(states, together), padded(inner, 1))
    return {
        "INNER": inner, "N": states, "STATES": padded(states, 1), "CHANNELS": channels, "CHUNK": cut.chunk,
        "num_warps": warps,
    }  # fmt: skip
