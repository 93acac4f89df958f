"""A graph of a wide model: PyTorch's products, in 16 bits if asked for, and matrix states by all chunks together.

What `reference.forward` gives, to rounding; a single model's weights, differentiated by autograd.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from plait.kernels.common.compiled import fused
from plait.kernels.common.plain import product
from plait.kernels.graph import reference
from plait.kernels.graph.reference_states import matrix_vectors
from plait.kernels.graph.signals import Graph, Node, Op
from plait.kernels.matrix_state.wide import products_together


def forward(
    graph: Graph,
    weights: Sequence[Tensor],
    hidden: Float[Tensor, "batch time d_model"],
    *,
    products: torch.dtype | None = None,
    fuse: bool = False,
) -> Float[Tensor, "batch time d_model"]:
    """What the graph gives from the start of sequences, in the type of `hidden`.

    Args:
        fuse: whether it is compiled.
    """
    run = fused(_run) if fuse else _run
    return run(graph, list(weights), hidden, products)


def product_weights(graph: Graph) -> list[int]:
    """Places of the weights that only enter linear maps, and may come in the type of products."""
    inside = {w for node in graph.nodes if node.op == Op.LINEAR for w in node.weights}
    return sorted(inside - {w for node in graph.nodes if node.op != Op.LINEAR for w in node.weights})


def _run(graph: Graph, weights: list[Tensor], hidden: Tensor, products: torch.dtype | None) -> Tensor:
    carried = reference.start(graph, hidden.shape[:-2], hidden)
    return _WideRun(graph, weights, hidden, carried, products).output().to(hidden.dtype)


class _WideRun(reference.GraphRun):
    def __init__(
        self,
        graph: Graph,
        weights: list[Tensor],
        hidden: Tensor,
        carried: list[Tensor],
        products: torch.dtype | None,
    ) -> None:
        super().__init__(graph, weights, hidden, carried)
        self.products = products

    def linear(self, node: Node, x: Tensor) -> Tensor:
        weight, *bias = (self.weights[place] for place in node.weights)
        return product(x, weight, bias[0] if bias else None, self.products).to(self.dtype)

    def carrying(self, place: int, node: Node, inputs: list[Tensor | None]) -> Tensor:
        if node.op != Op.MATRIX_STATE or node.ints[3]:
            return super().carrying(place, node, inputs)
        vectors = matrix_vectors(node, inputs)
        if node.inputs[2] == node.inputs[3]:
            vectors = vectors._replace(f=vectors.w)
        return products_together(vectors, products=self.products).flatten(-2)
