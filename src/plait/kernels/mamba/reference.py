"""The Mamba-1 layer in plain PyTorch, its scan by whichever kernel the device has, and its weights by name.

    x, gate   = in_proj(norm(hidden))
    x         = silu(conv(x))                          causal, depthwise, the last d_conv positions
    dt, B, C  = x_proj(x);  dt = softplus(dt_proj(dt))
    y         = selective_scan(x, dt, -exp(A_log), B, C, D)
    hidden    = hidden + out_proj(y * silu(gate))

Source: arXiv 2312.00752, figure 3 and algorithm 2; `transformers.models.mamba`. The scan runs in float32 or better.
Every faster kernel is tested against this file.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from plait.kernels.common.plain import causal_convolution, linear, rms_norm, wide
from plait.kernels.selective_scan.dispatch import selective_scan
from plait.kernels.selective_scan.reference import selective_step


class MambaWeights(NamedTuple):
    """In the order in which every kernel takes them (`weights.hpp`), with a members axis or, for a stream, without."""

    norm: Float[Tensor, "*members d_model"]
    in_proj: Float[Tensor, "*members two_d_inner d_model"]
    conv: Float[Tensor, "*members d_inner 1 d_conv"]
    conv_bias: Float[Tensor, "*members d_inner"]
    x_proj: Float[Tensor, "*members dt_rank_and_two_d_state d_inner"]
    dt_proj: Float[Tensor, "*members d_inner dt_rank"]
    dt_bias: Float[Tensor, "*members d_inner"]
    A_log: Float[Tensor, "*members d_inner d_state"]
    D: Float[Tensor, "*members d_inner"]
    out_proj: Float[Tensor, "*members d_model d_inner"]

    @property
    def widths(self) -> tuple[int, int, int, int]:
        """d_inner, d_state, d_conv and dt_rank."""
        d_inner, d_state = self.A_log.shape[-2:]
        return d_inner, d_state, self.conv.shape[-1], self.dt_proj.shape[-1]


def mamba_layer(
    hidden: Float[Tensor, "*batch time d_model"], weights: MambaWeights, *, eps: float
) -> Float[Tensor, "*batch time d_model"]:
    """What `dispatch.mamba_layer` promises, with or without a members axis."""
    x, gate = _projected(hidden, weights, eps)
    tail = x.new_zeros(*x.shape[:-2], weights.conv.shape[-1] - 1, x.shape[-1])
    x, dt, A, B, C, D = _scan_inputs(x, tail, weights)
    y = selective_scan(x, dt=dt, A=A, B=B, C=C, D=D)
    return hidden + linear((y * F.silu(gate)).to(gate.dtype), weights.out_proj)


def mamba_step(
    hidden: Float[Tensor, "*batch d_model"],
    state: tuple[Float[Tensor, "*batch d_inner d_state"], Float[Tensor, "*batch tail d_inner"]],
    weights: MambaWeights,
    *,
    eps: float,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """One position: hidden states, and SSM state and convolution tail after it."""
    x, gate = _projected(hidden.unsqueeze(-2), weights, eps)
    tail = torch.cat((state[1], x), dim=-2)[..., 1:, :].clone()
    inputs = _scan_inputs(x, state[1], weights)
    x, dt, B, C = (tensor.squeeze(-2) for tensor in (inputs.x, inputs.dt, inputs.B, inputs.C))
    y, ssm_state = selective_step(x, state[0], dt=dt, A=inputs.A, B=B, C=C, D=inputs.D)
    y = (y.unsqueeze(-2) * F.silu(gate)).to(gate.dtype)
    return hidden + linear(y, weights.out_proj).squeeze(-2), (ssm_state, tail)


def _projected(hidden: Tensor, weights: MambaWeights, eps: float) -> tuple[Tensor, Tensor]:
    """The convolution's input, and the gate before its silu."""
    x, gate = linear(rms_norm(hidden, weights.norm, eps=eps), weights.in_proj).chunk(2, dim=-1)
    return x, gate


class _ScanInputs(NamedTuple):
    x: Tensor
    dt: Tensor
    A: Tensor
    B: Tensor
    C: Tensor
    D: Tensor


def _scan_inputs(x: Tensor, tail: Tensor, weights: MambaWeights) -> _ScanInputs:
    x = F.silu(causal_convolution(x, tail, weights.conv, weights.conv_bias))
    _, d_state, _, dt_rank = weights.widths
    dt, B, C = linear(x, weights.x_proj).split((dt_rank, d_state, d_state), dim=-1)
    exact = wide(x.dtype)
    # Above 40 softplus is its argument to the last bit of float64 (PyTorch's own threshold, 20, is not).
    dt = F.softplus(linear(dt, weights.dt_proj, weights.dt_bias).to(exact), threshold=40.0)
    A = -torch.exp(weights.A_log.to(wide(weights.A_log.dtype)))
    return _ScanInputs(x.to(exact), dt, A, B.to(exact), C.to(exact), weights.D.to(wide(weights.D.dtype)))
