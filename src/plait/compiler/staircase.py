"""A table as units of one hidden layer: a step wherever the value changes from one level to the next.

The inputs' values are read as one number `y`, different wherever the table differs; between two levels `y` with other
values stands a step silu(a (y - t1)) - silu(a (y - t2)) over a (t2 - t1), which has settled at both
(docs/theory-constructions.md, Lemma 12.3). All steps of a table are equally steep.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.compiler.encoding import Points
from plait.compiler.pointwise import ValueTable
from plait.compiler.statement import Statement

BEND_DISTANCE = 32.0
"""How far a level lies from the bends of the steps beside it, in units of what silu sees."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Scalar:
    """How one input enters the number: a column over its values, spaced by at least `spacing`, times a weight.

    Args:
        column: 0 stands for nothing.
        spread: how far the number may lie from its column's entry, to either side (a register's older bits).
        stays: beyond its range it counts as its nearest end.
    """

    statement: Statement
    column: Float[Tensor, "values 1"]
    spacing: float
    spread: float = 0.0
    stays: bool = False

    @property
    def apart(self) -> float:
        """The least distance of two numbers, that of nothing among them if it stands for something."""
        if not self.statement.maybe or self.statement.loose:
            return self.spacing
        values = torch.cat((self.column[:, 0], torch.zeros(1, dtype=torch.float64))).unique()
        return min(self.spacing, float(values.diff().min())) if len(values) > 1 else self.spacing


@dataclass(frozen=True, kw_only=True, eq=False)
class Staircase:
    """The steps of one table.

    Args:
        scalars: of the inputs.
        weights: of the scalars in `y`.
        levels: all values of `y` that matter, rising.
        points: what is given at each.
        spread: how far `y` may lie from its level.
        rounded: how far levels are from what they stand for: sums that rounding alone tells apart are one.
        beyond: something is given where a number has left its range.
    """

    scalars: tuple[Scalar, ...]
    weights: tuple[float, ...]
    levels: Float[Tensor, " levels"]
    points: Points
    spread: float
    rounded: float = 0.0
    beyond: bool = False

    @cached_property
    def _all_heights(self) -> Float[Tensor, "steps width"]:
        return self.points[1:] - self.points[:-1]

    @cached_property
    def changes(self) -> Int[Tensor, " steps"]:
        """Levels whose points differ from those of the level below."""
        # Points are written in float64: what differs by less is one point.
        return (self._all_heights.abs().sum(-1) > 1e-12).nonzero()[:, 0] + 1

    @cached_property
    def heights(self) -> Float[Tensor, "steps width"]:
        """What each step adds."""
        return self._all_heights[self.changes - 1]

    @cached_property
    def third(self) -> float:
        """A third of the narrowest gap with a step in it."""
        gaps = self.levels[self.changes] - self.levels[self.changes - 1] - 2.0 * self.spread
        return float(gaps.min()) / 3.0 if len(gaps) else 1.0  # 12.3: settled, rising, settled

    @property
    def slope(self) -> float:
        return BEND_DISTANCE / self.third

    @property
    def lowest(self) -> Float[Tensor, " width"]:
        """What is given below all steps."""
        return self.points[0]

    @cached_property
    def biases(self) -> Float[Tensor, " steps"]:
        """Of the first unit of every step; that of the second is lower by BEND_DISTANCE.

        All lie on one grid that float32 carries, so that those of the two units differ by 32 exactly (Lemma 12.3).
        """
        grid = self._grid
        middles = (self.levels[self.changes] + self.levels[self.changes - 1]) / 2.0
        return ((BEND_DISTANCE / 2.0 - self.slope * middles) / grid).round() * grid

    @cached_property
    def _grid(self) -> float:
        largest = self.slope * (self.reach + self.third) + 2.0 * BEND_DISTANCE
        # float32 carries 24 bits: below the least power of 2 that bounds them, biases are multiples of its 2^-23.
        return 2.0 ** (math.ceil(math.log2(largest)) - 23)

    @property
    def slack(self) -> float:
        """How far a number may be from the middle of its level, in exact arithmetic: levels and bends are rounded."""
        return self.rounded + self._grid / 2.0 / self.slope

    def units(self) -> Iterator[tuple[float, Float[Tensor, " width"]]]:
        """Bias, and what is given for 1/BEND_DISTANCE of the unit's value."""
        for bias, height in zip(self.biases.tolist(), self.heights, strict=True):
            yield bias, height
            yield bias - BEND_DISTANCE, -height

    @property
    def n_units(self) -> int:
        return 2 * len(self.changes)

    @cached_property
    def sizes(self) -> Float[Tensor, " steps"]:
        """The lengths of the heights."""
        return self.heights.norm(dim=-1)

    @property
    def highest_step(self) -> float:
        return float(self.sizes.max()) if len(self.sizes) else 0.0

    @property
    def rise(self) -> float:
        """All heights together."""
        return float(self.sizes.sum())

    @property
    def reach(self) -> float:
        """The largest number at any level."""
        return float(self.levels.abs().max()) + self.spread


NARROWEST = 2.0**-30
"""Levels nearer than this, beside the largest, are one level: sums of columns and spreads have rounded."""

MOST_COMBINATIONS = 2**18
"""Entries of all mixes that are tried, about."""


