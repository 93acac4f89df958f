"""How much a number type may err: what the exact proofs leave room for (docs/theory-constructions.md, section 6.6).

Every bound is the standard model of rounding with its powers written out: n operations change a result by a factor
within `(1 + v)^n`, so nothing is left to "first order". What is assumed of the engine that runs the weights:

    A1  + - * / and square roots err by one unit roundoff of their result; products may be fused into sums
    A2  exp, silu and softplus err by 5 units in the last place (10 unit roundoffs); exp is 1 below 2^-60, silu and
        softplus are their argument from 40 on, to the last bit, and nothing that counts below -40
    A3  sums run in any order, but all rows of one projection in the same, and an MLP's output in the order of its units
    A4  what a position gets is a function of its inputs, wherever it stands
    A5  cosines and sines are those of angles in float64, rounded once
    A6  weights are computed in float64 and rounded once; nothing underflows that is larger than 2^-100

plait's compiled kernels keep all of them (`tests/constructions/test_assumptions.py`). Weights and activations are
stored in the model's type; norms, scans, softmax and sums of products run in float32 at least.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

UNITS = {torch.bfloat16: 2.0**-8, torch.float32: 2.0**-24, torch.float64: 2.0**-53}
"""Unit roundoff of the types that constructions come in, coarsest first: half the step from 1 to the next number."""

_WIDE = 2.0**-24
"""Unit roundoff of the type that 16-bit models compute norms, scans and sums in."""

DOUBLE = 2.0**-53
"""Unit roundoff of float64, in which weights and angles are computed."""

FUNCTION = 10.0
"""Unit roundoffs of a function's result: five units in the last place, each of at most two of them (A2)."""


def type_name(dtype: torch.dtype) -> str:
    """`float32` of `torch.float32`."""
    return str(dtype).removeprefix("torch.")


def type_named(name: object) -> torch.dtype:
    """The opposite of `type_name`.

    Raises:
        ValueError: a type that constructions do not come in.
    """
    for dtype in UNITS:
        if type_name(dtype) == name:
            return dtype
    raise ValueError(f"dtype must be bfloat16, float32 or float64, got {name!r}")


def check_dtype(dtype: torch.dtype) -> None:
    """Refuses types that constructions do not come in.

    Raises:
        ValueError: such a type.
    """
    if dtype not in UNITS:
        raise ValueError(f"dtype must be one of {', '.join(map(type_name, UNITS))}, got {type_name(dtype)}")


USUAL = 1.0 / 16.0
"""What share of the worst case rounding may reach in practice, where nothing closer was measured."""

USUAL_OF_SCORES, USUAL_OF_COPIES = 1.0 / 20.0, 1.0 / 12.0
"""The same in scores and registers, and in what is copied: tests measure less."""


def grown(size: float, error: float, *factors: float) -> float:
    """The error of `size`, known up to `error`, times factors that are 1 up to `factors`."""
    product = size + error
    for factor in factors:
        product *= 1.0 + factor
    return product - size


