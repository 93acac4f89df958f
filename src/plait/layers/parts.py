"""Parts of layers whose weights may carry a leading members axis: norms, linear maps, a convolution, an MLP, dropout.

What they compute: `plait.kernels.common.plain`.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from plait.kernels.common.plain import causal_convolution, layer_norm, linear, rms_norm
from plait.kernels.dropout import Drops
from plait.kernels.dropout import dropout as dropped
from plait.random import Stream


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


class Linear(nn.Module):
    """Weights of a linear map, without a value until the layer that owns them resets them."""

    def __init__(self, d_in: int, d_out: int, *, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(d_out, d_in))
        self.bias = nn.Parameter(torch.empty(d_out)) if bias else None

    def forward(self, hidden: Float[Tensor, "*batch d_in"]) -> Float[Tensor, "*batch d_out"]:
        return linear(hidden, self.weight, self.bias)


class Perceptron(nn.Module):
    """`d_mlp` hidden units; with none of them the output is the last bias."""

    def __init__(self, d_model: int, d_mlp: int) -> None:
        super().__init__()
        self.dense_h_to_4h = Linear(d_model, d_mlp, bias=True)
        self.dense_4h_to_h = Linear(d_mlp, d_model, bias=True)

    def forward(self, hidden: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_model"]:
        return self.dense_4h_to_h(F.silu(self.dense_h_to_4h(hidden)))


def dropout(
    hidden: Float[Tensor, "*shape"], *, rate: float, stream: Stream | None, draw: int
) -> Float[Tensor, "*shape"]:
    """A share `rate` of `hidden` set to zero, the rest divided by `1 - rate`; unchanged without a stream.

    Raises:
        ValueError: the stream has members and `hidden` does not start with as many.
    """
    return dropped(hidden, drops_of(rate, stream, draw))


def drops_of(rate: float, stream: Stream | None, draw: int) -> Drops | None:
    """None where nothing drops."""
    return None if stream is None or rate == 0.0 else Drops(rate, stream, draw)


def unset_weights(layer: nn.Module) -> list[str]:
    """The parameters that hold a number that is not finite."""
    return [name for name, p in layer.named_parameters() if not p.is_meta and not bool(p.isfinite().all())]


def fill_with_nan(layer: nn.Module) -> None:
    """So that a weight that is not given its value shows."""
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(float("nan"))
