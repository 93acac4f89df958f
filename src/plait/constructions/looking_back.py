"""What both constructions of selective copying share: attention looks back by the number that Mamba holds.

`GatheredPlan` is the rounding of the stream, channel by channel: what was summed up to give it, and how it is read.

Source: docs/theory-constructions.md, section 6 and Lemma 6.9.
"""

import dataclasses
import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from jaxtyping import Float, Int
from torch import Tensor

from plait.constructions.plan import Gaze, Plan
from plait.constructions.residual import assemble
from plait.constructions.rounding import Rounding
from plait.tasks import SelectiveCopying

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


LOOKBACK_RESERVE = 3.0
"""Three times as sharp as exact arithmetic needs: two thirds of the score's margin are for rounding (Lemma 6.4)."""


@dataclass(frozen=True, kw_only=True)
class LookBackPlan(GatheredPlan):
    """Selective copying by two layers, Mamba and attention over a window that the largest number just fits."""

    kind: ClassVar[str] = "selective-copying"
    solves: ClassVar[type | None] = SelectiveCopying
    looks_by: ClassVar[str]
    """The lemma that says where attention looks."""

    task: SelectiveCopying

    @property
    def window(self) -> int:
        return max(self.task.numbers) + 1

    @property
    @abstractmethod
    def margin(self) -> float:
        """The target's least lead in score at a sharpness of 1."""

    @property
    @abstractmethod
    def miss(self) -> float:
        """The softmax mass that may fall beside the target."""

    @property
    def sharpness(self) -> float:
        """(window - 1) exp(-sharpness * margin) = miss, and the reserve."""
        return LOOKBACK_RESERVE * math.log((self.window - 1) / self.miss) / self.margin

    @property
    @abstractmethod
    def final_gain(self) -> float:
        """Such that logits are inner products of codes."""

    @abstractmethod
    def signals(self) -> dict[str, Float[Tensor, "tokens width"]]:
        """What every token's embedding holds: words, then numbers."""

    @abstractmethod
    def mamba(self) -> dict[str, Tensor]: ...

    @abstractmethod
    def transformer(self) -> dict[str, Tensor]: ...

    def weights(self) -> dict[str, Tensor]:
        return assemble(
            self.residual.embed(self.signals()),
            (self.mamba(), self.transformer()),
            vocab_size=self.task.vocab_size,
            final_gain=self.final_gain,
        )

    def gazes(self, tokens: Int[Tensor, "*batch time"]) -> tuple[Gaze, ...]:
        number, _ = self.task.control(tokens)
        _, scored = self.task.targets(tokens)
        margins = self.margins()
        return (
            Gaze(
                layer=2,
                lemma=self.looks_by,
                distance=number,
                known=scored,
                margin=margins.attention,
                mass=margins.target_mass,
            ),
        )

    @abstractmethod
    def layout_json(self) -> dict[str, Any]: ...

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "task": dataclasses.asdict(self.task),
            "seq_len": self.seq_len,
            "dtype": str(self.dtype).removeprefix("torch."),
            "layout": self.layout_json(),
        }
