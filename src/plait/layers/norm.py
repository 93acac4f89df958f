"""RMSNorm and LayerNorm whose weights may carry a leading members axis.

Both compute in float32 or better and give the weights' own type, so that a layer in 16 bits can stand in a
residual stream of more.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from plait.layers.precision import wide


def along_channels(parameter: Tensor) -> Tensor:
    """A per-channel parameter, shaped to meet hidden states `(*members, batch, time, channels)`."""
    return parameter if parameter.ndim == 1 else parameter[:, None, None, :]


class RMSNorm(nn.Module):
    """`hidden / sqrt(mean(hidden^2) + eps) * weight`, rounded before the weight as MambaBlock does."""

    def __init__(self, d_model: int, *, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.empty(d_model))

    def forward(self, hidden: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_model"]:
        exact = hidden.to(wide(hidden.dtype))
        exact = exact * torch.rsqrt(exact.square().mean(-1, keepdim=True) + self.eps)
        return along_channels(self.weight) * exact.to(self.weight.dtype)

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
        exact = F.layer_norm(hidden.to(wide(hidden.dtype)), hidden.shape[-1:], eps=self.eps)
        return (exact * along_channels(self.weight) + along_channels(self.bias)).to(self.weight.dtype)

    @torch.no_grad()
    def reset(self) -> None:
        self.weight.fill_(1.0)
        self.bias.fill_(0.0)
