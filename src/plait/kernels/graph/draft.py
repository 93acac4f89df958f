"""Drawing a graph: expressions over signals, each of which appends a node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plait.kernels.graph.signals import ABSENT, Graph, Initial, Node, Op, Slot, Weight


@dataclass(frozen=True, eq=False)
class Signal:
    """`width` numbers for every token."""

    draft: Draft
    index: int
    width: int

    def linear(
        self, name: str, width: int, *, initial: Initial, bias: Initial | None = None, bias_name: str = ""
    ) -> Signal:
        """A linear map with the weights `name.weight` (width x own width), and `name.bias` if that has a start."""
        weight = self.draft.weight(f"{name}.weight", (width, self.width), initial, matrix=True)
        weights = [weight]
        if bias is not None:
            weights.append(self.draft.weight(bias_name or f"{name}.bias", (width,), bias))
        return self.draft.node(Op.LINEAR, width, [self], weights=weights)

    def convolution(self, name: str, taps: int, *, initial: Initial, bias: Initial | None = None) -> Signal:
        """Each channel's last `taps` numbers, weighted; the last tap is the present. Carries `taps - 1` of them."""
        weights = [self.draft.weight(f"{name}.weight", (self.width, 1, taps), initial)]
        if bias is not None:
            weights.append(self.draft.weight(f"{name}.bias", (self.width,), bias))
        made = self.draft.node(Op.CONVOLUTION, self.width, [self], weights=weights, ints=(taps,))
        self.draft.carry("conv_tail", (taps - 1, self.width))
        return made

    def shift(self) -> Signal:
        """The token before, zeros before the first; carries one token."""
        made = self.draft.node(Op.SHIFT, self.width, [self])
        self.draft.carry("conv_tail", (1, self.width))
        return made

    def part(self, start: int, width: int) -> Signal:
        """`width` of its numbers from `start` on; nothing is copied."""
        return self.draft.view(self, start, width)

    def split(self, *widths: int) -> list[Signal]:
        """Parts one after the other.

        Raises:
            ValueError: they are not as wide as it together.
        """
        if sum(widths) != self.width:
            raise ValueError(f"a signal of width {self.width} cannot be split into {widths}")
        starts = [sum(widths[:place]) for place in range(len(widths))]
        return [self.part(start, width) for start, width in zip(starts, widths, strict=True)]

    def silu(self) -> Signal:
        return self._same(Op.SILU)

    def sigmoid(self) -> Signal:
        return self._same(Op.SIGMOID)

    def softplus(self) -> Signal:
        return self._same(Op.SOFTPLUS)

    def log_sigmoid(self) -> Signal:
        return -(-self).softplus()

    def exp(self) -> Signal:
        return self._same(Op.EXP)

    def tanh(self) -> Signal:
        return self._same(Op.TANH)

    def relu(self) -> Signal:
        return self._same(Op.RELU)

    def gelu(self) -> Signal:
        """The approximation by tanh."""
        return self._same(Op.GELU)

    def abs(self) -> Signal:
        return self._same(Op.ABS)

    def sqrt(self, *, steepest: float = 1e3) -> Signal:
        """The root of what is not negative; its derivative is cut at `steepest`."""
        return self._same(Op.SQRT, (steepest,))

    def __neg__(self) -> Signal:
        return self._same(Op.AFFINE, (-1.0, 0.0))

    def __add__(self, other: Signal | float) -> Signal:
        return self._with(Op.ADD, other)

    def __radd__(self, other: float) -> Signal:
        return self + other

    def __sub__(self, other: Signal | float) -> Signal:
        return self._with(Op.SUBTRACT, other)

    def __rsub__(self, other: float) -> Signal:
        return -self + other

    def __mul__(self, other: Signal | float) -> Signal:
        return self._with(Op.MULTIPLY, other)

    def __rmul__(self, other: float) -> Signal:
        return self * other

    def __truediv__(self, other: Signal | float) -> Signal:
        return self._with(Op.DIVIDE, other)

    def maximum(self, other: Signal) -> Signal:
        return self._with(Op.MAXIMUM, other)

    def each(self, times: int) -> Signal:
        """Every number `times` times: a b -> a a b b, as a number a head meets the numbers of its head."""
        if times == 1:
            return self
        return self.draft.node(Op.EACH, self.width * times, [self], ints=(times,))

    def tile(self, times: int) -> Signal:
        """The whole of it `times` times: a b -> a b a b."""
        if times == 1:
            return self
        return self.draft.node(Op.TILE, self.width * times, [self], ints=(times,))

    def rms_norm(
        self,
        name: str | None,
        *,
        eps: float,
        groups: int = 1,
        shared: bool = False,
        initial: Initial | None = None,
    ) -> Signal:
        """Each of `groups` parts over the root of its mean square; `shared`: one weight for all parts."""
        weights = self._norm_weight(name, groups if shared else 1, initial)
        return self.draft.node(
            Op.RMS_NORM, self.width, [self], weights=weights, ints=(self._per(groups),), reals=(eps,)
        )

    def layer_norm(
        self, name: str | None, *, eps: float, groups: int = 1, shared: bool = False, initial: Initial | None = None,
        bias: Initial | None = None,
    ) -> Signal:  # fmt: skip
        """Mean subtracted, over the standard deviation, in each of `groups` parts."""
        weights = self._norm_weight(name, groups if shared else 1, initial)
        if bias is not None:
            width = self.width // groups if shared else self.width
            weights.append(self.draft.weight(f"{name}.bias", (width,), bias))
        return self.draft.node(
            Op.LAYER_NORM, self.width, [self], weights=weights, ints=(self._per(groups),), reals=(eps,)
        )

    def unit(self, *, groups: int = 1, eps: float = 1e-6) -> Signal:
        """Each of `groups` parts over the root of (its sum of squares + eps)."""
        return self.draft.node(Op.UNIT, self.width, [self], ints=(self._per(groups),), reals=(eps,))

    def dot(self, other: Signal, *, groups: int = 1) -> Signal:
        """The product of each of `groups` parts with that of the other, summed: a number a group."""
        self._alike(other)
        return self.draft.node(Op.DOT, groups, [self, other], ints=(self._per(groups),))

    def _per(self, groups: int) -> int:
        if groups < 1 or self.width % groups:
            raise ValueError(f"{groups} equal parts of a signal of width {self.width} are not possible")
        return self.width // groups

    def _norm_weight(self, name: str | None, parts: int, initial: Initial | None) -> list[int]:
        if name is None or initial is None:
            return []
        return [self.draft.weight(f"{name}.weight", (self.width // parts,), initial)]

    def _same(self, op: Op, reals: tuple[float, ...] = ()) -> Signal:
        return self.draft.node(op, self.width, [self], reals=reals)

    def _with(self, op: Op, other: Signal | float) -> Signal:
        if isinstance(other, Signal):
            self._alike(other)
            return self.draft.node(op, self.width, [self, other])
        number = float(other)
        scale, plus = {
            Op.ADD: (1.0, number),
            Op.SUBTRACT: (1.0, -number),
            Op.MULTIPLY: (number, 0.0),
            Op.DIVIDE: (1.0 / number if number else 0.0, 0.0),
        }[op]
        return self._same(Op.AFFINE, (scale, plus))

    def _alike(self, other: Signal) -> None:
        if self.width != other.width:
            raise ValueError(f"two signals must be equally wide, got {self.width} and {other.width}")


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
        """Whether it can lie where it is put: a whole that lies nowhere else yet (`plait.kernels.graph.layout`)."""
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
