"""What every construction states about itself: its weights, and what they can be held to.

A plan is a value: task, length, layout and type decide every weight, every margin and what each named subspace
must hold after each layer. Models are built from it; lemmas check models against it.
"""

import math
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from plait.constructions.residual import Residual
from plait.constructions.rounding import UNITS, Allowance, Rounding, check_dtype, tightest, type_name
from plait.model import HybridConfig, HybridLM
from plait.tasks.base import BuiltInTask


@dataclass(frozen=True, kw_only=True)
class Holding:
    """What a subspace holds after `layer` (0: the embedding), by which lemma.

    Args:
        expected: the signals in exact arithmetic.
        known: positions where the lemma says anything.
        tolerance: of every signal, what softmax mass beside the target and normalisers may change.
    """

    layer: int
    subspace: str
    lemma: str
    expected: Float[Tensor, "*batch time width"]
    known: Bool[Tensor, "*batch time"]
    tolerance: float


def everywhere(
    layer: int,
    subspace: str,
    lemma: str,
    expected: Float[Tensor, "*batch time width"],
    tolerance: float = 0.0,
) -> Holding:
    """A holding that the lemma states for every position."""
    known = torch.ones(expected.shape[:-1], dtype=torch.bool)
    return Holding(
        layer=layer, subspace=subspace, lemma=lemma, expected=expected, known=known, tolerance=tolerance
    )


@dataclass(frozen=True, kw_only=True)
class Gaze:
    """Where the head of `layer` looks, by which lemma.

    Args:
        distance: of the target, in positions.
        known: positions where the lemma says anything.
        margin: the target's least lead in score over every other position, in nats.
        mass: the least softmax mass at the target.
    """

    layer: int
    lemma: str
    distance: Int[Tensor, "*batch time"]
    known: Bool[Tensor, "*batch time"]
    margin: float
    mass: float


@dataclass(frozen=True, kw_only=True)
class NormFactor:
    """What the norm before `layer` multiplies signals by, over what the weights take it for (Lemma 6.1)."""

    layer: int
    norm: str
    assumed: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Margins:
    """Proved in exact arithmetic, for every input.

    Args:
        attention: the least lead of the target's score in the last attention, in nats.
        target_mass: the least softmax mass there.
        logit_gap: the least lead of the target's logit over every other.
    """

    attention: float
    target_mass: float
    logit_gap: float


