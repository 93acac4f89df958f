"""What the channels of an SSM layer can read: columns of what stands in the stream, some tokens ago, through SiLU.

A feed gives a vector as a sum over channels. A column passes SiLU unchanged in two channels, silu(z) - silu(-z) = z;
a condition takes one, silu(64 z) with z = 1 or at most 0; a table takes one a unit of its staircase.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from plait.compiler.encoding import Points
from plait.compiler.schedule import is_free, read_through, read_together
from plait.compiler.staircase import BEND_DISTANCE, Staircase
from plait.compiler.statement import Statement
from plait.compiler.stream import ProgramStream

OPEN = 64.0
"""A condition's channel where it holds; elsewhere it is silu of -64, below any rounding beside it, or of 0."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Wire:
    """One channel's value: silu(scale * (sum over reads of column, over taps) + bias).

    Args:
        reads: signals in the stream, and a column of each, or several of which any will do.
        taps: by lag, a weight.
        out: what the value contributes.
    """

    reads: tuple[tuple[Statement, tuple[Points, ...]], ...]
    taps: Mapping[int, float]
    scale: float
    bias: float
    out: Float[Tensor, " width"]

    def row(self, stream: ProgramStream) -> Float[Tensor, " d_model"]:
        rows = [stream.any_row(statement, choices) for statement, choices in self.reads]
        total = torch.zeros(stream.residual.d_model, dtype=torch.float64)
        return self.scale * sum(rows, start=total)


@dataclass(frozen=True, kw_only=True, eq=False)
class Feed:
    """A vector as a sum over channels, and a constant.

    Args:
        needs: signals in the stream, and the columns that are read of them.
        paired: channels come in twos that read opposite rows and are subtracted.
    """

    wires: tuple[Wire, ...]
    constant: Float[Tensor, " width"]
    needs: tuple[tuple[Statement, tuple[Points, ...]], ...]
    staircase: Staircase | None = None
    paired: bool = False


def there_or_behind(statement: Statement, there: set[Statement]) -> tuple[Statement, int]:
    """What is read of the stream for a signal: itself, or what it is the lag of."""
    return (statement, 0) if is_free(statement) or statement in there else read_through(statement)


def column_feed(statement: Statement, columns: Points, there: set[Statement], *, lag: int = 0) -> Feed:
    """The columns themselves, two channels each."""
    base, distance = there_or_behind(statement, there)
    width = columns.shape[-1]
    wires = [
        Wire(
            reads=((base, (columns[:, [k]],)),),
            taps={distance + lag: 1.0},
            scale=sign,
            bias=0.0,
            out=sign * unit,
        )
        for k, unit in enumerate(torch.eye(width, dtype=torch.float64))
        for sign in (1.0, -1.0)
    ]
    zero = torch.zeros(width, dtype=torch.float64)
    return Feed(wires=tuple(wires), constant=zero, needs=((base, (columns,)),), paired=True)


def staircase_feed(stairs: Staircase, there: set[Statement], *, lag: int = 0) -> Feed:
    """A table, one channel a unit."""
    read = read_together([scalar.statement for scalar in stairs.scalars], there)
    assert read is not None, "no row reads the table's inputs"
    bases, lags = {base for base, _ in read}, {distance for _, distance in read}
    reads: list[tuple[Statement, tuple[Points, ...]]] = []
    taps: dict[int, float] = {}
    if len(lags) == 1:
        reads = [
            (base, (weight * scalar.column,))
            for (base, _), scalar, weight in zip(read, stairs.scalars, stairs.weights, strict=True)
        ]
        taps = {lags.pop() + lag: 1.0}
    else:
        assert len(bases) == 1
        reads = [(bases.pop(), (stairs.scalars[0].column,))]
        for (_, distance), weight in zip(read, stairs.weights, strict=True):
            taps[distance + lag] = taps.get(distance + lag, 0.0) + weight
    one_row = tuple(reads)
    wires = [
        Wire(reads=one_row, taps=taps, scale=stairs.slope, bias=bias, out=height / BEND_DISTANCE)
        for bias, height in stairs.units()
    ]
    needs = tuple((base, (scalar.column,)) for (base, _), scalar in zip(read, stairs.scalars, strict=True))
    return Feed(wires=tuple(wires), constant=stairs.lowest, needs=needs, staircase=stairs)
