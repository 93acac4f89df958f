"""How much a number type may err: what the exact proofs leave room for (docs/theory-constructions.md, section 6.6).

Every bound is the standard model of rounding, first order: an operation errs by one unit roundoff of its
result, a sum of n terms by n units of the sum of their sizes. Weights and activations are stored in the model's
type; norms, scans, softmax and sums of products run in float32 at least.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

UNITS = {torch.bfloat16: 2.0**-8, torch.float32: 2.0**-24, torch.float64: 2.0**-53}
"""Unit roundoff of the types that constructions come in, coarsest first: half the step from 1 to the next number."""

WIDE = 2.0**-24
"""Unit roundoff of the type that 16-bit models compute norms, scans and sums in."""


def name_of(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def check_dtype(dtype: torch.dtype) -> None:
    """Refuses types that constructions do not come in.

    Raises:
        ValueError: such a type.
    """
    if dtype not in UNITS:
        raise ValueError(f"dtype must be one of {', '.join(map(name_of, UNITS))}, got {name_of(dtype)}")


USUAL = 1.0 / 16.0
"""What share of the worst case rounding may reach in practice: tests measure less."""


@dataclass(frozen=True, kw_only=True)
class Rounding:
    """A type of this unit roundoff, in a stream of `d_model` channels.

    Args:
        usual: False for worst cases; True for independent errors, where sums of many grow as square roots.
    """

    unit: float
    d_model: int
    usual: bool = False

    @property
    def wide(self) -> float:
        return min(self.unit, WIDE)

    def many(self, n: int) -> float:
        """How many times one error n errors amount to."""
        return min(float(n), 4.0 * n**0.5) if self.usual else float(n)

    def read(self, length: float) -> float:
        """Error of one signal read from a stream vector of this length (Lemma 6.9).

        Six roundings of stored numbers: the stream, the norm's output, its product with the norm's weight,
        the row that reads, the row's product, the sum as stored. And sums of d terms: mean, variance, product.
        """
        return (6.0 * self.unit + (2.5 * self.d_model + 4.0) * self.wide) * length


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """One place where rounding meets a margin: the error it may cause, and the part of the margin kept for it."""

    what: str
    error: float
    room: float

    @property
    def use(self) -> float:
        """Above 1, the type cannot carry the construction."""
        return self.error / self.room if self.room > 0.0 else float("inf")


def tightest(allowances: Sequence[Allowance]) -> Allowance:
    return max(allowances, key=lambda allowance: allowance.use)
