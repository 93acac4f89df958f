"""A graph by whichever code the device has."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from plait.kernels.common import call
from plait.kernels.graph import cpu, reference
from plait.kernels.graph.signals import Graph
from plait.native import gpu as device


def usable(graph: Graph, weights: Sequence[Tensor], hidden: Tensor) -> bool:
    """Whether compiled code can take these tensors: their type, device and sizes."""
    if hidden.ndim not in (3, 4) or hidden.shape[-2] == 0:
        return False
    if hidden.is_cuda and device.usable(hidden, *weights):
        from plait.kernels.graph import gpu

        return gpu.takes(graph, hidden.shape[-1])
    return call.usable(hidden, *weights)


def run(
    graph: Graph,
    weights: Sequence[Tensor],
    hidden: Float[Tensor, "*members batch time d_model"],
    *,
    single: bool,
) -> Float[Tensor, "*members batch time d_model"]:
    """What the graph gives from the start of sequences; `single` says that nothing has a members axis."""
    if not usable(graph, weights, hidden):
        return reference.forward(graph, weights, hidden)
    if single:
        return _compiled(graph, [weight.unsqueeze(0) for weight in weights], hidden.unsqueeze(0)).squeeze(0)
    return _compiled(graph, weights, hidden)


def _compiled(graph: Graph, weights: Sequence[Tensor], hidden: Tensor) -> Tensor:
    if hidden.is_cuda:
        from plait.kernels.graph import gpu

        return gpu.run(graph, weights, hidden)
    return cpu.run(graph, weights, hidden)
