"""A graph in plain PyTorch operations: over whole sequences, or on from a state.

Linear maps run in the type of their weights, everything else in float32 at least. The compiled version is `cpu.cpp`.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from plait.kernels.common.plain import wide
from plait.kernels.graph import reference_states as states
from plait.kernels.graph.signals import ABSENT, Graph, Node, Op

Carried: TypeAlias = list[Tensor]
"""What each slot of a graph holds: `(*members, batch, *slot.shape)`, or `(*members, batch, tokens, *slot.shape)`."""


def forward(
    graph: Graph, weights: Sequence[Tensor], hidden: Float[Tensor, "*members batch time d_model"]
) -> Float[Tensor, "*members batch time d_model"]:
    """What the graph gives from the start of sequences; weights may carry a leading members axis."""
    return advance(graph, weights, hidden, start(graph, hidden.shape[:-2], hidden))[0]


def start(graph: Graph, batch: Sequence[int], like: Tensor) -> Carried:
    """Zeros for every slot, of the type that computations take, on the device of `like`."""
    carried: Carried = []
    for slot in graph.slots:
        tokens = (0,) if slot.per_token else ()
        carried.append(torch.zeros(*batch, *tokens, *slot.shape, dtype=wide(like.dtype), device=like.device))
    return carried


def advance(
    graph: Graph,
    weights: Sequence[Tensor],
    hidden: Float[Tensor, "*members batch time d_model"],
    carried: Carried,
) -> tuple[Float[Tensor, "*members batch time d_model"], Carried]:
    """What the graph gives to further tokens, and what it then carries."""
    run = GraphRun(graph, weights, hidden, carried)
    return run.output().to(hidden.dtype), run.after


_UNARY: dict[Op, Callable[[Tensor], Tensor]] = {
    Op.SILU: F.silu,
    Op.SIGMOID: torch.sigmoid,
    # Above 40 softplus is its argument to the last bit of float64 (PyTorch's own threshold, 20, is not).
    Op.SOFTPLUS: lambda x: F.softplus(x, threshold=40.0),
    Op.EXP: torch.exp,
    Op.TANH: torch.tanh,
    Op.RELU: torch.relu,
    Op.GELU: lambda x: F.gelu(x, approximate="tanh"),
    Op.ABS: torch.abs,
}

_BINARY: dict[Op, Callable[[Tensor, Tensor], Tensor]] = {
    Op.ADD: torch.add,
    Op.SUBTRACT: torch.sub,
    Op.MULTIPLY: torch.mul,
    Op.DIVIDE: torch.div,
    Op.MAXIMUM: lambda a, b: torch.where(a > b, a, b),
}


class GraphRun:
    """One pass through a graph, node by node; a device's own code overrides what it does otherwise."""

    def __init__(self, graph: Graph, weights: Sequence[Tensor], hidden: Tensor, carried: Carried) -> None:
        self.graph, self.weights, self.dtype = graph, weights, wide(hidden.dtype)
        self.members = weights[0].ndim - len(graph.weights[0].shape) if weights else 0
        self.axes = hidden.shape[:-1]
        self.signals: dict[int, Tensor] = {0: hidden.to(self.dtype)}
        self.carried, self.after = carried, list(carried)
        self.slot_of = {slot.node: place for place, slot in enumerate(graph.slots)}

    def output(self) -> Tensor:
        """What the graph gives; `after` is what it then carries."""
        for place, node in enumerate(self.graph.nodes):
            self.signals[node.output] = self.result(place, node)
        return self.signal(self.graph.output)

    def signal(self, index: int) -> Tensor:
        root, first = self.graph.views[index]
        return self.signals[root][..., first : first + self.graph.widths[index]]

    def weight(self, place: int) -> Tensor:
        """Shaped to meet signals: `(*members, 1, 1, size)` or `(size)`."""
        weight = self.weights[place].to(self.dtype)
        return weight.reshape(len(weight), 1, 1, -1) if self.members else weight.reshape(-1)

    def constant(self, numbers: tuple[float, ...]) -> Tensor:
        return torch.tensor(numbers, dtype=self.dtype, device=self.signals[0].device)

    def result(self, place: int, node: Node) -> Tensor:
        inputs = [None if index == ABSENT else self.signal(index) for index in node.inputs]
        given = [signal for signal in inputs if signal is not None]
        match node.op:
            case Op.LINEAR:
                return self.linear(node, given[0])
            case Op.PARAMETER:
                return self.weight(node.weights[0]).expand(*self.axes, -1)
            case Op.CONSTANT:
                return self.constant(node.reals).expand(*self.axes, -1)
            case Op.AFFINE:
                return given[0] * node.reals[0] + node.reals[1]
            case Op.SQRT:
                return _Root.apply(given[0], node.reals[0])  # type: ignore[no-any-return]
            case Op.EACH:
                return given[0].unsqueeze(-1).expand(*given[0].shape, node.ints[0]).flatten(-2)
            case Op.TILE:
                return torch.cat([given[0]] * node.ints[0], dim=-1)
            case Op.CONCATENATE:
                return torch.cat(given, dim=-1)
            case Op.DOT:
                return (given[0] * given[1]).unflatten(-1, (-1, node.ints[0])).sum(-1)
            case Op.RMS_NORM | Op.LAYER_NORM | Op.UNIT:
                return self.normalised(node, given[0])
            case _ if node.op in _UNARY:
                return _UNARY[node.op](given[0])
            case _ if node.op in _BINARY:
                return _BINARY[node.op](*given)
            case _:
                return self.carrying(place, node, inputs)

    def linear(self, node: Node, x: Tensor) -> Tensor:
        weight = self.weights[node.weights[0]]
        rows = x.to(weight.dtype)
        bias = self.weights[node.weights[1]] if len(node.weights) > 1 else None
        if not self.members:
            return F.linear(rows, weight, bias).to(self.dtype)
        found = torch.bmm(rows.flatten(1, -2), weight.mT).view(*x.shape[:-1], node_width := weight.shape[-2])
        assert node_width == self.graph.widths[node.output]
        return (found if bias is None else found + bias[:, None, None, :]).to(self.dtype)

    def normalised(self, node: Node, x: Tensor) -> Tensor:
        parts = x.unflatten(-1, (-1, node.ints[0]))
        if node.op == Op.LAYER_NORM:
            parts = parts - parts.mean(-1, keepdim=True)
        square = parts.square()
        square = square.sum(-1, keepdim=True) if node.op == Op.UNIT else square.mean(-1, keepdim=True)
        found = (parts * torch.rsqrt(square + node.reals[0])).flatten(-2)
        for place, weight in enumerate(node.weights):
            factor = self.weight(weight)
            times = found.shape[-1] // factor.shape[-1]
            factor = torch.cat([factor] * times, dim=-1) if times > 1 else factor
            found = found * factor if place == 0 else found + factor
        return found

    def carrying(self, place: int, node: Node, inputs: list[Tensor | None]) -> Tensor:
        slot = self.slot_of[place]
        weights = [self.weights[w].to(self.dtype) for w in node.weights]
        found, self.after[slot] = states.OPERATIONS[node.op](node, inputs, weights, self.carried[slot])
        return found


class _Root(torch.autograd.Function):
    """The root, with a derivative of at most `steepest`."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor, steepest: float) -> Tensor:
        root = x.clamp(min=0.0).sqrt()
        ctx.save_for_backward(root)
        ctx.steepest = steepest  # type: ignore[attr-defined]
        return root

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, dy: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        (root,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return dy / (2.0 * root).clamp(min=1.0 / ctx.steepest), None  # type: ignore[attr-defined]
