"""A graph on a GPU: from the start of sequences, forward and backward, a member's bits its own.

Operations number by number are PyTorch's; all that sums is a Triton kernel. The plain version is `reference.py`.
"""
# pyright: standard, reportMissingImports=false, reportArgumentType=false

import functools
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from plait.kernels.common import call
from plait.kernels.graph import gpu_operations as operations
from plait.kernels.graph import reference_states as states
from plait.kernels.graph.reference import GraphRun
from plait.kernels.graph.signals import Graph, Node, Op
from plait.kernels.matrix_state.gpu import WIDEST_KEYS, matrix_state


def takes(graph: Graph, width: int) -> bool:
    """Whether the kernels have room for a graph in a stream of this width."""
    keys = [node.ints[1] for node in graph.nodes if node.op == Op.MATRIX_STATE]
    return width <= call.WIDEST_ON_GPU and all(size <= WIDEST_KEYS for size in keys)


def run(
    graph: Graph, weights: Sequence[Tensor], hidden: Float[Tensor, "members batch time d_model"]
) -> Float[Tensor, "members batch time d_model"]:
    """What `reference.forward` gives; every weight has a members axis."""
    return _OnGpu(graph, weights, hidden, []).output()


class _OnGpu(GraphRun):
    def signal(self, index: int) -> Tensor:
        root, first = self.graph.views[index]
        if index == root:
            return self.signals[root]
        if (root, first, self.graph.widths[index]) not in self.parts:
            self._cut(root)
        return self.parts[root, first, self.graph.widths[index]]

    @functools.cached_property
    def parts(self) -> dict[tuple[int, int, int], Tensor]:
        """Parts of signals, by whole, first number and width."""
        return {}

    def _cut(self, root: int) -> None:
        """All parts of a signal at once, so that their gradients are put together once; those that overlap singly."""
        whole, at, sizes = self.signals[root], 0, []
        spans = sorted(
            {
                (first, width)
                for view, ((of, first), width) in enumerate(
                    zip(self.graph.views, self.graph.widths, strict=True)
                )
                if of == root and view != root
            }
        )
        for first, width in spans:
            sizes += [first - at, width]
            at = first + width
        sizes.append(whole.shape[-1] - at)
        if min(sizes) < 0:
            for first, width in spans:
                self.parts[root, first, width] = whole[..., first : first + width]
            return
        for span, part in zip(spans, whole.split(sizes, dim=-1)[1::2], strict=True):
            self.parts[root, *span] = part

    def weight(self, place: int) -> Tensor:
        weight = self.weights[place]
        return operations.Spread.apply(weight.flatten(1), self.axes)  # type: ignore[no-any-return]

    def constant(self, numbers: tuple[float, ...]) -> Tensor:
        return states.constant_signal(numbers, self.dtype, self.signals[0].device)

    def result(self, place: int, node: Node) -> Tensor:
        if node.op == Op.PARAMETER:
            return self.weight(node.weights[0])
        return super().result(place, node)

    def linear(self, node: Node, x: Tensor) -> Tensor:
        bias = self.weights[node.weights[1]] if len(node.weights) > 1 else None
        return operations.LinearMap.apply(x, self.weights[node.weights[0]], bias)  # type: ignore[no-any-return]

    def normalised(self, node: Node, x: Tensor) -> Tensor:
        width = node.ints[0]
        per, centred = 1.0 if node.op == Op.UNIT else float(width), node.op == Op.LAYER_NORM
        found = operations.Normalise.apply(x, x.shape[-1] // width, per, node.reals[0], centred)
        for place, index in enumerate(node.weights):
            weight = self.weights[index].flatten(1)
            times = found.shape[-1] // weight.shape[-1]
            weight = torch.cat([weight] * times, dim=-1) if times > 1 else weight
            spread = operations.Spread.apply(weight, self.axes)
            found = found * spread if place == 0 else found + spread
        return found

    def carrying(self, place: int, node: Node, inputs: list[Tensor | None]) -> Tensor:
        match node.op:
            case Op.CONVOLUTION:
                bias = self.weights[node.weights[1]] if len(node.weights) > 1 else None
                return operations.Convolution.apply(inputs[0], self.weights[node.weights[0]], bias)  # type: ignore[no-any-return]
            case Op.MATRIX_STATE:
                heads, keys, _, _ = node.ints
                log_a, *vectors, v, q = inputs
                e, f, w, q = (_each(signal, keys, heads) for signal in (*vectors, q))
                return matrix_state(log_a, e, f, w, v, q, heads=heads)
            case Op.RECURRENCE:
                return operations.Recurrence.apply(*inputs)  # type: ignore[no-any-return]
            case Op.STABILISE:
                return operations.Stabilise.apply(*inputs)  # type: ignore[no-any-return]
            case _:
                slot = self.graph.slots[self.slot_of[place]]
                tokens = (0,) if slot.per_token else ()
                zeros = self.signals[0].new_zeros(*self.axes[:-1], *tokens, *slot.shape)
                return states.OPERATIONS[node.op](node, inputs, [], zeros)[0]


def _each(signal: Tensor | None, keys: int, heads: int) -> Tensor | None:
    """Keys that consecutive heads share, once for each."""
    if signal is None or signal.shape[-1] == heads * keys:
        return signal
    parts = signal.unflatten(-1, (-1, 1, keys))
    return parts.expand(*parts.shape[:-2], heads // parts.shape[-3], keys).flatten(-3)
