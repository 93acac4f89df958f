"""Causal depthwise convolution, as a sum of shifted products."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.layers.norm import along_channels
from plait.layers.precision import wide


class CausalConvolution(nn.Module):
    """Each channel's last `width` inputs, weighted; the last tap is the present input."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.weight = nn.Parameter(torch.empty(channels, 1, width))
        self.bias = nn.Parameter(torch.empty(channels))

    def forward(
        self,
        inputs: Float[Tensor, "*batch time channels"],
        tail: Float[Tensor, "*batch tail channels"],
    ) -> Float[Tensor, "*batch time channels"]:
        """The convolution of `inputs`, with `tail` before them (zeros at the start of a sequence)."""
        columns = torch.cat((tail, inputs), dim=-2).to(wide(inputs.dtype))
        time = inputs.shape[-2]
        total = along_channels(self.bias.to(columns.dtype))
        for tap in range(self.width):
            weight = along_channels(self.weight[..., 0, tap].to(columns.dtype))
            total = total + weight * columns[..., tap : tap + time, :]
        return total.to(inputs.dtype)
