"""A whole Mamba-1 layer on a GPU, forward and backward: what `cpu.cpp` is on the CPU."""
# pyright: standard, reportIncompatibleMethodOverride=false, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false

from typing import Any, NamedTuple

import torch
import triton
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from plait.kernels.common import call
from plait.kernels.common.gpu_tiles import Rows, Tiling, padded, sum_parts, tiling_for
from plait.kernels.mamba import gpu_backward, gpu_forward
from plait.kernels.mamba.reference import MambaWeights
from plait.kernels.selective_scan.gpu_kernels import scan_backward, scan_forward


def mamba_layer(
    hidden: Float[Tensor, "members batch time d_model"],
    weights: MambaWeights,
    *,
    eps: float,
    tiling: Tiling | None = None,
) -> Float[Tensor, "members batch time d_model"]:
    """What `dispatch.mamba_layer` promises."""
    tiling = tiling or tiling_for(weights.D.shape[-1])
    return _MambaLayer.apply(hidden, eps, tiling, *weights)  # type: ignore[no-any-return]


class _MambaLayer(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, eps: float, tiling: Tiling, *given: Tensor) -> Tensor:
        hidden, weights = hidden.contiguous(), MambaWeights(*map(call.by_member, given))
        cut = _Cut(hidden, weights, eps, tiling)
        out, kept = _forward(cut, hidden, weights)
        ctx.save_for_backward(hidden, *weights, *kept)
        ctx.cut = cut
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dout: Tensor) -> tuple[Tensor | None, ...]:
        hidden, *saved = ctx.saved_tensors
        count = len(MambaWeights._fields)
        weights, kept = MambaWeights(*saved[:count]), _Kept(*saved[count:])
        dhidden, flat = _backward(ctx.cut, hidden, kept, weights, dout.contiguous())
        return dhidden, None, None, *call.split_gradients(flat.unsqueeze(1), weights)


class _Kept(NamedTuple):
    """What the forward pass leaves for the backward pass (see `gpu_forward.py`), and the scan's states."""

    projected: Tensor
    u: Tensor
    x: Tensor
    dt: Tensor
    y: Tensor
    low: Tensor
    BC: Tensor
    states: Tensor


_FEW = 4
"""Ranks of dt up to this are handled without products of tiles."""


class _Cut:
    """Sizes of a layer and of its programs."""

    def __init__(self, hidden: Tensor, weights: MambaWeights, eps: float, tiling: Tiling) -> None:
        self.members, self.batch, self.time, self.D = hidden.shape
        self.inner, self.N, self.taps, self.R = weights.widths
        self.rows, self.eps, self.tiling = self.batch * self.time, eps, tiling
        self.model = {"D": self.D, "INNER": self.inner, "D_PAD": padded(self.D), "I_PAD": padded(self.inner)}
        few = self.R <= _FEW
        self.states = {
            "INNER": self.inner, "N": self.N, "R": self.R, "TAPS": self.taps, "I_PAD": padded(self.inner),
            "S_PAD": padded(2 * self.N), "R_PAD": padded(self.R, 1 if few else 16), "FEW": few,
        }  # fmt: skip
        self.scan = {
            "INNER": self.inner,
            "N": self.N,
            "STATES": padded(self.N, 1),
            "CHUNK": tiling.chunk,
            "LOG": True,
        }
        forward, self.channels = (min(channels, padded(self.inner, 1)) for channels in tiling.channels)
        self.scan_forward = self.scan | {"CHANNELS": forward, "num_warps": 1}
        self.scan_backward = self.scan | {"CHANNELS": self.channels, "num_warps": 1}
        self.blocks = triton.cdiv(self.inner, self.channels)

    def tiles(self, cut: Rows) -> tuple[int, int]:
        return self.members, triton.cdiv(self.rows, cut.rows)

    def sequences(self, channels: int) -> tuple[int, int]:
        return self.members * self.batch, triton.cdiv(self.inner, channels)


