"""A signal of a graph that is being drawn: each operation on it appends a node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plait.kernels.graph.signals import Initial, Op

if TYPE_CHECKING:
    from plait.kernels.graph.draft import Draft


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
