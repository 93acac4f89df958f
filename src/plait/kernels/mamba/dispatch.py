"""A whole Mamba-1 layer in one call, by whichever kernels the device has."""

from jaxtyping import Float
from torch import Tensor

from plait.kernels.common import call
from plait.kernels.mamba import cpu
from plait.kernels.mamba.reference import MambaWeights
from plait.native import gpu as device

MAX_CONV = 16
"""Longest convolution that the kernels read."""


def usable(hidden: Tensor, weights: MambaWeights) -> bool:
    """Whether `mamba_layer` can take these tensors: their type, device and sizes."""
    d_inner, d_state, d_conv, _ = weights.widths
    if hidden.ndim not in (3, 4) or d_conv > MAX_CONV:
        return False
    if hidden.is_cuda:
        widest = max(hidden.shape[-1], d_inner, d_state)
        return widest <= call.WIDEST_ON_GPU and device.usable(hidden, *weights)
    return call.usable(hidden, *weights)


def mamba_layer(
    hidden: Float[Tensor, "members batch time d_model"], weights: MambaWeights, *, eps: float
) -> Float[Tensor, "members batch time d_model"]:
    """RMSNorm, mixer and residual of a Mamba-1 layer; `eps` is the RMSNorm's."""
    if hidden.is_cuda:
        from plait.kernels.mamba import gpu

        return gpu.mamba_layer(hidden, weights, eps=eps)
    return cpu.mamba_layer(hidden, weights, eps=eps)
