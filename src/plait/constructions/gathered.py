"""Rounding of the stream, channel by channel: what was summed up to give it, and how it is read.

Source: docs/theory-constructions.md, Lemma 6.9.
"""

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from plait.constructions.plan import Plan
from plait.constructions.rounding import Rounding

Sizes = Mapping[str, float | Tensor]
"""How large signals are at most, by subspace, or by coordinate of a subspace."""


@dataclass(frozen=True, kw_only=True)
class GatheredPlan(Plan):
    """A plan that says what every layer adds to the stream, and so how it rounds."""

    @abstractmethod
    def sizes(self) -> Sizes:
        """The largest signals of any token, by subspace or by coordinate."""

    @abstractmethod
    def written(self) -> tuple[tuple[int, Sizes], ...]:
        """Of every layer: how many terms a channel becomes the sum of, the stream before included, and what they
        measure together along each coordinate of a subspace."""

    def strays(self, rounding: Rounding) -> tuple[Float[Tensor, " d_model"], ...]:
        """By channel, the rounding of the stream as stored: of the embedding, and after every layer (Lemma 6.9)."""
        residual = self.residual
        total = residual.bias + residual.strewn(self.sizes())
        strays = [rounding.weight * total]
        for terms, written in self.written():
            total = total + residual.strewn(written)
            strays.append(strays[-1] + rounding.summed(terms) * total)
        return tuple(strays)

    def strayed(self, rounding: Rounding) -> tuple[float, ...]:
        """The same, as a row of norm 1 that reads the stream shows it at most."""
        return tuple(float(stray.norm()) for stray in self.strays(rounding))

    def reads(self, rounding: Rounding) -> tuple[float, ...]:
        """Error of one signal read from the stream: of the embedding, and after every layer (Lemma 6.9)."""
        pairs = zip(self.strayed(rounding), self.lengths(), strict=True)
        return tuple(stray + rounding.kept(length + stray) for stray, length in pairs)

    def rereads(self, rounding: Rounding) -> tuple[float, ...]:
        """By how much one signal that two positions hold alike may be read differently there, norms apart."""
        pairs = zip(self.strayed(rounding), self.lengths(), strict=True)
        return tuple(stray + rounding.moved(length + stray) for stray, length in pairs)

    def constant_read(self, rounding: Rounding) -> float:
        """Error of the row that reads the constant of the embedding as 1."""
        return self.reads(rounding)[0] / (self.residual.bias * math.sqrt(self.residual.d_model))

    def read_error(self, rounding: Rounding, layer: int) -> float:
        return self.reads(rounding)[layer]

    def stray(self, rounding: Rounding, layer: int, subspace: str) -> float:
        """How far rounding may move what a subspace holds after `layer`, at worst."""
        shown = float((self.residual.rows(subspace).abs() @ self.strays(rounding)[layer]).max())
        return self.noise(rounding).get((layer, subspace), 0.0) + shown
