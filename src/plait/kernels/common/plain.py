"""The parts of layers in plain PyTorch, on weights that may carry a leading members axis.

Norms and convolution compute in float32 or better and give the weights' own type, so that a layer in 16 bits can stand
in a residual stream of more. `product` may take its products in 16 bits, from weights that are held in more.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def along_channels(weight: Tensor) -> Tensor:
    """A weight of each channel, shaped to meet hidden states `(*members, batch, time, channels)`."""
    return weight if weight.ndim == 1 else weight[:, None, None, :]


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


def rms_norm(
    hidden: Float[Tensor, "*batch d_model"], weight: Float[Tensor, "*members d_model"], *, eps: float
) -> Float[Tensor, "*batch d_model"]:
    """`hidden / sqrt(mean(hidden^2) + eps) * weight`, rounded before the weight as MambaBlock does."""
    exact = hidden.to(wide(hidden.dtype))
    exact = exact * torch.rsqrt(exact.square().mean(-1, keepdim=True) + eps)
    return along_channels(weight) * exact.to(weight.dtype)


def layer_norm(
    hidden: Float[Tensor, "*batch d_model"],
    weight: Float[Tensor, "*members d_model"],
    bias: Float[Tensor, "*members d_model"],
    *,
    eps: float,
) -> Float[Tensor, "*batch d_model"]:
    """Mean subtracted, divided by the standard deviation, then weight and bias."""
    exact = F.layer_norm(hidden.to(wide(hidden.dtype)), hidden.shape[-1:], eps=eps)
    return (exact * along_channels(weight) + along_channels(bias)).to(weight.dtype)


def causal_convolution(
    inputs: Float[Tensor, "*batch time channels"],
    tail: Float[Tensor, "*batch tail channels"],
    weight: Float[Tensor, "*members channels 1 width"],
    bias: Float[Tensor, "*members channels"],
) -> Float[Tensor, "*batch time channels"]:
    """Each channel's last `width` inputs, weighted, as a sum of shifted products; the last tap is the present input.

    `tail` stands before `inputs` (zeros at the start of a sequence).
    """
    columns = torch.cat((tail, inputs), dim=-2).to(wide(inputs.dtype))
    time = inputs.shape[-2]
    total = along_channels(bias.to(columns.dtype))
    for tap in range(weight.shape[-1]):
        factor = along_channels(weight[..., 0, tap].to(columns.dtype))
        total = total + factor * columns[..., tap : tap + time, :]
    return total.to(inputs.dtype)


def wide(dtype: torch.dtype) -> torch.dtype:
    """float32 for 16-bit types, the type itself otherwise: for scans, softmax, norms and convolutions."""
    return torch.promote_types(dtype, torch.float32)


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
