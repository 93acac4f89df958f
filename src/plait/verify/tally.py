"""Counts of what was read, with the closest call and the first wrong answer."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from plait.verify.inputs import Labels
from plait.verify.reading import ModelReading


@dataclass(frozen=True, kw_only=True)
class Extreme:
    """The least value seen, and the tokens up to the position where it was seen."""

    value: float
    tokens: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Positions by what came of them: `checked = right + wrong`.

    A position that several inputs share counts once for each of them in `checked`, `right`, `wrong`,
    `undefined` and `beyond`, and once in `read`.

    Attributes:
        inputs: sequences.
        checked: positions with a target that the model is held to.
        right: those whose target's logit is larger than all others; a tie is not right.
        undefined: positions without a target; never a success.
        beyond: positions whose target lies outside the window that is claimed; neither right nor wrong.
        read: positions that the model computed.
        gap: the smallest lead of a target's logit (nats).
        margin: the smallest lead of the score at the target's place in the last attention layer (nats).
        counterexample: the tokens up to the first wrong answer.
        last_defined: inputs whose last position has a target; None where inputs were not counted one by one.
    """

    inputs: int = 0
    checked: int = 0
    right: int = 0
    undefined: int = 0
    beyond: int = 0
    read: int = 0
    gap: Extreme | None = None
    margin: Extreme | None = None
    counterexample: tuple[int, ...] | None = None
    last_defined: int | None = None

    @property
    def wrong(self) -> int:
        return self.checked - self.right

    @property
    def last_undefined(self) -> int | None:
        return None if self.last_defined is None else self.inputs - self.last_defined

    def __add__(self, other: "Tally") -> "Tally":
        ends = (self.last_defined, other.last_defined)
        return Tally(
            inputs=self.inputs + other.inputs,
            checked=self.checked + other.checked,
            right=self.right + other.right,
            undefined=self.undefined + other.undefined,
            beyond=self.beyond + other.beyond,
            read=self.read + other.read,
            gap=_lesser(self.gap, other.gap),
            margin=_lesser(self.margin, other.margin),
            counterexample=_shorter(self.counterexample, other.counterexample),
            last_defined=None if ends == (None, None) else sum(end or 0 for end in ends),
        )


@dataclass(frozen=True, kw_only=True)
class Positions:
    """Some positions of some inputs: all of `tokens`, or their last ones.

    Attributes:
        tokens: the inputs, from their first token.
        scored: of the last positions, which have a target that the model is held to.
        beyond: of the last positions, which have a target outside the claimed window.
        gaps: leads of the targets' logits.
        margins: leads in attention, where they were read.
    """

    tokens: Int[Tensor, "batch whole"]
    scored: Bool[Tensor, "batch time"]
    beyond: Bool[Tensor, "batch time"] | None
    gaps: Float[Tensor, "batch time"]
    margins: Float[Tensor, "batch time"] | None

    @classmethod
    def of(cls, tokens: Int[Tensor, "batch whole"], known: Labels, reading: ModelReading) -> "Positions":
        return cls(
            tokens=tokens,
            scored=known.targets.scored,
            beyond=known.beyond,
            gaps=reading.gaps,
            margins=reading.margins,
        )

    def tally(self, *, inputs: int, weight: int = 1, whole: bool = False) -> Tally:
        """Their counts, each position standing for `weight` inputs; `whole` says that inputs end here."""
        scored, size = self.scored, self.scored.numel()
        right = (self.gaps > 0) & scored
        n_scored, n_right = int(scored.sum()), int(right.sum())
        n_beyond = 0 if self.beyond is None else int(self.beyond.sum())
        wrong = None
        if n_right < n_scored:
            wrong = self._prefix(_first(scored & ~right))
        return Tally(
            inputs=inputs,
            checked=n_scored * weight,
            right=n_right * weight,
            undefined=(size - n_scored - n_beyond) * weight,
            beyond=n_beyond * weight,
            read=size,
            gap=self._least(self.gaps) if n_scored else None,
            margin=self._least(self.margins) if n_scored and self.margins is not None else None,
            counterexample=wrong,
            last_defined=int(scored[:, -1].sum()) * weight if whole else None,
        )

    def _least(self, values: Float[Tensor, "batch time"]) -> Extreme:
        masked = torch.where(self.scored, values.nan_to_num(nan=-math.inf, posinf=math.inf), math.inf)
        place = int(masked.argmin())
        return Extreme(value=float(masked.flatten()[place]), tokens=self._prefix(place))

    def _prefix(self, place: int) -> tuple[int, ...]:
        row, column = divmod(place, self.scored.shape[1])
        stop = self.tokens.shape[1] - self.scored.shape[1] + column + 1
        return tuple(self.tokens[row, :stop].tolist())


def _first(mask: Bool[Tensor, "batch time"]) -> int:
    """The place, in the flattened mask, of a true entry of the earliest column."""
    column = int(mask.any(0).int().argmax())
    return int(mask[:, column].int().argmax()) * mask.shape[1] + column


def _lesser(one: Extreme | None, other: Extreme | None) -> Extreme | None:
    if one is None or other is None:
        return one or other
    return other if other.value < one.value else one


def _shorter(one: tuple[int, ...] | None, other: tuple[int, ...] | None) -> tuple[int, ...] | None:
    if one is None or other is None:
        return one or other
    return other if len(other) < len(one) else one