def staircase(
    table: ValueTable, scalars: Sequence[Scalar], points: Points, *, clean: bool, from_start: bool = False
) -> Staircase:
    """The staircase of a table with the fewest steps among a few ways of mixing its inputs.

    Args:
        points: what the output holds for every value of the table.
        clean: nothing must give zeros; otherwise it may give anything.
        from_start: inputs that all read zeros, as before the start, must give zeros.

    Raises:
        ValueError: no mix keeps apart what the table tells apart.
    """
    mixes = itertools.islice(_mixes(scalars), max(2, MOST_COMBINATIONS // len(table.entries)))
    found = [
        one
        for weights in mixes
        if (one := _mixed(table, scalars, weights, points, clean=clean, from_start=from_start)) is not None
    ]
    if not found:
        raise ValueError("no sum of its inputs tells its entries apart")
    return min(found, key=lambda one: (one.n_units, -one.third / max(one.reach, 1.0)))


def _mixes(scalars: Sequence[Scalar]) -> Iterator[tuple[float, ...]]:
    """Mixed radix, with each input as the slowest in turn; then all alike.

    What goes on beyond its range is slowest, and what spreads around its values fastest.
    """
    if len(scalars) == 1:
        yield (1.0,)
        return
    places = range(len(scalars))
    slowest = [place for place in places if scalars[place].statement.edged]
    fastest = [place for place in places if scalars[place].spread and place not in slowest]
    others = [place for place in places if place not in (*slowest, *fastest)]
    for middle in itertools.islice(itertools.permutations(others), 24):  # all orders of four
        order = (*slowest, *middle, *fastest)
        weights, size = [1.0] * len(scalars), 1.0
        for place in reversed(order):
            one = scalars[place]
            weights[place] = size / one.apart
            ends = [float(one.column.min()) - one.spread, float(one.column.max()) + one.spread, 0.0]
            size = (max(ends) - min(ends)) * weights[place] + size
        yield tuple(weights)
    for few in itertools.product((1.0, 2.0, -1.0), repeat=len(scalars)):
        if few[0] > 0.0:
            yield tuple(weight / one.spacing for weight, one in zip(few, scalars, strict=True))


def _is_slowest(scalars: Sequence[Scalar], weights: Sequence[float], one: Scalar) -> bool:
    """Whether a number that goes on beyond its range stays apart from what the others add."""
    own = abs(weights[list(scalars).index(one)]) * one.spacing
    rest = 0.0
    for other, weight in zip(scalars, weights, strict=True):
        if other is not one:
            ends = [float(other.column.min()), float(other.column.max()), 0.0]
            rest += abs(weight) * (max(ends) - min(ends) + 2.0 * other.spread)
    return own > rest


def _mixed(
    table: ValueTable,
    scalars: Sequence[Scalar],
    weights: Sequence[float],
    points: Points,
    *,
    clean: bool,
    from_start: bool,
) -> Staircase | None:
    """The staircase for one mix; None where two entries that differ meet in one level, or steps have no room."""
    zero = torch.zeros(points.shape[-1], dtype=torch.float64)
    matters = clean or table.sees_nothing
    choices: list[list[tuple[float, int]]] = []
    for one, weight in zip(scalars, weights, strict=True):
        nothing = len(one.statement.domain)
        entries = [(weight * value, place) for place, value in enumerate(one.column[:, 0].tolist())]
        if one.statement.maybe and not one.statement.loose and matters:
            entries.append((0.0, nothing))
        if one.statement.edged and not _is_slowest(scalars, weights, one):
            return None
        if one.statement.edged and one.statement.maybe and matters:
            low, high = float(one.column[0, 0]), float(one.column[-1, 0])
            entries += [(weight * (low - one.spacing), nothing), (weight * (high + one.spacing), nothing)]
        choices.append(entries)
    sizes = [len(table.seen(one.statement)) for one in scalars]
    places = table.places
    at: dict[float, Tensor] = {}
    rounded = 0.0
    for row in itertools.product(*choices):
        total = math.fsum(value for value, _ in row)
        level = round(total, 9)  # sums in another order are one level; by how much they differ is counted
        rounded = max(rounded, abs(total - level))
        index, missed = 0, False
        for (_, place), one, size in zip(row, scalars, sizes, strict=True):
            index = index * size + min(place, size - 1)
            missed = missed or (place == len(one.statement.domain) and not table.sees_nothing)
        found_place = -1 if missed else places[index]
        if found_place < 0 and not clean:
            continue
        point = points[found_place] if found_place >= 0 else zero
        if level in at and not torch.equal(at[level], point):
            return None
        at[level] = point
    if from_start and not torch.equal(at.setdefault(0.0, zero), zero):
        return None
    levels = sorted(at or {0.0: zero})
    spread = math.fsum(abs(weight) * one.spread for weight, one in zip(weights, scalars, strict=True))
    beyond = any(one.stays or (one.statement.edged and table.sees_nothing) for one in scalars)
    found = Staircase(
        scalars=tuple(scalars), weights=tuple(weights), levels=torch.tensor(levels, dtype=torch.float64),
        points=torch.stack([at.get(level, zero) for level in levels]), spread=spread, rounded=rounded, beyond=beyond,
    )  # fmt: skip
    return found if found.third > NARROWEST * max(found.reach, 1.0) else None
