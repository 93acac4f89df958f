"""A graph of a wide model: PyTorch's products, in 16 bits if asked for, and matrix states by all chunks together.

What `reference.forward` gives, to rounding; a single model's weights, differentiated by autograd. On a GPU the short
convolution and matrix states that overwrite may run in kernels of their own (`OwnKernels`).
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from plait.kernels.common.compiled import fused
from plait.kernels.common.plain import product
from plait.kernels.graph import reference
from plait.kernels.graph.reference_states import matrix_vectors
from plait.kernels.graph.signals import ABSENT, Graph, Node, Op
from plait.kernels.matrix_state import wide_gpu as states
from plait.kernels.matrix_state.wide import products_together
from plait.kernels.short_convolution import gpu as convolutions
from plait.native.library import has_triton


@dataclass(frozen=True, kw_only=True)
class OwnKernels:
    """What runs in kernels of its own where these can take it, and else as PyTorch's operations.

    Attributes:
        convolution: the short convolution of mixers, and SiLU behind it; its signals are of the products' type.
        mamba: the same in layers of the name SSM.
        states: matrix states that overwrite, their decay a number a head or none, in bfloat16 products.
        joined: projections of one signal that are put side by side, as one product.
    """

    convolution: bool = False
    mamba: bool = False
    states: bool = False
    joined: bool = False


PYTORCH_ALONE = OwnKernels()
"""All by PyTorch's operations."""

FASTEST = OwnKernels(convolution=True, states=True, joined=True)
"""What a wide GDN is fastest with on a GPU (`benchmarks/wide_gdn.py`)."""


def has_own_states(graph: Graph, products: torch.dtype | None, own: OwnKernels) -> bool:
    """Whether every matrix state of the graph is one that its own kernels take, on a GPU."""
    if not own.states or products is None or not has_triton():
        return False
    found = [node for node in graph.nodes if node.op == Op.MATRIX_STATE]
    return all(
        node.inputs[1] != ABSENT and node.inputs[2] == node.inputs[3] and not node.ints[3]
        and states.takes(node.ints[1], products)
        for node in found
    )  # fmt: skip


def forward(
    graph: Graph,
    weights: Sequence[Tensor],
    hidden: Float[Tensor, "batch time d_model"],
    *,
    products: torch.dtype | None = None,
    fuse: bool = False,
    own: OwnKernels = PYTORCH_ALONE,
) -> Float[Tensor, "batch time d_model"]:
    """What the graph gives from the start of sequences, in the type of `hidden`.

    Args:
        fuse: whether it is compiled.
        own: what runs in kernels of its own.
    """
    run = fused(_run) if fuse else _run
    return run(graph, list(weights), hidden, products, _plan(graph, own if has_triton() else PYTORCH_ALONE))


def product_weights(graph: Graph) -> list[int]:
    """Places of the weights that only enter linear maps, and may come in the type of products."""
    inside = {w for node in graph.nodes if node.op == Op.LINEAR for w in node.weights}
    return sorted(inside - {w for node in graph.nodes if node.op != Op.LINEAR for w in node.weights})


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What of a graph runs otherwise, nodes by the signals that they give.

    Attributes:
        with_silu: convolutions that nothing but SiLU reads.
        joined: what is put side by side; the signal and the weights whose product that is.
        parts: linear maps whose signals are needed for nothing else.
    """

    own: OwnKernels
    with_silu: tuple[int, ...]
    joined: dict[int, tuple[int, tuple[int, ...]]]
    parts: tuple[int, ...]


@functools.cache
def _plan(graph: Graph, own: OwnKernels) -> _Plan:
    readers: dict[int, list[Node | None]] = {graph.views[graph.output][0]: [None]}
    makers = {node.output: node for node in graph.nodes}
    for node in graph.nodes:
        for index in node.inputs:
            if index != ABSENT:
                readers.setdefault(graph.views[index][0], []).append(node)
    with_silu = {
        node.inputs[0]
        for node in graph.nodes
        if node.op == Op.SILU
        and _makes(makers, node.inputs[0], Op.CONVOLUTION)
        and readers[node.inputs[0]] == [node]
    }
    joined: dict[int, tuple[int, tuple[int, ...]]] = {}
    parts: set[int] = set()
    for node in graph.nodes:
        if not own.joined or node.op != Op.CONCATENATE:
            continue
        maps = [makers[i] for i in node.inputs if _makes(makers, i, Op.LINEAR) and readers[i] == [node]]
        alike = len({m.inputs for m in maps}) == 1 and all(len(m.weights) == 1 for m in maps)
        if len(maps) == len(node.inputs) and alike:
            joined[node.output] = maps[0].inputs[0], tuple(m.weights[0] for m in maps)
            parts.update(node.inputs)
    return _Plan(own=own, with_silu=tuple(with_silu), joined=joined, parts=tuple(parts))


def _makes(makers: dict[int, Node], index: int, op: Op) -> bool:
    return index in makers and makers[index].op == op


def _run(
    graph: Graph, weights: list[Tensor], hidden: Tensor, products: torch.dtype | None, plan: _Plan
) -> Tensor:
    carried = reference.start(graph, hidden.shape[:-2], hidden)
    return _WideRun(graph, weights, hidden, carried, products, plan).output().to(hidden.dtype)


class _WideRun(reference.GraphRun):
    def __init__(
        self,
        graph: Graph,
        weights: list[Tensor],
        hidden: Tensor,
        carried: list[Tensor],
        products: torch.dtype | None,
        plan: _Plan,
    ) -> None:
        super().__init__(graph, weights, hidden, carried)
        self.products, self.plan = products, plan
        self.convolved: set[int] = set()

    def result(self, place: int, node: Node) -> Tensor:
        if node.output in self.plan.parts:
            return self.signals[0]  # nobody reads it
        if node.output in self.plan.joined:
            index, weights = self.plan.joined[node.output]
            weight = torch.cat([self.weights[w] for w in weights])
            return product(self.signal(index), weight, None, self.products).to(self.dtype)
        if node.op == Op.SILU and node.inputs[0] in self.convolved:
            return self.signal(node.inputs[0])
        return super().result(place, node)

    def linear(self, node: Node, x: Tensor) -> Tensor:
        weight, *bias = (self.weights[place] for place in node.weights)
        return product(x, weight, bias[0] if bias else None, self.products).to(self.dtype)

    def carrying(self, place: int, node: Node, inputs: list[Tensor | None]) -> Tensor:
        own = self.plan.own
        if node.op == Op.CONVOLUTION and own.convolution:
            weight, *bias = (self.weights[w].to(self.dtype) for w in node.weights)
            assert inputs[0] is not None
            x = inputs[0].to(self.products or self.dtype)
            if convolutions.usable(x, weight):
                silu = node.output in self.plan.with_silu
                if silu:
                    self.convolved.add(node.output)
                return convolutions.short_convolution(x, weight, bias[0] if bias else None, silu=silu).to(
                    self.dtype
                )
            return super().carrying(place, node, inputs)
        if node.op != Op.MATRIX_STATE or node.ints[3]:
            return super().carrying(place, node, inputs)
        vectors = matrix_vectors(node, inputs)
        if node.inputs[2] == node.inputs[3]:
            vectors = vectors._replace(f=vectors.w)
        if own.states and self.products is not None and states.usable(vectors, self.products):
            return states.delta_states(vectors, products=self.products).flatten(-2)
        return products_together(vectors, products=self.products).flatten(-2)