def _forward(cut: _Cut, hidden: Tensor, weights: MambaWeights) -> tuple[Tensor, _Kept]:
    tiling = cut.tiling
    norm, in_proj, conv, conv_bias, x_proj, dt_proj, dt_bias, A_log, skip, out_proj = weights

    def empty(width: int) -> Tensor:
        return hidden.new_empty(cut.members, cut.rows, width)

    projected, u, x, dt, y = (
        empty(2 * cut.inner),
        empty(cut.inner),
        empty(cut.inner),
        empty(cut.inner),
        empty(cut.inner),
    )
    low, BC = empty(cut.R), empty(2 * cut.N)
    chunks = triton.cdiv(cut.time, cut.tiling.chunk)
    kept = hidden.new_empty(cut.members * cut.batch, chunks, cut.N, cut.inner)
    gpu_forward.project[cut.tiles(tiling.project)](
        hidden,
        norm,
        in_proj,
        projected,
        norm.stride(0),
        in_proj.stride(0),
        cut.rows,
        cut.eps,
        **cut.model,
        **tiling.launch(tiling.project),
    )
    gpu_forward.convolve[cut.tiles(tiling.convolve)](
        projected, conv, conv_bias, x_proj, dt_proj, dt_bias, u, x, low, BC, dt, conv.stride(0), conv_bias.stride(0),
        x_proj.stride(0), dt_proj.stride(0), dt_bias.stride(0), cut.rows, cut.time, **cut.states,
        **tiling.launch(tiling.convolve),
    )  # fmt: skip
    scan_forward[cut.sequences(cut.scan_forward["CHANNELS"])](
        x, dt, A_log, BC, y, kept, A_log.stride(0), cut.batch, cut.time, **cut.scan_forward
    )
    out = torch.empty_like(hidden)
    gpu_forward.gather[cut.tiles(tiling.gather)](
        hidden, projected, x, y, skip, out_proj, out, skip.stride(0), out_proj.stride(0), cut.rows, **cut.model,
        **tiling.launch(tiling.gather),
    )  # fmt: skip
    return out, _Kept(projected, u, x, dt, y, low, BC, kept)


def _backward(
    cut: _Cut, hidden: Tensor, kept: _Kept, weights: MambaWeights, dout: Tensor
) -> tuple[Tensor, Tensor]:
    """The gradient of `hidden`, and those of the weights `(members, total)`."""
    tiling = cut.tiling
    norm, in_proj, conv, _, x_proj, dt_proj, dt_bias, A_log, skip, out_proj = weights
    projected, u, x, dt, y, low, BC, states = kept
    at, total = call.weight_places(weights._fields, weights)
    packed = hidden.new_empty(cut.members, cut.tiling.parts, total)
    parts = cut.members, cut.tiling.parts
    dy, dgate, dx, ddt, du = (torch.empty_like(x) for _ in range(5))
    gpu_backward.gather_backward[parts](
        dout, projected, x, y, skip, out_proj, dy, dgate, packed, skip.stride(0), out_proj.stride(0), cut.rows, total,
        at["D"], at["out_proj"], **cut.model, **tiling.launch(tiling.gather_backward),
    )  # fmt: skip
    dBC = BC.new_empty(cut.members, cut.rows, cut.blocks, 2 * cut.N)
    dA = BC.new_empty(cut.members, cut.batch, cut.inner * cut.N)
    scan_backward[cut.sequences(cut.channels)](
        x,
        dt,
        A_log,
        BC,
        states,
        dy,
        dx,
        ddt,
        dA,
        dBC,
        A_log.stride(0),
        cut.batch,
        cut.time,
        **cut.scan_backward,
    )
    gpu_backward.convolve_backward[parts](
        projected, u, low, dy, ddt, dx, dBC, x_proj, dt_proj, dt_bias, skip, du, packed, x_proj.stride(0),
        dt_proj.stride(0), dt_bias.stride(0), skip.stride(0), cut.rows, cut.time, cut.blocks, total, at["conv"],
        at["conv_bias"], at["x_proj"], at["dt_proj"], at["dt_bias"], TAPS_PAD=padded(cut.taps, 1), **cut.states,
        **tiling.launch(tiling.convolve_backward),
    )  # fmt: skip
    dhidden = torch.empty_like(hidden)
    gpu_backward.project_backward[parts](
        hidden, dout, du, dgate, norm, in_proj, conv, dhidden, packed, norm.stride(0), in_proj.stride(0),
        conv.stride(0), cut.rows, cut.time, total, at["norm"], at["in_proj"], cut.eps, TAPS=cut.taps, **cut.model,
        **tiling.launch(tiling.project_backward),
    )  # fmt: skip
    flat = hidden.new_empty(cut.members, total)
    sum_parts(packed, flat)
    sum_parts(dA, flat[:, at["A_log"] : at["D"]])
    return dhidden, flat
