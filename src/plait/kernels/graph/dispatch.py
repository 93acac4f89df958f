"""A graph by whichever code the device has."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from plait.kernels.common import call
from plait.kernels.graph import cpu, reference
from plait.kernels.graph.signals import Graph


def usable(hidden: Tensor, weights: Sequence[Tensor]) -> bool:
    """Whether compiled code can take these tensors."""
    return hidden.ndim in (3, 4) and hidden.shape[-2] > 0 and call.usable(hidden, *weights)


def run(
    graph: Graph,
    weights: Sequence[Tensor],
    hidden: Float[Tensor, "*members batch time d_model"],
    *,
    single: bool,
) -> Float[Tensor, "*members batch time d_model"]:
    """What the graph gives from the start of sequences; `single` says that nothing has a members axis."""
    if not usable(hidden, weights):
        return reference.forward(graph, weights, hidden)
    if not single:
        return cpu.run(graph, weights, hidden)
    return cpu.run(graph, [weight.unsqueeze(0) for weight in weights], hidden.unsqueeze(0)).squeeze(0)
