"""Linear maps whose products may be taken in 16 bits, from weights that are held in more."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def product(
    hidden: Float[Tensor, "*batch d_in"],
    weight: Float[Tensor, "d_out d_in"],
    bias: Float[Tensor, " d_out"] | None,
    products: torch.dtype | None,
) -> Float[Tensor, "*batch d_out"]:
    """`hidden` times the transposed `weight`, plus `bias`, in the type `products`; None for the weights' own."""
    if products is None:
        return F.linear(hidden, weight, bias)
    return F.linear(hidden.to(products), weight.to(products), None if bias is None else bias.to(products))
