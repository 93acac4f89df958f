"""Causal depthwise convolution."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.kernels.common.plain import causal_convolution


class CausalConvolution(nn.Module):
    """Each channel's last `width` inputs, weighted; the last tap is the present input."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, 1, width))
        self.bias = nn.Parameter(torch.empty(channels))

    def forward(
        self,
        inputs: Float[Tensor, "*batch time channels"],
        tail: Float[Tensor, "*batch tail channels"],
    ) -> Float[Tensor, "*batch time channels"]:
        """The convolution of `inputs`, with `tail` before them (zeros at the start of a sequence)."""
        return causal_convolution(inputs, tail, self.weight, self.bias)
