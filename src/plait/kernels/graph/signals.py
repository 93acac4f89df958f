"""A token mixer as a graph of named operations on signals: drawn once, then run by PyTorch or by compiled code.

A signal has `width` numbers for every token. Whoever draws writes ordinary expressions:

    q = x.linear("q_proj", 16).silu().unit(groups=2)         every operation gives a new signal
    gate = (g.parameter("A_log", (2,)).exp() * -1.0)         a weight is a signal that is the same at every token

All heads of a signal lie one after the other: `groups` equal parts of its width. Nothing here needs PyTorch: sizes of
weights and states are read from the graph alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, auto
from typing import Any, TypeAlias

Initial: TypeAlias = Callable[..., Any]
"""A function of (stream, shape, draw) that gives a weight's first value."""


class Op(IntEnum):
    """What a node does; `ops.hpp` has the same list in the same order."""

    LINEAR = 0
    CONVOLUTION = auto()
    SHIFT = auto()
    PARAMETER = auto()
    CONSTANT = auto()
    SILU = auto()
    SIGMOID = auto()
    SOFTPLUS = auto()
    EXP = auto()
    TANH = auto()
    RELU = auto()
    GELU = auto()
    ABS = auto()
    SQRT = auto()
    AFFINE = auto()
    ADD = auto()
    SUBTRACT = auto()
    MULTIPLY = auto()
    DIVIDE = auto()
    MAXIMUM = auto()
    EACH = auto()
    TILE = auto()
    CONCATENATE = auto()
    RMS_NORM = auto()
    LAYER_NORM = auto()
    UNIT = auto()
    DOT = auto()
    MATRIX_STATE = auto()
    RECURRENCE = auto()
    STABILISE = auto()
    ATTENTION = auto()


ABSENT = -1
"""In place of an input or a weight that a node does without."""


@dataclass(frozen=True)
class Node:
    """One operation: signals in, one signal out; `ints` and `reals` are its fixed numbers."""

    op: Op
    output: int
    inputs: tuple[int, ...] = ()
    weights: tuple[int, ...] = ()
    ints: tuple[int, ...] = ()
    reals: tuple[float, ...] = ()


@dataclass(frozen=True)
class Weight:
    """A parameter: its name inside the layer, its shape, and how it begins; `matrix` if it multiplies each token."""

    name: str
    shape: tuple[int, ...]
    initial: Initial
    matrix: bool = False

    @property
    def size(self) -> int:
        size = 1
        for extent in self.shape:
            size *= extent
        return size


@dataclass(frozen=True)
class Slot:
    """What one node carries from token to token: scalars of one sequence, under a name of `state_size`.

    `per_token` scalars are kept for each of the last `window - 1` tokens (None: of all) in a cache.
    """

    node: int
    kind: str
    shape: tuple[int, ...]
    per_token: bool = False
    window: int | None = None

    @property
    def reach(self) -> int | None:
        """How many earlier tokens it tells of at most; None without a limit."""
        if self.kind == "conv_tail":
            return self.shape[0]
        return self.window - 1 if self.per_token and self.window is not None else None


@dataclass(frozen=True, eq=False)
class Graph:
    """A finished drawing; only itself is equal to it.

    Attributes:
        nodes: in an order in which they can run.
        widths: of every signal; signal 0 is the input.
        views: for every signal, which other it is a part of and from where on; itself and 0 for most.
        weights: in the order of the module's parameters.
        slots: what streaming carries.
        output: the signal that the layer gives.
    """

    nodes: tuple[Node, ...]
    widths: tuple[int, ...]
    views: tuple[tuple[int, int], ...]
    weights: tuple[Weight, ...]
    slots: tuple[Slot, ...]
    output: int

    def state_size(self, kind: str, seq_len: int) -> int:
        """Scalars of a kind that one sequence holds after `seq_len` tokens."""
        total = 0
        for slot in self.slots:
            if slot.kind == kind:
                size = 1
                for extent in slot.shape:
                    size *= extent
                held = seq_len if slot.window is None else min(seq_len, slot.window - 1)
                total += size * held if slot.per_token else size
        return total

    @property
    def reach(self) -> int | None:
        """How many earlier tokens an output can depend on at most; None without a limit."""
        reaches = [slot.reach for slot in self.slots]
        return None if any(reach is None for reach in reaches) else sum(reach or 0 for reach in reaches)
