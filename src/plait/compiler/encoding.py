"""Values in the stream: each value a point, nothing the zero vector (docs/theory-constructions.md, Lemma 12.1).

code        digits of a base, all points of one norm: what keys, queries and answers are compared by
number      one coordinate, for tables and sums
flag        1 where a condition holds, at most 0 elsewhere: what gates read
angle       (cos w n, sin w n) for distances
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from plait.compiler.values import Value
from plait.constructions.codes import DigitCode

Points = Float[Tensor, "values width"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Code:
    """Points for some values, all of one norm.

    Args:
        values: what the points stand for.
        points: one row a value.
    """

    values: tuple[Value, ...]
    points: Points

    @cached_property
    def norm(self) -> float:
        return float(self.points.norm(dim=-1).max())

    @cached_property
    def chord(self) -> float:
        """The least distance between two points; of a single one, sqrt 2 times its norm."""
        if len(self.points) < 2:
            return math.sqrt(2.0) * self.norm
        # All pairs at once up to 4,096 points: 64 MB.
        return float(torch.pdist(self.points).min()) if len(self.points) <= 4096 else self._chord_by_digits()

    @cached_property
    def lead(self) -> float:
        """By how much a point's product with itself leads that with another, or with nothing."""
        return min(self.chord**2 / 2.0, self.norm**2)

    @property
    def diameter(self) -> float:
        """The largest distance between two points, or a point and nothing."""
        return 2.0 * self.norm

    def of(self, domain: Sequence[Value]) -> Points:
        """The points of a signal's values; values that the code lacks are nothing."""
        index = {value: place for place, value in enumerate(self.values)}
        rows = [
            self.points[index[value]] if value in index else torch.zeros_like(self.points[0])
            for value in domain
        ]
        return torch.stack(rows)

    def _chord_by_digits(self) -> float:
        # A thousand rows at a time, for memory; a point is nearer to itself than 1e-9, and no other to it.
        blocks = self.points.split(1024)
        least = (torch.cdist(block, self.points) for block in blocks)
        return min(float(d[d > 1e-9].min()) for d in least)


def digits(values: Sequence[Value], base: int, flags: Sequence[Sequence[bool]] = ()) -> Code:
    """The code of `values` in digits of `base`.

    Args:
        flags: conditions, each a truth value for every value, that get a digit of their own in base 2 as long as
            that takes no more digits.
    """
    n_digits = DigitCode(n_points=max(len(values), 2), base=base).n_digits
    groups: list[list[int]] = [list(range(len(values)))]
    signs: list[Tensor] = []
    for flag in flags if base == 2 else ():
        split = [[one for one in group if flag[one] is side] for group in groups for side in (True, False)]
        largest = max(len(part) for part in split)
        if any(flag) and not all(flag) and len(signs) + 1 + max(math.ceil(math.log2(largest)), 0) <= n_digits:
            groups = split
            signs.append(torch.tensor([1.0 if one else -1.0 for one in flag], dtype=torch.float64))
    inner = max(len(group) for group in groups)
    columns = [sign.unsqueeze(-1) for sign in signs]
    if inner > 1 or not columns:
        rest = DigitCode(n_points=_whole(max(inner, 2), base), base=base).points()
        place = torch.zeros(len(values), dtype=torch.int64)
        for group in groups:
            number = torch.arange(len(group))
            # Gray's code: neighbours differ in one digit, so that a table's steps are small.
            place[group] = number ^ number >> 1 if base == 2 else number
        columns.append(rest[place])
    return Code(values=tuple(values), points=torch.cat(columns, dim=-1))


def _whole(n_points: int, base: int) -> int:
    """In base 2 all points of as many digits: Gray's code takes them in another order."""
    return 2 ** (n_points - 1).bit_length() if base == 2 else n_points


def narrowed(code: Code, values: Sequence[Value]) -> Code:
    """The same code for some of its values, without the coordinates that are alike for all of them."""
    points = code.of(values)
    if len(values) > 1:
        moving = (points - points[0]).abs().amax(0) > 0.0
        whole = points[:, moving]
        norms = whole.norm(dim=-1)
        if float(norms.max() - norms.min()) < 1e-9:  # cosines and sines of digits, in float64
            points = whole
    return Code(values=tuple(values), points=points)


def number(domain: Sequence[Value]) -> Float[Tensor, "values 1"]:
    """Numbers as they are, true as 1."""
    return torch.tensor([[float(value)] for value in domain], dtype=torch.float64)  # type: ignore[arg-type]


def flag(domain: Sequence[Value], *, false: float) -> Float[Tensor, "values 1"]:
    """1 for true, `false` for false."""
    return torch.tensor([[1.0 if value is True else false] for value in domain], dtype=torch.float64)


def code_angles(domain: Sequence[Value], frequencies: Sequence[float]) -> Float[Tensor, "values width"]:
    """(cos w n, sin w n) for every frequency w, n being the value."""
    turns = number(domain) * torch.tensor(frequencies, dtype=torch.float64)
    return torch.stack((turns.cos(), turns.sin()), dim=-1).flatten(-2)


def spanned(basis: Points, wanted: Float[Tensor, "values columns"]) -> Float[Tensor, "width columns"] | None:
    """Weights with which the basis gives the columns; None where it does not."""
    if basis.shape[-1] == 0:
        return None if bool(wanted.any()) else wanted.new_zeros(0, wanted.shape[-1])
    weights = torch.linalg.lstsq(basis, wanted, driver="gelsd").solution
    # Rounding of the least squares in float64: what is smaller is nothing, and what remains beyond it no solution. The
    # rules bound what is written, so that neither number is a step of a proof.
    exact = torch.where(weights.abs() < 1e-12, 0.0, weights)
    return exact if float((basis @ exact - wanted).abs().max()) < 1e-9 else None
