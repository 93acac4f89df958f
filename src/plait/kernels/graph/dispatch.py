"""A graph by whichever code the device has: in C++ (`cpu.cpp`) here, on a GPU in `gpu.py`, or `reference.py`.

In C++ every signal is some rows of one array, a row for each of its numbers. A part lies in the rows of its whole; so
do signals that are only there to be put side by side, which then costs nothing.
"""

import ctypes
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from plait.kernels.common import call
from plait.kernels.graph import reference
from plait.kernels.graph.signals import ABSENT, Graph, Op
from plait.native.library import INTEGER, POINTER, triton_takes


def usable(graph: Graph, weights: Sequence[Tensor], hidden: Tensor) -> bool:
    """Whether compiled code can take these tensors: their type, device and sizes."""
    if hidden.ndim not in (3, 4) or hidden.shape[-2] == 0:
        return False
    if hidden.is_cuda and triton_takes(hidden, *weights):
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
    return run_compiled(graph, weights, hidden)


_FORWARD = call.Kernel("plait_graph_forward", (*(POINTER,) * 8, INTEGER))
_BACKWARD = call.Kernel("plait_graph_backward", (*(POINTER,) * 10, INTEGER, INTEGER))


def run_compiled(
    graph: Graph, weights: Sequence[Tensor], hidden: Float[Tensor, "members batch time d_model"]
) -> Float[Tensor, "members batch time d_model"]:
    """What the graph gives; every weight has a members axis."""
    return _Graph.apply(graph, hidden, *weights)  # type: ignore[no-any-return]


@functools.lru_cache(maxsize=256)  # graphs of the models of one process
def _nodes(graph: Graph) -> tuple[ctypes.Array[ctypes.c_int64], ctypes.Array[ctypes.c_double]]:
    laid = layout(graph)
    return call.integers(laid.nodes), (ctypes.c_double * max(len(laid.reals), 1))(*laid.reals)


def _shape(graph: Graph, hidden: Tensor, weights: Sequence[Tensor]) -> ctypes.Array[ctypes.c_int64]:
    laid = layout(graph)
    total = sum(call.weight_sizes(weights))
    return call.integers(
        (*hidden.shape, laid.rows, laid.n_nodes, laid.input, laid.output, len(weights), total)
    )


class _Graph(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, graph: Graph, hidden: Tensor, *given: Tensor) -> Tensor:
        hidden, weights = hidden.contiguous(), [call.by_member(weight) for weight in given]
        ctx.save_for_backward(hidden, *weights)
        ctx.graph = graph
        out = torch.empty_like(hidden)
        nodes, reals = _nodes(graph)
        _FORWARD.of(hidden.dtype)(
            _shape(graph, hidden, weights), nodes, reals, call.integers(call.weight_sizes(weights)),
            call.pointers(weights), call.strides(weights), hidden.data_ptr(), out.data_ptr(), call.threads(),
        )  # fmt: skip
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dout: Tensor) -> tuple[Tensor | None, ...]:
        hidden, *weights = ctx.saved_tensors
        dout = dout.contiguous()
        members, batch = hidden.shape[:2]
        groups = -(-batch // call.ROWS_PER_GROUP)
        packed = hidden.new_empty(members, groups, sum(call.weight_sizes(weights)))
        dhidden = torch.empty_like(hidden)
        nodes, reals = _nodes(ctx.graph)
        _BACKWARD.of(hidden.dtype)(
            _shape(ctx.graph, hidden, weights), nodes, reals, call.integers(call.weight_sizes(weights)),
            call.pointers(weights), call.strides(weights), hidden.data_ptr(), dout.data_ptr(), dhidden.data_ptr(),
            packed.data_ptr(), call.ROWS_PER_GROUP, call.threads(),
        )  # fmt: skip
        return None, dhidden, *call.split_gradients(packed, weights)


INPUTS, _WEIGHTS = 6, 2
"""How many a node has at most. In front of a node's own integers stand its op, how many integers and reals it has and
where these begin, row and width of the output and of each input (-1 for none), and its weights."""


@dataclass(frozen=True)
class ScratchLayout:
    """A graph for compiled code.

    Attributes:
        rows: of the array that holds all signals.
        nodes: integers of all nodes, one after the other.
        reals: of all nodes, one after the other.
        input, output: the first row of each.
    """

    rows: int
    n_nodes: int
    nodes: tuple[int, ...]
    reals: tuple[float, ...]
    input: int
    output: int


@functools.lru_cache(maxsize=256)  # graphs of the models of one process
def layout(graph: Graph) -> ScratchLayout:
    """The layout of a graph."""
    place, rows = _places(graph)

    def where(signal: int) -> tuple[int, int]:
        if signal == ABSENT:
            return ABSENT, 0
        root, start = graph.views[signal]
        return place[root] + start, graph.widths[signal]

    nodes: list[int] = []
    reals: list[float] = []
    for node in graph.nodes:
        inputs = [*node.inputs, *[ABSENT] * (max(0, INPUTS - len(node.inputs)))]
        weights = [*node.weights, *[ABSENT] * (_WEIGHTS - len(node.weights))]
        if node.op == Op.CONCATENATE:
            continue
        spans = [number for signal in (node.output, *inputs) for number in where(signal)]
        nodes += [node.op, len(node.ints), len(reals), len(node.reals), *spans, *weights, *node.ints]
        reals += node.reals
    n_nodes = sum(node.op != Op.CONCATENATE for node in graph.nodes)
    return ScratchLayout(rows, n_nodes, tuple(nodes), tuple(reals), place[0], where(graph.output)[0])


def _places(graph: Graph) -> tuple[dict[int, int], int]:
    """The first row of every whole signal, and how many rows there are."""
    place: dict[int, int] = {}
    rows = 0
    for node in graph.nodes:
        if node.op == Op.CONCATENATE:
            for signal in node.inputs:
                place[signal] = rows + sum(graph.widths[s] for s in node.inputs[: node.inputs.index(signal)])
            place[node.output] = rows
            rows += graph.widths[node.output]
    for signal, (root, _) in enumerate(graph.views):
        if root == signal and signal not in place:
            place[signal] = rows
            rows += graph.widths[signal]
    return place, rows
