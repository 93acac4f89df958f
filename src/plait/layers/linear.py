"""Linear maps whose weights may carry a leading members axis."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


def linear(
    hidden: Float[Tensor, "*batch d_in"],
    weight: Float[Tensor, "*members d_out d_in"],
    bias: Float[Tensor, "*members d_out"] | None = None,
) -> Float[Tensor, "*batch d_out"]:
    """`hidden` times the transposed `weight`, plus `bias`; `*batch` starts with `*members`."""
    if weight.ndim == 2:
        return F.linear(hidden, weight, bias)
    rows = hidden.flatten(1, -2)
    product = (
        torch.bmm(rows, weight.mT) if bias is None else torch.baddbmm(bias.unsqueeze(1), rows, weight.mT)
    )
    return product.reshape(*hidden.shape[:-1], weight.shape[-2])


class Linear(nn.Module):
    """Weights of a linear map, without a value until the layer that owns them resets them."""

    def __init__(self, d_in: int, d_out: int, *, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(d_out, d_in))
        self.bias = nn.Parameter(torch.empty(d_out)) if bias else None

    def forward(self, hidden: Float[Tensor, "*batch d_in"]) -> Float[Tensor, "*batch d_out"]:
        return linear(hidden, self.weight, self.bias)
