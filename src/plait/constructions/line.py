"""Selective copying in four channels and one number of recurrent state (docs/theory-constructions.md, Theorem 6.8).

    signals     a point on one circle for every token, and one number for the control
    Mamba       one channel: its value is the control, its step size writes at numbers and holds at words
    attention   the held number is the tangent of the angle to look back by
    unembedding the nearest point of the circle

The stream is so quiet that both norms are linear: epsilon decides what they divide by (Lemma 6.1).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.constructions.codes import DigitCode
from plait.constructions.copying_rounding import line_allowances, line_noise
from plait.constructions.looking_back import LOOKBACK_RESERVE, LookBackPlan
from plait.constructions.mamba_writer import HOLD, LIFT, STEP, MambaWriter
from plait.constructions.plan import Holding, Margins, NormFactor, everywhere
from plait.constructions.residual import QUIET, Residual
from plait.constructions.rotary import Frequencies, frequencies
from plait.constructions.rounding import Allowance, Rounding
from plait.constructions.transformer_writer import TransformerWriter
from plait.model import HybridConfig

_STEEPEST = 0.8
"""Largest angle to look by, from the middle, in quarter turns: tangents end at one. 0.8 of it, 72 degrees, is what the
numbers 5..9 take in a window of 10, one turn (Lemma 6.7)."""


@dataclass(frozen=True, kw_only=True)
class LinePlan(LookBackPlan):
    """Everything that decides the weights.

    Raises:
        ValueError: in `check`, where the numbers span more than a tangent can tell apart.
    """

    theorem: ClassVar[str] = "6.8"
    looks_by: ClassVar[str] = "6.7"

    amplitude: float = QUIET

    @property
    def code(self) -> DigitCode:
        n_points = self.task.n_words + len(self.task.numbers)
        return DigitCode(n_points=n_points, base=max(n_points, 3))  # a circle: base 2 is a line

    @property
    def half_span(self) -> float:
        return (max(self.task.numbers) - min(self.task.numbers)) / 2.0

    @property
    def middle(self) -> float:
        return (max(self.task.numbers) + min(self.task.numbers)) / 2.0

    @property
    def turns(self) -> Frequencies:
        """One turn in a window, or slower, so that all angles stay within the steepest."""
        slowest = 4.0 * self.half_span / _STEEPEST  # a turn is four quarters
        return frequencies(1, period=max(float(self.window), slowest))

    @property
    def residual(self) -> Residual:
        return Residual(subspaces=(("code", 2), ("control", 1)), amplitude=self.amplitude)

    def config(self) -> HybridConfig:
        return HybridConfig(
            self.task.vocab_size,
            pattern="SSM-TF",
            d_model=4,  # 6.8: the code on a circle, the control, and the constant
            window=self.window,
            d_state=1,
            d_inner=1,
            dt_rank=1,
            d_conv=1,
            rotary_fraction=1.0,
            rotary_base=self.turns.base,
            d_mlp=0,
            init="paper",  # of no effect: every weight is set; part of the config that stored members name
        )

    @staticmethod
    def state(control: float) -> float:
        """What the channel holds after a number of this control: step * B * value (Lemma 6.7)."""
        value = LIFT + control
        return (2.0 * STEP * control + HOLD) / STEP * value**2 / LIFT

    @cached_property
    def states(self) -> tuple[float, float]:
        """The middle of the states, and half their span: of the controls from 1 to 2."""
        low, high = self.state(1.0), self.state(2.0)
        return (low + high) / 2.0, (high - low) / 2.0

    def tangent(self, number: int) -> float:
        """Of the angle between this number's distance and the middle one."""
        return math.tan(self.turns.values[0] * (number - self.middle))

    @cached_property
    def steepest(self) -> float:
        # A single number has the tangent 0, which nothing may be divided by.
        return max(self.tangent(max(self.task.numbers)), 1e-3)

    @cached_property
    def controls(self) -> tuple[float, ...]:
        """For every number, the control in [1, 2] whose state is its tangent's."""
        middle, half = self.states
        wanted = (middle + half * self.tangent(number) / self.steepest for number in self.task.numbers)
        return tuple(_invert(self.state, value) for value in wanted)

    @cached_property
    def margin(self) -> float:
        """The least lead of the target's score, over numbers, distances, and both kinds of query (Lemma 6.7)."""
        w = self.turns.values[0]
        t = torch.arange(self.window, dtype=torch.float64)
        margin = math.inf
        for number, control in zip(self.task.numbers, self.controls, strict=True):
            for more in (0.0, control / LIFT):
                tangent = (1.0 + more) * self.tangent(number)
                score = torch.cos(w * (t - self.middle)) + tangent * torch.sin(w * (t - self.middle))
                others = torch.cat((score[:number], score[number + 1 :]))
                margin = min(margin, float(score[number] - others.max()))
        return margin

    @property
    def miss(self) -> float:
        return self.code.chord / 64.0  # 6.8: mu = e/64, as in 6.6 with rho = 1

    @property
    def span(self) -> float:
        """More than the control measures anywhere after Mamba."""
        middle, half = self.states
        return LIFT + middle + 2.0 * half

    @property
    def gain(self) -> float:
        """Over the token's own code, and over what the control adds to logits."""
        chord = self.code.chord
        # 6.8: so the own code (e) and the control, within `span` of 0 and by 2 apart, take e^2/16 of the lead.
        return 2.0 ** math.ceil(math.log2(16.0 * (chord + 2.0 * self.span) / chord**2))

    @property
    def assumed(self) -> tuple[float, float]:
        eps = self.config().norm_eps
        return self.residual.rms_factor(0.0, eps=eps), self.residual.layer_factor(0.0, eps=eps)

    @property
    def final_gain(self) -> float:
        last = self.residual.layer_factor(self.gain**2, eps=self.config().norm_eps)
        return 1.0 / (self.amplitude * last * self.gain)

    def signals(self) -> dict[str, Float[Tensor, "tokens width"]]:
        controls = torch.tensor((0.0,) * self.task.n_words + self.controls, dtype=torch.float64)
        return {"code": self.code.points(), "control": controls.unsqueeze(-1)}

    def mamba(self) -> dict[str, Tensor]:
        """Lemma 6.7: step sizes, B and C all come from the one channel; D takes out the token's own control."""
        residual = self.residual
        row = residual.rows("control")[0]
        mamba = MambaWriter(residual, factor=self.assumed[0])
        channel = mamba.channel(row, bias=LIFT)  # x = silu(B + k) = B + k
        mamba.step_by(channel, 1.0)
        mamba.take_by(channel, 1.0 / (STEP * LIFT))  # B_t = x / (128 B)
        mamba.give_by(channel, 1.0 / LIFT)  # C_t = x / B
        mamba.steps(channel, weight=2.0 * STEP, bias=HOLD - 2.0 * STEP * LIFT)  # softplus(256 (x - B) - 128)
        mamba.skip(channel, -1.0 - self.states[0] / LIFT)  # D = -1 - S_0 / B leaves (x/B)(S - S_0) - x
        mamba.write(channel, row)
        return mamba.tensors()

    def transformer(self) -> dict[str, Tensor]:
        """Lemma 6.7: query (1, tangent), key turned to the middle distance."""
        residual, turns = self.residual, self.turns
        block = TransformerWriter(residual, factor=self.assumed[1], n_pairs=turns.n_pairs)
        slope = self.steepest / self.states[1]  # tan(theta_max) / Delta
        block.attend_by_tangent(
            residual.rows("control")[0] * slope,
            offset=LIFT * slope,
            pair=turns.used[0],
            middle=turns.values[0] * self.middle,
            sharpness=self.sharpness,
        )
        # 6.5 with rho = 1; the gain outweighs the own code and the control left in the stream (6.8).
        block.copy(residual.rows("code"), into=residual.rows("code"), gain=self.gain)
        return block.tensors()

    def margins(self) -> Margins:
        """Theorem 6.8."""
        chord, gain, miss = self.code.chord, self.gain, self.miss
        # 6.8: the sigma of 6.6, the last e^2/8 for rounding.
        signal = chord**2 * (1.0 - miss) / 2.0 - miss * chord - (chord + 2.0 * self.span) / gain
        signal -= chord**2 / 8.0
        last = self.residual.layer_factor(self.squares()[2], eps=self.config().norm_eps)
        return Margins(
            attention=self.sharpness * self.margin / LOOKBACK_RESERVE,
            target_mass=1.0 / (1.0 + miss),
            logit_gap=self.final_gain * self.amplitude * last * gain * signal,
        )

    def factors(self) -> tuple[NormFactor, ...]:
        eps, (first, second) = self.config().norm_eps, self.assumed
        return (
            NormFactor(
                layer=1,
                norm="norm",
                assumed=first,
                high=1.0,
                low=self.residual.rms_factor(self.squares()[0], eps=eps) / first,
            ),
            NormFactor(
                layer=2,
                norm="input_layernorm",
                assumed=second,
                high=1.0,
                low=self.residual.layer_factor(self.squares()[1], eps=eps) / second,
            ),
        )

    def holdings(self, tokens: Int[Tensor, "*batch time"]) -> tuple[Holding, ...]:
        own = {name: values[tokens] for name, values in self.signals().items()}
        number, held = self.task.control(tokens)
        targets, scored = self.task.targets(tokens)
        middle, half = self.states
        table = torch.zeros(self.window, dtype=torch.float64)
        for value in self.task.numbers:
            table[value] = half * self.tangent(value) / self.steepest
        deviation = torch.where(held, table[number], -middle).unsqueeze(-1)
        control = (1.0 + own["control"] / LIFT) * deviation - LIFT
        copied = self.gain * self.signals()["code"][targets] + own["code"]
        answer = Holding(
            layer=2,
            subspace="code",
            lemma="6.5",
            expected=copied,
            known=scored,
            tolerance=2.0 * self.miss * self.gain,
        )
        return (
            *(everywhere(0, name, "6.1", values) for name, values in own.items()),
            everywhere(1, "code", "6.7", own["code"]),
            everywhere(1, "control", "6.7", control),
            answer,
            everywhere(2, "control", "6.5", control),
        )

    def squares(self) -> tuple[float, float, float]:
        control = self.span**2
        # A code measures 1; a number's own control 2 at most, and after Mamba `span` (6.8).
        return 5.0, 1.0 + control, (self.gain + 1.0) ** 2 + control

    def sizes(self) -> dict[str, float]:
        return {"code": 1.0, "control": 2.0}

    @property
    def output(self) -> float:
        """More than the channel gives anywhere: (x/B)(S - S_0) - x, with S = 0 before the first number."""
        return (1.0 + 2.0 / LIFT) * self.states[0] + LIFT + 2.0

    def written(self) -> tuple[tuple[int, dict[str, float]], ...]:
        # 6.9: the channel and the stream before; two dimensions copied, the bias and the stream before.
        return (2, {"control": self.output}), (4, {"code": self.gain})

    def noise(self, rounding: Rounding) -> dict[tuple[int, str], float]:
        return line_noise(self, rounding)

    def allowances(self, rounding: Rounding) -> tuple[Allowance, ...]:
        return line_allowances(self, rounding)

    @property
    def name(self) -> str:
        return "one line"

    def layout_json(self) -> dict[str, Any]:
        return {"name": "line", "amplitude": self.amplitude}

    def describe(self) -> str:
        task = self.task
        return (
            f"selective copying with {task.n_words} words and numbers {min(task.numbers)} to "
            f"{max(task.numbers)} in four channels"
        )


def _invert(rising: Callable[[float], float], value: float) -> float:
    """The argument in [1, 2] at which a rising function takes this value, by bisection."""
    low, high = 1.0, 2.0
    # Halved 64 times, [1, 2] is shorter than the last bit of float64.
    for _ in range(64):
        middle = (low + high) / 2.0
        low, high = (middle, high) if rising(middle) < value else (low, middle)
    return (low + high) / 2.0
