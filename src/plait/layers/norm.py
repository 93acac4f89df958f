"""RMSNorm and LayerNorm whose weights may carry a leading members axis.

What they compute: `plait.kernels.common.plain`.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.kernels.common.plain import layer_norm, rms_norm


class RMSNorm(nn.Module):
    """Divided by the root of the mean square, then weight."""

    def __init__(self, d_model: int, *, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.empty(d_model))

    def forward(self, hidden: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_model"]:
        return rms_norm(hidden, self.weight, eps=self.eps)

    @torch.no_grad()
    def reset(self) -> None:
        self.weight.fill_(1.0)


class LayerNorm(nn.Module):
    """Mean subtracted, divided by the standard deviation, then weight and bias."""

    def __init__(self, d_model: int, *, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.empty(d_model))
        self.bias = nn.Parameter(torch.empty(d_model))

    def forward(self, hidden: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_model"]:
        return layer_norm(hidden, self.weight, self.bias, eps=self.eps)

    @torch.no_grad()
    def reset(self) -> None:
        self.weight.fill_(1.0)
        self.bias.fill_(0.0)
