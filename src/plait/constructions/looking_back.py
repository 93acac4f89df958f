"""What both constructions of selective copying share: attention looks back by the number that Mamba holds.

Source: docs/theory-constructions.md, section 6.
"""

import dataclasses
import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from jaxtyping import Float, Int
from torch import Tensor

from plait.constructions.assemble import assemble
from plait.constructions.gathered import GatheredPlan
from plait.constructions.plan import Gaze
from plait.tasks import SelectiveCopying

RESERVE = 3.0
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
        return RESERVE * math.log((self.window - 1) / self.miss) / self.margin

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
