"""What both constructions of decoding recall share (docs/theory-constructions.md, section 7)."""

import dataclasses
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from plait.constructions.looking_back import GatheredPlan
from plait.constructions.mamba_writer import SILU_ONE
from plait.constructions.plan import Gaze, Holding, NormFactor, everywhere
from plait.constructions.register import Register
from plait.constructions.residual import QUIET
from plait.constructions.rotary import RECENCY_RESERVE, Recency
from plait.constructions.rounding import Rounding, grown
from plait.tasks import DecodingRecall


def latest_match(
    tokens: Int[Tensor, "*batch time"], wanted: Int[Tensor, "*batch time"]
) -> tuple[Int[Tensor, "*batch time"], Bool[Tensor, "*batch time"]]:
    """How far back stands the successor of the latest earlier occurrence of `wanted`, and whether there is one."""
    time = tokens.shape[-1]
    place = torch.arange(time)
    earlier = place.unsqueeze(-1) > place
    equal = (wanted.unsqueeze(-1) == tokens.unsqueeze(-2)) & earlier
    latest = (equal * (place + 1)).amax(-1)
    return (place - latest) * (latest > 0), latest > 0


BIT = 64.0
"""What a register's channel is at bit 1, and the opposite before SiLU at bit 0: silu(-64) is nothing beside it."""

FLAG = 64.0
"""The flag's channel at bits; at words it is silu of -64 or less, -64 e^-64 (Lemma 7.2)."""

PREVIOUS = 64.0
"""In two layers, gain of the previous token's signals: they are compared, so they are the loudest of the stream."""

REGISTER = 0.5
"""In two layers, gain of the register's numbers: they add little to what is read beside them (Lemma 7.8)."""


@dataclass(frozen=True, kw_only=True)
class RecallPlan(GatheredPlan):
    """Decoding recall whose last attention sees the keys of `window` tokens.

    Args:
        recency_reserve: how many times as sharp recency is as exact arithmetic needs.
    """

    kind: ClassVar[str] = "decoding-recall"
    solves: ClassVar[type | None] = DecodingRecall

    task: DecodingRecall
    window: int
    amplitude: float = QUIET
    norm_eps: float = 1e-5  # that of torch.nn.LayerNorm; a quiet stream is nothing beside it (Lemma 6.1)
    recency_reserve: float = RECENCY_RESERVE

    register: Register

    @property
    @abstractmethod
    def recency(self) -> Recency: ...

    @property
    @abstractmethod
    def signals(self) -> dict[str, Float[Tensor, "tokens width"]]:
        """What every token's embedding holds: words, then bits."""

    @abstractmethod
    def layout_json(self) -> dict[str, Any]: ...

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "task": dataclasses.asdict(self.task),
            "seq_len": self.seq_len,
            "dtype": str(self.dtype).removeprefix("torch."),
            "window": self.window,
            "layout": {
                **self.layout_json(),
                "amplitude": self.amplitude,
                "norm_eps": self.norm_eps,
                "recency_reserve": self.recency_reserve,
            },
        }

    def _answer(self, tokens: Tensor) -> tuple[Int[Tensor, "*batch time"], Bool[Tensor, "*batch time"]]:
        """The target, and where it is defined and its key in the window."""
        register, _ = self.task.control(tokens)
        distance, found = latest_match(tokens, register)
        place = torch.arange(tokens.shape[-1])
        return tokens.gather(-1, (place - distance).clamp(min=0)), found & (distance < self.window)

    def _gaze(self, tokens: Tensor, *, layer: int, lemma: str) -> Gaze:
        register, _ = self.task.control(tokens)
        distance, found = latest_match(tokens, register)
        return Gaze(
            layer=layer,
            lemma=lemma,
            distance=distance,
            known=found & (distance < self.window),
            margin=self.recency.kept,
            mass=1.0 - self.recency.miss,
        )

    def _register(self, tokens: Tensor, *, gain: float) -> list[Holding]:
        is_bit = tokens >= self.task.n_words
        numbers = self.register.numbers(tokens - self.task.n_words, is_bit)
        return [everywhere(1, "register", "7.2", gain * numbers)]

    def _own(self, tokens: Tensor, *, layer: int, lemma: str) -> list[Holding]:
        return [everywhere(layer, name, lemma, values[tokens]) for name, values in self.signals.items()]

    def _previous(self, tokens: Tensor, *, layer: int, gain: float, first: float) -> list[Holding]:
        """The signals of the token before; at the start, `first` times those of the token itself."""
        stages: list[Holding] = []
        for name, values in self.signals.items():
            expected = gain * values[tokens].roll(1, -2)
            expected[..., 0, :] = first * gain * values[tokens[..., 0]]
            stages.append(everywhere(layer, f"previous {name}", "7.1", expected, gain * self.softening))
        return stages

    def _copied(
        self, tokens: Tensor, name: str, *, layer: int, lemma: str, gain: float, spread: float
    ) -> Holding:
        """The target's signal beside the token's own, up to `spread` times the gain."""
        targets, known = self._answer(tokens)
        values = self.signals[name]
        return Holding(
            layer=layer,
            subspace=name,
            lemma=lemma,
            expected=gain * values[targets] + values[tokens],
            known=known,
            tolerance=gain * spread,
        )

    @abstractmethod
    def least_squares(self) -> tuple[float, ...]:
        """The least sum of squared signals that each norm before a layer sees."""

    def factors(self) -> tuple[NormFactor, ...]:
        """Lemma 6.1: between the quietest and the loudest that a norm sees; weights assume the quietest."""
        residual, eps, factors = self.residual, self.norm_eps, []
        for layer, (least, most) in enumerate(
            zip(self.least_squares(), self.squares(), strict=False), start=1
        ):
            factor = residual.rms_factor if layer == 1 else residual.layer_factor
            assumed = factor(least, eps=eps)
            name = "norm" if layer == 1 else "input_layernorm"
            low = factor(most, eps=eps) / assumed
            factors.append(NormFactor(layer=layer, norm=name, assumed=assumed, high=1.0, low=low))
        return tuple(factors)

    def number_error(self, rounding: Rounding, *, flag: float, value: float) -> float:
        """Lemma 7.8: of the register's number as written, over its gain.

        Args:
            flag: relative error of the channel that decides the steps, at bits.
            value: relative error of what bit 1 puts in.
        """
        register = self.register
        one = rounding.silu(1.0, SILU_ONE * rounding.weight)
        gate = rounding.silu(1.0, SILU_ONE * self.constant_read(rounding))
        number = register.rounded(rounding, rounding.step(flag))
        return grown(2.0 * register.reach, number, value, one, one, gate, self.softening)

    @property
    def softenings(self) -> tuple[float, ...]:
        """By how much, at most, the norm before each layer makes signals smaller than the weights assume."""
        pairs = zip(self.least_squares(), self.squares(), strict=False)
        return tuple(
            self.residual.softening(least, most, eps=self.norm_eps, constant=layer == 0)
            for layer, (least, most) in enumerate(pairs)
        )

    @property
    def softening(self) -> float:
        """The largest of them."""
        return max(self.softenings)
