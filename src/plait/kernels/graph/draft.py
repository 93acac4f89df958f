"""Drawing a graph: expressions over signals, each of which appends a node."""

from __future__ import annotations

from collections.abc import Sequence

from plait.kernels.graph.drawn_signal import Signal
from plait.kernels.graph.signals import ABSENT, Graph, Initial, Node, Op, Slot, Weight


class Draft:
    """A graph that is being drawn; `input` is the signal that it starts from."""

    def __init__(self, width: int) -> None:
        self._widths: list[int] = []
        self._views: list[tuple[int, int]] = []
        self._nodes: list[Node] = []
        self._weights: list[Weight] = []
        self._slots: list[Slot] = []
        self._beside: set[int] = set()
        self.input = self._signal(width)

    def parameter(self, name: str, shape: tuple[int, ...], *, initial: Initial) -> Signal:
        """A weight as a signal that is the same at every token."""
        index = self.weight(name, shape, initial)
        return self.node(Op.PARAMETER, self._weights[index].size, [], weights=[index])

    def constant(self, values: Sequence[float]) -> Signal:
        """Numbers that are the same at every token and are not trained."""
        return self.node(Op.CONSTANT, len(values), [], reals=tuple(map(float, values)))

    def concatenate(self, *parts: Signal) -> Signal:
        """Side by side."""
        own = [part if self._can_lie_beside(part) else part * 1.0 for part in parts]
        for place, part in enumerate(own):
            if any(part is before for before in own[:place]):
                own[place] = part * 1.0
        self._beside.update(part.index for part in own)
        made = self.node(Op.CONCATENATE, sum(part.width for part in own), own)
        self._beside.add(made.index)
        return made

    def _can_lie_beside(self, part: Signal) -> bool:
        """Whether it can lie where it is put: a whole that lies nowhere else yet (`plait.kernels.graph.dispatch`)."""
        own = self._views[part.index] == (part.index, 0)
        return own and part.index != 0 and part.index not in self._beside

    def matrix_state(
        self, *, heads: int, d_k: int, q: Signal, w: Signal, v: Signal, log_a: Signal | None = None,
        e: Signal | None = None, f: Signal | None = None,
    ) -> Signal:  # fmt: skip
        """`S <- S Diag(a) - (S e) f^T + v w^T; y = S q` for each head: see `plait.kernels.matrix_state`.

        Args:
            heads, d_k: each head has a state of d_v x d_k; `v` is heads x d_v.
            q, w, e, f: heads x d_k, or fewer parts that consecutive heads share.
            log_a: the logarithm of a: a number a head, or heads x d_k; None for a = 1.
            e, f: what is erased; None for nothing.

        Raises:
            ValueError: widths that do not fit, or one of e and f without the other.
        """
        if heads < 1 or v.width % heads:
            raise ValueError(f"{heads} heads do not divide values of width {v.width}")
        d_v = v.width // heads
        for name, signal in (("q", q), ("w", w), ("e", e), ("f", f)):
            if signal is not None and (signal.width % d_k or heads % (signal.width // d_k)):
                raise ValueError(f"{name} of width {signal.width} does not fit {heads} heads of {d_k} keys")
        if (e is None) != (f is None):
            raise ValueError("an erasure needs both e and f")
        if log_a is not None and log_a.width not in (heads, heads * d_k):
            raise ValueError(f"log_a must be {heads} or {heads * d_k} wide, got {log_a.width}")
        by_key = int(log_a is not None and log_a.width != heads)
        made = self.node(Op.MATRIX_STATE, heads * d_v, (log_a, e, f, w, v, q), ints=(heads, d_k, d_v, by_key))
        self.carry("ssm_state", (heads, d_v, d_k))
        return made

    def recurrence(self, a: Signal, b: Signal) -> Signal:
        """`h <- a h + b`, number by number."""
        if a.width != b.width:
            raise ValueError(f"a and b must be equally wide, got {a.width} and {b.width}")
        made = self.node(Op.RECURRENCE, a.width, [a, b])
        self.carry("ssm_state", (a.width,))
        return made

    def stabilise(self, log_f: Signal, log_i: Signal) -> tuple[Signal, Signal, Signal]:
        """Running maximum `m <- max(log_f + m, log_i)` from 0: the new log_f and log_i, and -m.

        What is computed with them is that without them over e^m; m itself has no derivative (arXiv 2405.04517, (15)).
        """
        heads = log_f.width
        made = self.node(Op.STABILISE, 3 * heads, [log_f, log_i])
        self.carry("ssm_state", (heads,))
        decay, gate, floor = made.split(heads, heads, heads)
        return decay, gate, floor

    def attention(
        self, q: Signal, k: Signal, v: Signal, *, heads: int, kv_heads: int, window: int | None,
        d_rotary: int = 0, base: float = 1e4, slopes: Sequence[float] | None = None,
        reaches: Sequence[int | None] | None = None,
    ) -> Signal:  # fmt: skip
        """Causal softmax attention; keys and values of consecutive heads are shared.

        Args:
            window: tokens that all heads see, the query included.
            d_rotary: dimensions of a head, an even number, that turn with the position.
            slopes: what a head subtracts from a score for every token of distance.
            reaches: the same as `window`, of each head.
        """
        d_head = q.width // heads
        if k.width != kv_heads * d_head or v.width != k.width or heads % kv_heads:
            raise ValueError(f"{kv_heads} heads of keys and values do not fit {heads} heads of {d_head}")
        seen = [0 if reach is None else reach for reach in reaches or [None] * heads]
        ints = (heads, kv_heads, d_head, window or 0, d_rotary, *seen)
        made = self.node(
            Op.ATTENTION, q.width, [q, k, v], ints=ints, reals=(base, *(slopes or [0.0] * heads))
        )
        self._slots.append(
            Slot(len(self._nodes) - 1, "kv_cache", (2 * k.width,), per_token=True, window=window)
        )
        return made

    def node(
        self, op: Op, width: int, inputs: Sequence[Signal | None], *, weights: Sequence[int] = (),
        ints: tuple[int, ...] = (), reals: tuple[float, ...] = (),
    ) -> Signal:  # fmt: skip
        """The signal that a new node gives."""
        given = tuple(ABSENT if signal is None else signal.index for signal in inputs)
        made = self._signal(width)
        self._nodes.append(Node(op, made.index, given, tuple(weights), ints, reals))
        return made

    def weight(self, name: str, shape: tuple[int, ...], initial: Initial, *, matrix: bool = False) -> int:
        """The place of a new weight."""
        if any(weight.name == name for weight in self._weights):
            raise ValueError(f"two weights are called {name}")
        self._weights.append(Weight(name, shape, initial, matrix))
        return len(self._weights) - 1

    def carry(self, kind: str, shape: tuple[int, ...]) -> None:
        """The latest node carries this from token to token."""
        self._slots.append(Slot(len(self._nodes) - 1, kind, shape))

    def view(self, signal: Signal, start: int, width: int) -> Signal:
        root, first = self._views[signal.index]
        made = self._signal(width)
        self._views[made.index] = root, first + start
        return made

    def finish(self, output: Signal) -> Graph:
        return Graph(
            tuple(self._nodes), tuple(self._widths), tuple(self._views), tuple(self._weights), tuple(self._slots),
            output.index,
        )  # fmt: skip

    def _signal(self, width: int) -> Signal:
        if width < 1:
            raise ValueError(f"a signal must be at least 1 wide, got {width}")
        self._widths.append(width)
        self._views.append((len(self._widths) - 1, 0))
        return Signal(self, len(self._widths) - 1, width)
