"""The Mamba-1 layer for wide models: PyTorch's products, in 16 bits if asked for; norm, steps and scan in float32.

What `reference.mamba_layer` computes, to rounding; a single model's weights, differentiated by autograd.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from plait.kernels.common.plain import causal_convolution, rms_norm
from plait.kernels.common.precision import wide
from plait.kernels.common.products import product
from plait.kernels.mamba.weights import MambaWeights
from plait.kernels.selective_scan.dispatch import selective_scan


def mamba_layer(
    hidden: Float[Tensor, "batch time d_model"],
    weights: MambaWeights,
    *,
    eps: float,
    products: torch.dtype | None = None,
) -> Float[Tensor, "batch time d_model"]:
    """`hidden` plus what the block makes of it; the sum is of the type of `hidden`."""
    normed = rms_norm(hidden, weights.norm, eps=eps)
    x, gate = product(normed, weights.in_proj, None, products).chunk(2, dim=-1)
    tail = x.new_zeros(*x.shape[:-2], weights.conv.shape[-1] - 1, x.shape[-1])
    x = F.silu(causal_convolution(x, tail, weights.conv, weights.conv_bias))
    _, d_state, _, dt_rank = weights.widths
    dt, B, C = product(x, weights.x_proj, None, products).split((dt_rank, d_state, d_state), dim=-1)
    exact = wide(hidden.dtype)
    dt = F.softplus(product(dt, weights.dt_proj, weights.dt_bias, products).to(exact), threshold=40.0)
    A = -torch.exp(weights.A_log.to(exact))
    y = selective_scan(x.to(exact), dt=dt, A=A, B=B.to(exact), C=C.to(exact), D=weights.D.to(exact))
    return hidden + product((y * F.silu(gate)).to(gate.dtype), weights.out_proj, None, products)
