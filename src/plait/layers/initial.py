"""Initial values: drawn in float64 on the CPU, then rounded, so that every device and type starts alike."""

import torch
from torch import Tensor

from plait.layers.linear import Linear
from plait.random import Stream

PAPER_STD = 0.02
"""Standard deviation of linear and embedding weights (docs: arXiv 2603.08859's released configuration)."""


@torch.no_grad()
def fill_normal(parameter: Tensor, stream: Stream, *, draw: int, std: float = PAPER_STD) -> None:
    parameter.copy_(stream.normal(parameter.shape, draw=draw) * std)


@torch.no_grad()
def fill_uniform(parameter: Tensor, stream: Stream, *, draw: int, bound: float) -> None:
    """Uniform in (-bound, bound)."""
    parameter.copy_((2.0 * stream.uniform(parameter.shape, draw=draw) - 1.0) * bound)


@torch.no_grad()
def fill_linear(linear: Linear, stream: Stream, *, draw: int, init: str = "paper") -> None:
    """Weights normal(0, 0.02), or for "mamba" uniform within 1/sqrt(inputs) as in PyTorch; the bias zero."""
    if init == "mamba":
        fill_uniform(linear.weight, stream, draw=draw, bound=max(linear.weight.shape[-1], 1) ** -0.5)
    else:
        fill_normal(linear.weight, stream, draw=draw)
    if linear.bias is not None:
        linear.bias.fill_(0.0)
