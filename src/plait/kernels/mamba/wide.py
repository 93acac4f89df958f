"""The Mamba-1 layer by PyTorch's products, for wide models: over whole sequences, or on from a carried state.

What `reference.mamba_layer` computes, to rounding. Over whole sequences products are in 16 bits if asked for, norm,
steps and scan in float32; a single model's weights, differentiated by autograd.

Over some tokens from a carried state, for few sequences, however tokens are cut into calls: the compiled scan begins
from that state. Without a compiler, as the scan is linear in its state, what that was before the first token is added
to a scan from zero:

    y_t = C_t . (h_t + exp(A S_t) h_0),    S_t = dt_1 + .. + dt_t,
    h_T = sum over t of exp(A (S_T - S_t)) dt_t B_t x_t + exp(A S_T) h_0,

with exponents at most 0.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from plait.kernels.common import call
from plait.kernels.common.compiled import fused
from plait.kernels.common.plain import causal_convolution, linear, product, rms_norm, wide
from plait.kernels.mamba.reference import MambaWeights
from plait.kernels.selective_scan.dispatch import Scan, scan_from, selective_scan
from plait.kernels.short_convolution import gpu as convolutions
from plait.native.library import has_triton

MAMBA_PRODUCTS = ("in_proj", "x_proj", "dt_proj", "dt_bias", "out_proj")
"""Weights that are used in products alone, and may come in their type."""


def mamba_layer(
    hidden: Float[Tensor, "batch time d_model"],
    weights: MambaWeights,
    *,
    eps: float,
    products: torch.dtype | None = None,
    fuse: bool = False,
    scan: Scan = selective_scan,
    own_convolution: bool = False,
) -> Float[Tensor, "batch time d_model"]:
    """`hidden` plus what the block makes of it; the sum is of the type of `hidden`.

    Args:
        fuse: whether what is before and behind the scan is compiled.
        scan: what scans.
        own_convolution: whether the convolution and its SiLU run in a kernel of their own, on a GPU.
    """
    before = fused(_before_scan) if fuse else _before_scan
    behind = fused(_behind_scan) if fuse else _behind_scan
    x, gate, dt, A, B, C = before(hidden, weights, eps, products, own_convolution and has_triton())
    y = scan(x, dt=dt, A=A, B=B, C=C, D=None)
    return behind(hidden, y, x, gate, weights.D, weights.out_proj, products)


def _before_scan(
    hidden: Tensor,
    weights: MambaWeights,
    eps: float,
    products: torch.dtype | None,
    own_convolution: bool = False,
) -> tuple[Tensor, ...]:
    """The scan's x, the gate, and the scan's dt, A, B and C."""
    x, gate = product(rms_norm(hidden, weights.norm, eps=eps), weights.in_proj, None, products).chunk(
        2, dim=-1
    )
    if own_convolution and convolutions.usable(x, weights.conv):
        x = convolutions.short_convolution(x, weights.conv, weights.conv_bias, silu=True)
    else:
        tail = x.new_zeros(*x.shape[:-2], weights.conv.shape[-1] - 1, x.shape[-1])
        x = F.silu(causal_convolution(x, tail, weights.conv, weights.conv_bias))
    _, d_state, _, dt_rank = weights.widths
    dt, B, C = product(x, weights.x_proj, None, products).split((dt_rank, d_state, d_state), dim=-1)
    exact = wide(hidden.dtype)
    dt = F.softplus(product(dt, weights.dt_proj, weights.dt_bias, products).to(exact), threshold=40.0)
    return x.to(exact), gate, dt, -torch.exp(weights.A_log.to(exact)), B.to(exact), C.to(exact)


def _behind_scan(
    hidden: Tensor,
    y: Tensor,
    x: Tensor,
    gate: Tensor,
    D: Tensor,
    out_proj: Tensor,
    products: torch.dtype | None,
) -> Tensor:
    y = y + D.to(y.dtype) * x
    return hidden + product((y * F.silu(gate)).to(gate.dtype), out_proj, None, products)


class ChunkState(NamedTuple):
    """What a layer carries: the scan's state, and the inputs of the convolution that are still seen."""

    scan: Float[Tensor, "batch d_inner d_state"]
    tail: Float[Tensor, "batch before d_inner"]


def empty_state(weights: MambaWeights, batch: int) -> ChunkState:
    """Before the first token."""
    d_inner, d_state, d_conv, _ = weights.widths
    zeros = weights.A_log.new_zeros
    return ChunkState(zeros(batch, d_inner, d_state), zeros(batch, d_conv - 1, d_inner))


def mamba_chunk(
    hidden: Float[Tensor, "batch time d_model"], weights: MambaWeights, state: ChunkState, *, eps: float
) -> tuple[Float[Tensor, "batch time d_model"], ChunkState]:
    """The layer's output with its residual, and the state after the last token."""
    _, d_state, _, dt_rank = weights.widths
    inputs, gate = linear(rms_norm(hidden, weights.norm, eps=eps), weights.in_proj).chunk(2, dim=-1)
    x = F.silu(causal_convolution(inputs, state.tail, weights.conv, weights.conv_bias))
    dt, B, C = linear(x, weights.x_proj).split((dt_rank, d_state, d_state), dim=-1)
    dt = F.softplus(linear(dt, weights.dt_proj, weights.dt_bias), threshold=40.0)
    A = -torch.exp(weights.A_log)
    compiled = call.usable(x, dt, A, B, C, state.scan)
    scan_on = scan_from if compiled else _scan_from
    y, scan = scan_on(state.scan, x, dt=dt, A=A, B=B, C=C)
    y = (y + weights.D * x) * F.silu(gate)
    tail = torch.cat((state.tail, inputs), dim=1)[:, inputs.shape[1] :]
    return hidden + linear(y, weights.out_proj), ChunkState(scan, tail.contiguous())


def _scan_from(
    state: Tensor, x: Tensor, *, dt: Tensor, A: Tensor, B: Tensor, C: Tensor
) -> tuple[Tensor, Tensor]:
    """What `scan_from` gives."""
    y = selective_scan(x, dt=dt, A=A, B=B, C=C, D=None)
    since = dt.cumsum(1)
    taken, scan = dt * x, state * torch.exp(since[:, -1].unsqueeze(-1) * A)
    left = since[:, -1:] - since
    for place in range(A.shape[-1]):  # one state at a time: (batch, time, d_inner) each
        begun = _faded(since * A[:, place]) * state[:, None, :, place]
        y = y + begun * C[..., place : place + 1]
        scan[..., place] += torch.einsum("btd,bt->bd", _faded(left * A[:, place]) * taken, B[..., place])
    return y, scan


def _faded(exponent: Tensor) -> Tensor:
    """Its exponential; what is below 1e-34 stays there, as numbers that are not normal take many times as long."""
    return exponent.clamp_(min=-80.0).exp_()