@dataclass(frozen=True, kw_only=True)
class Plan(ABC):
    """A construction for sequences of `seq_len` tokens in weights of `dtype`.

    Raises:
        ValueError: a task of another class than the one that the proof is about, be it derived from that.
    """

    kind: ClassVar[str]
    theorem: ClassVar[str]
    solves: ClassVar[type | None] = None
    """The class of tasks that the proof is about; None where the plan's own type says it."""

    task: BuiltInTask
    seq_len: int
    dtype: torch.dtype = torch.float32

    def __post_init__(self) -> None:
        if self.solves is not None and type(self.task) is not self.solves:
            raise ValueError(
                f"a construction is known of {self.solves.__name__} itself, not of {type(self.task).__name__}: "
                "another class may have other targets"
            )

    @property
    @abstractmethod
    def residual(self) -> Residual: ...

    @abstractmethod
    def config(self) -> HybridConfig: ...

    @abstractmethod
    def weights(self) -> dict[str, Tensor]:
        """Every parameter of the model, in float64."""

    @abstractmethod
    def margins(self) -> Margins: ...

    @abstractmethod
    def factors(self) -> tuple[NormFactor, ...]: ...

    @abstractmethod
    def holdings(self, tokens: Int[Tensor, "*batch time"]) -> tuple[Holding, ...]:
        """What the subspaces hold for these tokens."""

    @abstractmethod
    def gazes(self, tokens: Int[Tensor, "*batch time"]) -> tuple[Gaze, ...]:
        """Where attention looks for these tokens."""

    def legend(self) -> Mapping[str, str]:
        """What each subspace holds, in words, where that is more than its name."""
        return {}

    def answered(self, tokens: Int[Tensor, "*batch time"]) -> Bool[Tensor, "*batch time"]:
        """Where the theorem claims the answer, of positions with a target: where the last head's place is known."""
        return self.gazes(tokens)[-1].known

    @abstractmethod
    def squares(self) -> tuple[float, ...]:
        """The largest sum of squared signals of any position: of the embedding, and after every layer."""

    @abstractmethod
    def noise(self, rounding: Rounding) -> Mapping[tuple[int, str], float]:
        """By layer and subspace, how far rounding may move a signal at worst, beside what storing the stream does."""

    @abstractmethod
    def allowances(self, rounding: Rounding) -> tuple[Allowance, ...]:
        """Worst-case rounding errors, each beside the part of a margin that is kept for it."""

    @abstractmethod
    def to_json(self) -> Mapping[str, Any]:
        """Plain JSON that `plan_from_json` reads."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The layout in a few words."""

    @abstractmethod
    def describe(self) -> str:
        """The task and layout in a few words, for error messages."""

    def lengths(self) -> tuple[float, ...]:
        """The largest length of a stream vector, in units of signals: of the embedding, and after every layer."""
        residual = self.residual
        return tuple(math.sqrt(residual.d_model * residual.bias**2 + square) for square in self.squares())

    def read_error(self, rounding: Rounding, layer: int) -> float:
        """Error of one signal read from the stream after `layer`, at worst."""
        return rounding.read(self.lengths()[layer])

    def stray(self, rounding: Rounding, layer: int, subspace: str) -> float:
        """How far rounding may move what a subspace holds after `layer`, at worst."""
        return self.noise(rounding).get((layer, subspace), 0.0) + 2.0 * self.read_error(rounding, layer)

    def tightest(self, dtype: torch.dtype | None = None, *, usual: bool = False) -> Allowance:
        """The allowance that is filled most, in the worst case, or by rounding as usually met before its share."""
        rounding = Rounding(unit=UNITS[dtype or self.dtype], d_model=self.residual.d_model, usual=usual)
        return tightest(self.allowances(rounding), usual=usual)

    def proved(self, dtype: torch.dtype | None = None) -> bool:
        """Whether the proof covers rounding in this type, in the worst case."""
        return self.tightest(dtype).use <= 1.0

    def carried(self, dtype: torch.dtype | None = None) -> bool:
        """Whether exact arithmetic keeps to the margins, and rounding as it is usually met leaves them intact."""
        return self.tightest(dtype, usual=True).usual_use <= 1.0

    def precision_bits(self) -> int:
        """The least number of significant bits with which the proof covers rounding; 65 if 64 are too few."""

        def covered(bits: int) -> bool:
            rounding = Rounding(unit=2.0**-bits, d_model=self.residual.d_model)
            return tightest(self.allowances(rounding)).use <= 1.0

        return bisect_left(range(65), True, lo=4, key=covered)  # no float has fewer bits than 4

    def check(self) -> None:
        """Refuses what the type cannot carry.

        Raises:
            ValueError: the limit, and the type that would do.
        """
        check_dtype(self.dtype)
        if self.carried():
            return
        limit = self.tightest(usual=True)
        would = [type_name(dtype) for dtype in UNITS if replace(self, dtype=dtype).carried()]
        raise ValueError(
            f"{self.describe()}: {type_name(self.dtype)} cannot carry it: {limit.what} may err by "
            f"{limit.certain + limit.error * limit.usual:.2g} where {limit.room:.2g} is allowed; "
            + (f"{would[0]} would do" if would else "no type up to float64 would do")
        )

    def build(self) -> HybridLM:
        """The model, rounded once to `dtype`, in evaluation mode; it remembers this plan.

        Raises:
            ValueError: as `check`.
        """
        self.check()
        model = HybridLM(self.config(), seed=None, dtype=self.dtype)
        model.load_state_dict({name: tensor.to(self.dtype) for name, tensor in self.weights().items()})
        attach(model, self)
        return model.eval()


def attach(model: HybridLM, plan: Plan) -> None:
    """Lets `plan_of` find the plan of a model; nothing that computes looks at it."""
    model.__dict__["construction"] = plan


def plan_of(model: HybridLM) -> Plan:
    """The plan that a model was built from.

    Raises:
        ValueError: a model that was not built or loaded by `plait.constructions`.
    """
    plan = model.__dict__.get("construction")
    if not isinstance(plan, Plan):
        raise ValueError("this model carries no construction: build it, or load it, with plait.constructions")
    return plan
