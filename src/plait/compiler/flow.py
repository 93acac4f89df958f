"""How far a compiled model's signals may be from their values: one bound a signal, carried from layer to layer.

Every rule says, from bounds on what a statement reads, how far off it is itself, and what must be small for that: its
*allowances*. With a unit roundoff of 0 the same rules give what is proved in exact arithmetic; what they give beyond
that is rounding (docs/theory-constructions.md, section 12). All errors are in units of signals.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch

from plait.compiler.encoding import Points
from plait.compiler.given import Given
from plait.compiler.staircase import BEND_DISTANCE, Staircase
from plait.compiler.statement import Statement
from plait.compiler.stream import ProgramStream, base_of
from plait.compiler.wires import Feed
from plait.constructions.residual import QUIET
from plait.constructions.rounding import FUNCTION, Allowance, Rounding

STEEPEST = 1.1
"""SiLU is nowhere steeper."""

DIP = 0.3
"""SiLU is nowhere below minus this."""

_UNSETTLED = 2.0**-30
"""What a staircase's steps may lack of 0 or 1, its number being off by all that it may be: 4 * 24 e^-24 / 32."""

HOPELESS = 2.0**200
"""An error of this size is as good as any larger one."""

IDENTITY = 2.0**-30
"""Types of a larger unit roundoff have silu(z) = z from z = 24 on, as all settled units of a staircase see it."""


