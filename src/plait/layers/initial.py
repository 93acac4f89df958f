"""Initial values: drawn in float64 on the CPU, then rounded, so that every device and type starts alike.

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

from typing import TYPE_CHECKING

from plait.deferred import deferred

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from plait.layers.parts import Linear
    from plait.random import Stream
else:
    torch = deferred("torch")

INITS = ("released", "paper", "mamba", "transformers")

PAPER_STD = 0.02
"""Standard deviation of linear and embedding weights (docs: arXiv 2603.08859's released configuration)."""

TRANSFORMERS_STD = 0.1
"""`initializer_range` of transformers' MambaConfig."""


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
