"""Linear maps whose weights may carry a leading members axis."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.kernels.common.plain import linear


class Linear(nn.Module):
    """Weights of a linear map, without a value until the layer that owns them resets them."""

    def __init__(self, d_in: int, d_out: int, *, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(d_out, d_in))
        self.bias = nn.Parameter(torch.empty(d_out)) if bias else None

    def forward(self, hidden: Float[Tensor, "*batch d_in"]) -> Float[Tensor, "*batch d_out"]:
        return linear(hidden, self.weight, self.bias)
