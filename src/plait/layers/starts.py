"""First values of a drawn layer's weights, each a function of (stream, shape, draw); made in float64, then rounded."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from plait.deferred import deferred

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from plait.random import Stream
else:
    torch = deferred("torch")

FirstValues: TypeAlias = "Callable[[Stream, tuple[int, ...], int], Tensor]"


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