@dataclass(frozen=True, kw_only=True)
class Rounding:
    """A type of this unit roundoff, in a stream of `d_model` channels.

    Args:
        usual: False for worst cases; True for independent errors, of which many steps sum as square roots.
    """

    unit: float
    d_model: int
    usual: bool = False

    @property
    def wide(self) -> float:
        return min(self.unit, _WIDE)

    def many(self, n: float) -> float:
        """How many times one error those of n steps amount to."""
        # Independent errors of at most 1 deviate by sqrt n in sum: four deviations.
        return min(n, 4.0 * n**0.5) if self.usual else n

    def off(self, operations: float, *, stored: float = 0.0) -> float:
        """`(1 + v)^operations - 1`; in 16-bit types also `stored` roundings of results in the model's own type."""
        own = stored * math.log1p(self.unit) if self.unit > self.wide else 0.0
        return math.expm1(operations * math.log1p(self.wide) + own)

    @property
    def weight(self) -> float:
        """Relative error of a stored row of weights (A6), of what reads or writes as many signals as there are."""
        # A6: computed in float64, rounded once.
        return grown(1.0, 0.0, self.unit, (self.d_model + 8.0) * DOUBLE)

    @property
    def function(self) -> float:
        """Relative error of exp, silu or softplus (A2)."""
        return self.off(FUNCTION, stored=1.0)

    def channel(self, size: float, error: float) -> float:
        """Error of a channel at z >= 40, where silu is z to the last bit, z being a read and a bias."""
        # 6.6: f = r + (1).
        return grown(size, error, self.off(1.0, stored=2.0))

    def silu(self, size: float, error: float) -> float:
        """Error of `silu(z)`, at most `size`, for z known up to `error`: its slope is below 1.1."""
        return grown(size, 1.1 * error, self.function)

    def step(self, value: float) -> float:
        """Relative error of a step of 128: 256 times a channel known up to `value` of itself, less 128."""
        # 6.6: s = 2 f + 2 (3).
        return grown(2.0, 2.0 * value, self.off(3.0, stored=2.0))

    def spread(self, certain: float) -> float:
        """How much norms of two positions may differ by rounding, signals changing them by `certain` at most.

        Where a variance is nothing beside epsilon, all norms divide by one number, to the last bit.
        """
        # 6.9: an eighth of a unit moves no rounding of the variance and epsilon; else both norms, of d + 14 operations.
        return 0.0 if certain <= self.wide / 8.0 else 2.0 * self.off(self.d_model + 14.0)

    def read(self, length: float) -> float:
        """Error of one signal read from a stored stream vector of this length, if its channels are sums of no more than
        1.5 d + 6 terms that together measure no more than the vector; where they may, `kept` and `summed` say it."""
        own = 6.0 * math.log1p(self.unit) + (2.5 * self.d_model + 4.0) * math.log1p(self.wide)
        return math.expm1(own) * length

    def kept(self, length: float) -> float:
        """Error of one signal read by a row of norm 1 from a stored stream vector of this length (Lemma 6.9).

        A rounded row and a rounded norm weight; of the norm, the mean, the variance, its root and quotient, and the
        product with each channel; the products of the row and their sum.
        """
        # 6.9: u each for the row and the norm weight, and (2d + 20).
        own = grown(1.0, 0.0, self.weight, self.weight, self.off(2.0 * self.d_model + 20.0, stored=4.0))
        return own * length

    def moved(self, length: float) -> float:
        """By how much one signal that two positions hold alike may be read differently there, if norms do not differ.

        The same divisor, and the same weights, whose rounding shows what else the streams hold: what differs is the
        mean that is subtracted, three products of each channel, and the sum.
        """
        # 6.9: ((d + 4) + u): the mean, three products of each channel, and the sum.
        mean = 1.0 + self.off(self.d_model + 1.0)
        return (self.off(self.d_model + 4.0, stored=3.0) + self.weight * mean) * length

    def summed(self, terms: int) -> float:
        """Error of a channel that is the sum of so many terms of rounded weights, over the sum of their sizes."""
        # 6.9: (1 + u)(1 + v)^(n + 1).
        return grown(1.0, 0.0, self.weight, self.off(terms + 1.0, stored=3.0))

    def mass(self, miss: float, window: int) -> float:
        """By how much softmax masses and their mean may be off, of the largest value, where all but `miss` lies in one.

        Exponentials, their sum, the quotient and the products; an addition errs by no more than its smaller term, so a
        long sum of small ones by no more than they are.
        """
        # 6.6, copy: 2 min(mu, (2w)) + (50) mu + (12).
        adding = self.off(2.0 * window)
        return 2.0 * min(miss, adding) + miss * self.off(FUNCTION + 40.0) + self.off(12.0, stored=3.0)

    def turned(self, positions: float, frequency: float, terms: int) -> float:
        """Error of a score, of the product of the lengths: both turned by angles in float64, then so many products."""
        # A5: an angle errs by 2^-52 of itself. 6.6, score: turning by sqrt 2 (4), query and key each; the
        # terms; the scale, 4.
        angle = positions * frequency * 2.0 * DOUBLE
        turning = math.sqrt(2.0) * self.off(4.0, stored=2.0)
        return grown(1.0, 0.0, turning, turning, angle, angle, self.off(terms + 4.0, stored=2.0))


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """One place where rounding meets a margin: the error it may cause, and the part of the margin kept for it.

    Args:
        certain: what exact arithmetic changes there already: norms that are not quite constant. Rounding comes on top.
        usual: what share of the error rounding may reach in practice.
    """

    what: str
    error: float
    room: float
    certain: float = 0.0
    usual: float = USUAL

    @property
    def use(self) -> float:
        """Above 1, the proof does not cover it."""
        return self._use(1.0)

    @property
    def usual_use(self) -> float:
        """Above 1, the type cannot carry it."""
        return self._use(self.usual)

    def _use(self, share: float) -> float:
        return (self.certain + share * self.error) / self.room if self.room > 0.0 else float("inf")


def tightest(allowances: Sequence[Allowance], *, usual: bool = False) -> Allowance:
    """The one that is filled most, in the worst case or as rounding is usually met."""
    return max(allowances, key=lambda allowance: allowance.usual_use if usual else allowance.use)
