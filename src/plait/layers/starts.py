"""First values of weights: drawn in float64 on the CPU, then rounded, so that every device and type starts alike.

Those of a drawn layer are functions of (stream, shape, draw).

What `init` names, for the layers of arXiv 2603.08859 (everywhere: embedding normal(0, 0.02), norms 1 and 0, biases 0,
`A_log` = log(1 .. d_state), D = 1, the convolution uniform within 1/sqrt(d_conv)):

    released   every linear map normal(0, 0.02), the step projection of Mamba included, its bias 0: every step begins at
               softplus(0) = 0.69. One rule of the released program runs over the whole model and overwrites Mamba's
               own steps. The convolution's bias is drawn like its weights.
    paper      the same, but Mamba's own steps are kept: dt between 0.001 and 0.1, and the convolution's bias is 0. What
               plait took for the paper's protocol until it was held against the released program.
    mamba      Mamba's own: linear maps of SSM layers uniform within 1/sqrt(inputs), its steps, a drawn bias.
    transformers   as MambaModel of transformers begins: embedding and input maps of SSM layers
               normal(0, 0.1), their output map uniform within 1/sqrt(inputs), Mamba's steps, the convolution's bias 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from plait.deferred import deferred

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from plait.layers.parts import Linear
    from plait.random import Stream
else:
    torch = deferred("torch")

FirstValues: TypeAlias = "Callable[[Stream, tuple[int, ...], int], Tensor]"

INITS = ("released", "paper", "mamba", "transformers")

PAPER_STD = 0.02
"""Standard deviation of linear and embedding weights (docs: arXiv 2603.08859's released configuration)."""

TRANSFORMERS_STD = 0.1
"""`initializer_range` of transformers' MambaConfig."""


def constant(value: float) -> FirstValues:
    """`value` everywhere."""
    return lambda stream, shape, draw: torch.full(shape, value, dtype=torch.float64)


def normal(std: float) -> FirstValues:
    """normal(0, std)."""
    return lambda stream, shape, draw: stream.normal(shape, draw=draw) * std


def uniform(low: float, high: float) -> FirstValues:
    """Uniform in [low, high)."""
    return lambda stream, shape, draw: low + (high - low) * stream.uniform(shape, draw=draw)


def within(fan_in: int) -> FirstValues:
    """Uniform within 1/sqrt(fan_in): PyTorch's own for linear maps and convolutions."""
    bound = max(fan_in, 1) ** -0.5
    return uniform(-bound, bound)


def log_uniform(low: float, high: float, *, floor: float = 1e-6) -> FirstValues:
    """The logarithm of what is uniform in (low, high), and at least `floor`."""
    inside = uniform(low, high)
    return lambda stream, shape, draw: inside(stream, shape, draw).clamp(min=floor).log()


def step_bias(low: float = 1e-3, high: float = 1e-1, floor: float = 1e-4) -> FirstValues:
    """What softplus takes to steps from `low` to `high`, uniform in the logarithm (arXiv 2312.00752, section 3.6)."""

    def drawn(stream: Stream, shape: tuple[int, ...], draw: int) -> Tensor:
        exponent = stream.uniform(shape, draw=draw) * math.log(high / low)
        dt = (low * torch.exp(exponent)).clamp(min=floor)
        return dt + torch.log(-torch.expm1(-dt))

    return drawn


def even(first: float, last: float) -> FirstValues:
    """Evenly from `first` to `last`."""
    return lambda stream, shape, draw: torch.linspace(first, last, shape[0], dtype=torch.float64)


def powers(exponent: float) -> FirstValues:
    """1 - (i / n)^exponent for the i-th of n channels (arXiv 2503.14456, the authors' program)."""
    return lambda stream, shape, draw: (
        1.0 - (torch.arange(shape[0], dtype=torch.float64) / shape[0]) ** exponent
    )


def speeds() -> FirstValues:
    """From -6.5 to -1.5: under the sigmoid that says how fast RWKV's channels forget (the authors' first layer)."""
    return lambda stream, shape, draw: (
        -6.5 + 5.0 * torch.linspace(0.0, 1.0, shape[0], dtype=torch.float64) ** 0.85
    )


def ring(low: float, high: float) -> FirstValues:
    """What a softplus times -8 takes to the logarithm of a radius, uniform in area (arXiv 2402.19427, appendix A)."""
    square = uniform(low**2, high**2)
    return lambda stream, shape, draw: torch.log(torch.expm1(-0.5 * square(stream, shape, draw).log() / 8.0))


def fill_normal(parameter: Tensor, stream: Stream, *, draw: int, std: float = PAPER_STD) -> None:
    """In place: normal(0, std)."""
    with torch.no_grad():
        parameter.copy_(stream.normal(parameter.shape, draw=draw) * std)


def fill_uniform(parameter: Tensor, stream: Stream, *, draw: int, bound: float) -> None:
    """Uniform in (-bound, bound)."""
    with torch.no_grad():
        parameter.copy_((2.0 * stream.uniform(parameter.shape, draw=draw) - 1.0) * bound)


def std_of(init: str) -> float:
    """Of the embedding, and of linear maps that are drawn from a normal distribution."""
    return TRANSFORMERS_STD if init == "transformers" else PAPER_STD


def fill_linear(linear: Linear, stream: Stream, *, draw: int, init: str = "released") -> None:
    """Weights normal(0, 0.02), or as `init` says of SSM layers' input maps; the bias zero."""
    if init == "mamba":
        fill_uniform(linear.weight, stream, draw=draw, bound=max(linear.weight.shape[-1], 1) ** -0.5)
    else:
        fill_normal(linear.weight, stream, draw=draw, std=std_of(init))
    if linear.bias is not None:
        with torch.no_grad():
            linear.bias.fill_(0.0)
