"""Codes: each token a point, so that the token whose point lies nearest can be read by one inner product.

    base 2          one coordinate a binary digit, +1 or -1
    base q > 2      two coordinates a digit: digit j at angle 2 pi j / q of a circle
    base >= tokens  all tokens on one circle

All points of a code have the same norm, so the largest inner product is the nearest point. A larger base takes
fewer coordinates and brings points nearer: width is paid in precision (docs/theory-constructions.md, Lemma 6.2).
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class DigitCode:
    """The code of `n_points` points in digits of `base`.

    Raises:
        ValueError: a base below 2, or no point.
    """

    n_points: int
    base: int

    def __post_init__(self) -> None:
        if self.base < 2 or self.n_points < 1:
            raise ValueError(f"a code needs base >= 2 and a point, got {self.base} and {self.n_points}")

    @property
    def n_digits(self) -> int:
        digits, reach = 1, self.base
        while reach < self.n_points:
            digits, reach = digits + 1, reach * self.base
        return digits

    @property
    def width(self) -> int:
        return self.n_digits * (1 if self.base == 2 else 2)

    @property
    def chord(self) -> float:
        """The least distance between two different digits."""
        return 2.0 * math.sin(math.pi / self.base)

    def points(self) -> Float[Tensor, "n_points width"]:
        """One row a point; every digit has norm 1."""
        index = torch.arange(self.n_points)
        columns: list[Tensor] = []
        for place in range(self.n_digits):
            digit = index.div(self.base**place, rounding_mode="floor") % self.base
            angle = 2.0 * math.pi * digit.to(torch.float64) / self.base
            columns += [1.0 - 2.0 * digit.to(torch.float64)] if self.base == 2 else [angle.cos(), angle.sin()]
        return torch.stack(columns, dim=-1)


def least_base(n_points: int, digits: int) -> int:
    """The least base, of at least 2, in which this many points take at most `digits` digits."""
    base = max(2, round(n_points ** (1.0 / digits)))
    while base**digits < n_points:
        base += 1
    while base > 2 and (base - 1) ** digits >= n_points:
        base -= 1
    return base