@dataclass(eq=False)
class Flow:
    """Bounds on the stream before one layer, and the allowances met so far.

    Args:
        rounding: the type.
        seq_len: tokens of a sequence.
        sizes: of every base, the largest length of its vector at any position.
        errors: of every base, the largest error of its vector where it holds something.
        blanks: likewise where it is known to hold nothing.
        insides: as errors, where no count has left its range.
    """

    rounding: Rounding
    stream: ProgramStream
    seq_len: int
    norm_eps: float
    sizes: dict[Statement, float] = field(default_factory=dict)
    errors: dict[Statement, float] = field(default_factory=dict)
    blanks: dict[Statement, float] = field(default_factory=dict)
    insides: dict[Statement, float] = field(default_factory=dict)
    allowances: list[Allowance] = field(default_factory=list)

    @property
    def unit(self) -> float:
        return self.rounding.unit

    @property
    def wide(self) -> float:
        return self.rounding.wide

    def units(self, n: float) -> float:
        """What `n` roundings of stored numbers make: (1 + u)^n - 1, or more."""
        return _compounded(n, self.unit)

    def wides(self, n: float) -> float:
        """Likewise of numbers in sums, scans, norms and softmax."""
        return _compounded(n, self.wide)

    @property
    def length(self) -> float:
        """The largest length of a stream vector, constant included."""
        return self._measured(self.sizes.__getitem__)

    def _measured(self, size: Callable[[Statement], float], *, centred: bool = False) -> float:
        """The length of a stream vector whose bases are of these sizes, the constant left out where it is `centred`."""
        residual = self.stream.residual
        constant = 0.0 if centred else residual.bias * math.sqrt(residual.d_model)
        return math.hypot(constant, *map(size, self.sizes))

    @property
    def read(self) -> float:
        """The error of reading a row of length 1, beside that of what stands there (Lemma 6.9, and 6.1 ii)."""
        return self.rounding.read(self.length) + self._softening

    @property
    def _softening(self) -> float:
        # 6.1 ii: a factor of 1 - a^2 S/(2 d eps), S being the squared length at most.
        return QUIET**2 * self.length**3 / (2.0 * self.stream.residual.d_model * self.norm_eps)

    @property
    def gate(self) -> float:
        """The relative error of a gate that reads the constant."""
        residual = self.stream.residual
        # g = 1.5 r/(kappa sqrt d) + 12 u, since 1.1 * 1.28 < 1.5.
        return 1.5 * self.read / (residual.bias * math.sqrt(residual.d_model)) + self.units(2.0 + FUNCTION)

    @property
    def one(self) -> float:
        """The relative error of the channel that is 1, of B and of C."""
        # o = 14 u.
        return self.units(4.0 + FUNCTION)

    def allow(self, what: str, *, error: float, room: float) -> None:
        """Note that an error must not pass a bound."""
        self.allowances.append(Allowance(what=what, error=finite(error), room=room))

    def settle(self) -> None:
        """Keep bounds finite that are of no use any more: behind them no allowance is met."""
        for found in (self.sizes, self.errors, self.blanks, self.insides):
            found.update({base: finite(bound) for base, bound in found.items()})

    def column(self, statement: Statement, choices: Sequence[Points], *, where: str = "anywhere") -> float:
        """The error of one column that is read, as `columns`."""
        weights = self.stream.any_weights(statement, choices)
        if weights.numel() == 0:
            return 0.0
        return float(weights.norm()) * sum(self._own_and_read(statement, where))

    def columns(self, statement: Statement, columns: Points, *, where: str = "something") -> float:
        """The error of a vector of columns that is read.

        Args:
            where: "something" where the signal holds something, "inside" where beside that no count has left its
                range, "anywhere" also where it is known to hold nothing.
        """
        weights = self.stream.weights(statement, columns)
        if weights.numel() == 0:
            return 0.0
        own, read = self._own_and_read(statement, where)
        return float(torch.linalg.matrix_norm(weights, ord=2)) * own + float(weights.norm()) * read

    def _own_and_read(self, statement: Statement, where: str) -> tuple[float, float]:
        base = base_of(statement, self.stream.token)
        if where == "inside":
            return self.insides[base], self.read_inside
        return self.errors[base] if where == "something" else self.anywhere(base), self.read

    def anywhere(self, base: Statement) -> float:
        """The error of a base's vector, holding something or nothing."""
        return max(self.errors[base], self.blanks[base])

    @property
    def counts(self) -> set[Statement]:
        """The counts in the stream that may leave their range."""
        return {base for base in self.sizes if base.edged}

    @property
    def length_inside(self) -> float:
        """The largest length of a stream vector where no count has left its range."""
        return self._measured(self._inside)

    def _inside(self, base: Statement) -> float:
        """Likewise of a base's vector: what is carried of a count may come from where it had left its range."""
        return self._within(base) if base.edged else self.sizes[base]

    def _within(self, base: Statement) -> float:
        """The largest length of a number's vector where it holds something within its range."""
        known = float(self.stream.bases[base].norm(dim=-1).max())
        return min(self.sizes[base], known + self.errors[base])

    @property
    def read_inside(self) -> float:
        return self.rounding.read(self.length_inside) + self._softening

    def feed(self, feed: Feed, what: str) -> Given:
        """Lemma 12.2: the error of a feed's vector."""
        if feed.staircase is not None:
            reads = [(statement, choices[0]) for statement, choices in feed.needs]
            taps = {lag for wire in feed.wires for lag in wire.taps}
            given = self.stairs(feed.staircase, reads, what, taps=len(taps))
            return given.earlier if any(taps) else given
        # The channels of a pair see opposite numbers to the last bit, so that what they err by is read once.
        steepest = 0.5 if feed.paired else STEEPEST
        error, gross = feed.constant.abs() * self.one, feed.constant.abs()
        loud = gross
        for wire in feed.wires:
            read = sum(self.column(statement, choices) for statement, choices in wire.reads)
            size = sum(float(choices[0].abs().max()) for _, choices in wire.reads)
            # Together the channels of a pair measure what passes: z s(z) and z s(-z) in size, s the logistic function.
            loud = loud + wire.out.abs() * (
                0.5 * abs(wire.scale) * size if feed.paired else abs(wire.scale) * size + abs(wire.bias) + DIP
            )
            size = abs(wire.scale) * size + abs(wire.bias) + DIP
            # 12.2: 1.1 |s| e + 13 u (|s| max|z| + |c| + .3).
            off = steepest * abs(wire.scale) * read + self.units(3.0 + FUNCTION) * size
            error, gross = error + wire.out.abs() * off, gross + wire.out.abs() * size
        off, each = float(error.norm()), float(loud.norm())
        return Given(inside=off, error=off, blank=off, gross=float(gross.norm()), loud=(each, each, each))

    def stairs(
        self,
        stairs: Staircase,
        reads: Sequence[tuple[Statement, Points]],
        what: str,
        *,
        taps: int = 0,
        centred: bool = False,
    ) -> Given:
        """Lemma 12.3: what a table's number may be off by, and what its units round.

        Args:
            taps: of the convolution, through which channels of an SSM layer read it.
            centred: the norm before it takes out the constant, as LayerNorm does.
        """
        off = rows = far = far_inside = 0.0
        numbers: set[Statement] = set()
        for (statement, column), weight in zip(reads, stairs.weights, strict=True):
            row = float(self.stream.weights(statement, column).norm()) * abs(weight)
            base = base_of(statement, self.stream.token)
            numbers |= {base} if base.numeric else set()
            off += row * (self.anywhere(base) + self.read)
            rows, far, far_inside = (
                rows + row,
                far + row * self.sizes[base],
                far_inside + row * self._inside(base),
            )

        def within(base: Statement) -> float:
            return self._within(base) if base in numbers else self.sizes[base]

        long = rows * self._measured(self.sizes.__getitem__, centred=centred)
        inside = rows * self._measured(self._inside, centred=centred)
        near, most = rows * self._measured(within, centred=centred), stairs.reach
        if stairs.beyond:  # something is given there, so that it counts as known
            near, most = long, max(far, stairs.reach)
        off += self.units(5.0) * stairs.reach + stairs.slack
        self.allow(f"the number that {what} reads", error=off, room=stairs.third / 4.0)
        lacking, top = _UNSETTLED * stairs.highest_step, float(stairs.points.norm(dim=-1).max())
        summed = (1.0 + self.wides(self.rounding.d_model + 1.0 + taps)) * (
            1.0 + self.units(min(taps, 1))
        ) - 1.0
        at_best = self._units(stairs, inside, max(far_inside, stairs.reach), self.length_inside, summed)
        known = self._units(stairs, near, most, self.length, summed)
        anywhere = self._units(stairs, long, max(far, stairs.reach), self.length, summed)
        return Given(
            inside=lacking + at_best.rounded,
            error=lacking + known.rounded,
            blank=lacking + anywhere.rounded,
            gross=top,
            loud=(at_best.loud, known.loud, anywhere.loud),
            leaks=(at_best.leak, anywhere.leak),
        )

    def _units(self, stairs: Staircase, long: float, reach: float, length: float, summed: float) -> "_Units":
        """What a staircase's units round.

        Args:
            long: the length of the row, times that of the stream.
            reach: the largest number read.
            length: of the stream, to which the units are added.
            summed: the relative error of the sum that a unit's SiLU sees.
        """
        top = float(stairs.points.norm(dim=-1).max())
        silu = self.units(1.0 + (0.0 if self.unit > IDENTITY else FUNCTION))
        steep = stairs.sizes.repeat(2) / stairs.third
        bends = -torch.cat((stairs.biases, stairs.biases - BEND_DISTANCE)) / stairs.slope
        # SiLU is at most its argument, which may be misread by a quarter, and no further below 0 than its dip.
        sizes = steep * ((reach + stairs.third / 4.0 - bends).clamp(min=0.0) + DIP / stairs.slope)
        apart = summed * steep * (long + bends.abs())
        leak = self.units(1.0) * stairs.rise + self.wides(2.0) * float((top + length + sizes).sum())
        # The two units of a step see one row and round alike, until a power of two lies between their sums: from then
        # on they may round differently wherever both pass another one, so each step counts.
        return _Units(
            rounded=silu * float(sizes.sum()) + float(apart.sum()),
            leak=leak,
            loud=float(stairs.lowest.norm()) + float(sizes.sum()),
        )


class _Units(NamedTuple):
    """What a staircase's units round, what their sum does along any direction, and their sizes."""

    rounded: float
    leak: float
    loud: float


def finite(bound: float) -> float:
    """The bound, or a number far beyond what any margin has room for; powers of larger ones overflow."""
    return bound if bound < HOPELESS else HOPELESS


def _compounded(n: float, unit: float) -> float:
    """(1 + unit)^n - 1 is at most n unit / (1 - n unit)."""
    return n * unit / (1.0 - n * unit) if n * unit < 1.0 else math.inf
