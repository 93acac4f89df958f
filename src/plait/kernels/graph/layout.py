"""Where the signals of a graph lie in memory, and its nodes as numbers for compiled code.

Every signal is some rows of one array, a row for each of its numbers. A part lies in the rows of its whole; so do
signals that are only there to be put side by side, which then costs nothing.
"""

import functools
from dataclasses import dataclass

from plait.kernels.graph.signals import ABSENT, Graph, Op

INPUTS, WEIGHTS = 6, 2
"""How many a node has at most."""

HEADER = 4 + 2 * (INPUTS + 1) + WEIGHTS
"""Integers in front of a node's own: op, how many integers and reals and where these begin, row and width of the output
and of each input (-1 for none), and its weights."""


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


@functools.lru_cache(maxsize=256)
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
        weights = [*node.weights, *[ABSENT] * (WEIGHTS - len(node.weights))]
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
