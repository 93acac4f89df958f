"""The short convolution in plain PyTorch operations, from the start of sequences."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from plait.kernels.common.plain import causal_convolution


def short_convolution(
    x: Float[Tensor, "batch time channels"],
    weight: Float[Tensor, "channels 1 taps"],
    bias: Float[Tensor, " channels"] | None,
    *,
    silu: bool,
) -> Float[Tensor, "batch time channels"]:
    """Each channel's last inputs, weighted, the last tap being the present one; then SiLU if asked for.

    Computed in float32 at least, in the type of `x`.
    """
    exact = x.to(weight.dtype)
    tail = exact.new_zeros(len(x), weight.shape[-1] - 1, x.shape[-1])
    bias = weight.new_zeros(len(weight)) if bias is None else bias
    found = causal_convolution(exact, tail, weight, bias)
    return (F.silu(found) if silu else found).to(x.dtype)
