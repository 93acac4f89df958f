"""The Mamba-1 layer for wide models: PyTorch's products, in 16 bits if asked for; norm, steps and scan in float32.

What `reference.mamba_layer` computes, to rounding; a single model's weights, differentiated by autograd.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from plait.kernels.common.compiled import fused
from plait.kernels.common.plain import causal_convolution, product, rms_norm, wide
from plait.kernels.mamba.reference import MambaWeights
from plait.kernels.selective_scan.dispatch import Scan, selective_scan

PRODUCTS = ("in_proj", "x_proj", "dt_proj", "dt_bias", "out_proj")
"""Weights that are used in products alone, and may come in their type."""


def mamba_layer(
    hidden: Float[Tensor, "batch time d_model"],
    weights: MambaWeights,
    *,
    eps: float,
    products: torch.dtype | None = None,
    fuse: bool = False,
    scan: Scan = selective_scan,
) -> Float[Tensor, "batch time d_model"]:
    """`hidden` plus what the block makes of it; the sum is of the type of `hidden`.

    Args:
        fuse: whether what is before and behind the scan is compiled.
        scan: what scans.
    """
    before = fused(_before_scan) if fuse else _before_scan
    behind = fused(_behind_scan) if fuse else _behind_scan
    x, gate, dt, A, B, C = before(hidden, weights, eps, products)
    y = scan(x, dt=dt, A=A, B=B, C=C, D=None)
    return behind(hidden, y, x, gate, weights.D, weights.out_proj, products)


def _before_scan(
    hidden: Tensor, weights: MambaWeights, eps: float, products: torch.dtype | None
) -> tuple[Tensor, ...]:
    """The scan's x, the gate, and the scan's dt, A, B and C."""
    x, gate = product(rms_norm(hidden, weights.norm, eps=eps), weights.in_proj, None, products).chunk(
        2, dim=-1
    )
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
