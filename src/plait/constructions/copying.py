"""Selective copying in two standard blocks, SSM then TF, by hand (docs/theory-constructions.md, Theorem 6.6).

    Mamba       holds the control of the latest number, in place of the token's own
    attention   looks back by the number held, and copies the code found there
    unembedding finds the token of that code

Source: repairs Theorem 4.3 of arXiv 2603.08859.
"""

import dataclasses
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.constructions.codes import DigitCode
from plait.constructions.copying_rounding import digits_allowances, digits_noise
from plait.constructions.looking_back import LOOKBACK_RESERVE, LookBackPlan
from plait.constructions.mamba_writer import HOLD, STEP, MambaWriter
from plait.constructions.plan import Holding, Margins, NormFactor, everywhere
from plait.constructions.residual import Residual
from plait.constructions.rotary import Frequencies, frequencies
from plait.constructions.rounding import Allowance, Rounding
from plait.constructions.transformer_writer import TransformerWriter
from plait.model import HybridConfig

_FLAG = 64.0
"""The flag's channel at numbers; at words it is silu(-64) = -64 e^-64, below any rounding beside it (Lemma 6.3)."""


@dataclass(frozen=True, kw_only=True)
class CopyingLayout:
    """How wide and how precise: the trade-off of Lemma 6.2.

    Args:
        base: digits of the token code; 2 takes a coordinate a bit, as many as there are words one circle.
        n_frequencies: rotary frequencies of the control.
        amplitude: what a signal of 1 measures in the residual stream.

    Raises:
        ValueError: a base below 2, no frequency, or an amplitude that is not positive.
    """

    base: int = 2
    n_frequencies: int = 1
    amplitude: float = 1.0

    def __post_init__(self) -> None:
        if self.base < 2 or self.n_frequencies < 1 or not self.amplitude > 0.0:
            raise ValueError(f"a layout needs base >= 2, a frequency and a positive amplitude, got {self}")


@dataclass(frozen=True, kw_only=True)
class CopyingPlan(LookBackPlan):
    """Everything that decides the weights; each weight stands beside the lemma that it serves."""

    theorem: ClassVar[str] = "6.6"
    looks_by: ClassVar[str] = "6.4"

    layout: CopyingLayout = CopyingLayout()

    @property
    def code(self) -> DigitCode:
        """Words and numbers apart: a flag stands before the digits."""
        return DigitCode(n_points=max(self.task.n_words, len(self.task.numbers)), base=self.layout.base)

    @property
    def turns(self) -> Frequencies:
        return frequencies(self.layout.n_frequencies, period=float(self.window))

    @property
    def residual(self) -> Residual:
        """b + 2F + 1 channels, b coordinates for flag and code and 2F for the control."""
        return Residual(
            subspaces=(("flag", 1), ("code", self.code.width), ("control", 2 * self.layout.n_frequencies)),
            amplitude=self.layout.amplitude,
        )

    def config(self) -> HybridConfig:
        residual = self.residual
        return HybridConfig(
            self.task.vocab_size,
            pattern="SSM-TF",
            d_model=residual.d_model,
            window=self.window,
            d_state=1,
            d_inner=2 * residual.width("control") + 2,
            dt_rank=1,
            d_conv=1,
            rotary_fraction=self.turns.fraction(residual.d_model),
            rotary_base=self.turns.base,
            d_mlp=0,
            init="paper",  # of no effect: every weight is set; part of the config that stored members name
        )

    @cached_property
    def margin(self) -> float:
        """How far the target's mean cosine lies above every other in the window (Lemma 6.4)."""
        numbers = self.task.numbers
        return self.turns.margin(range(-max(numbers), self.window - min(numbers)))

    @property
    def square(self) -> float:
        """Sum of the squared signals of any token, and of any position once a number is held."""
        return self.square_before + self.layout.n_frequencies

    @property
    def square_before(self) -> float:
        """The same after Mamba where no number is held yet: the control is 0 there."""
        return 1.0 + self.code.n_digits

    @property
    def assumed(self) -> tuple[float, float]:
        """Factors of the norms before Mamba and attention, where signals have the usual square."""
        eps = self.config().norm_eps
        return self.residual.rms_factor(self.square, eps=eps), self.residual.layer_factor(
            self.square, eps=eps
        )

    @property
    def louder(self) -> float:
        """How much larger signals come out of the norm before attention where no number is held yet."""
        return self.residual.layer_factor(self.square_before, eps=self.config().norm_eps) / self.assumed[1]

    @property
    def miss(self) -> float:
        """The softmax mass that may fall beside the target."""
        # 6.6: so mu rho e = e^2/64, and mu e^2/2, what half the copied code lacks, is no more.
        return self.code.chord / (64.0 * self.louder)

    @property
    def gain(self) -> float:
        """Of the copied code, over the token's own code and the control: a power of 2 (Theorem 6.6)."""
        chord = self.code.chord
        # 6.6: so the own code (e) and the control's F circles (2 each) take (e + 2F)/G <= e^2/16.
        return 2.0 ** math.ceil(math.log2(16.0 * (chord + 2.0 * self.layout.n_frequencies) / chord**2))

    @property
    def final_gain(self) -> float:
        """Such that logits are inner products of codes."""
        last = self.residual.layer_factor(self.gain**2 * self.square_before, eps=self.config().norm_eps)
        return 1.0 / (self.layout.amplitude * last * self.gain)

    def signals(self) -> dict[str, Float[Tensor, "tokens width"]]:
        """What every token's embedding holds: words, then numbers."""
        task, points = self.task, self.code.points()
        n_numbers = len(task.numbers)
        return {
            "flag": torch.tensor([-1.0] * task.n_words + [1.0] * n_numbers).unsqueeze(-1).double(),
            "code": torch.cat((points[: task.n_words], points[:n_numbers])),
            "control": self.control(torch.tensor((0,) * task.n_words + task.numbers)),
        }

    def control(self, numbers: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch width"]:
        """(cos w n, sin w n) for every frequency w; words have the control of 0, so all norms are alike."""
        angles = numbers.unsqueeze(-1) * torch.tensor(self.turns.values, dtype=torch.float64)
        return torch.stack((angles.cos(), angles.sin()), dim=-1).flatten(-2)

    def mamba(self) -> dict[str, Tensor]:
        """Lemma 6.3: the output is what is held less the token's own, so the control is replaced."""
        residual = self.residual
        mamba = MambaWriter(residual, factor=self.assumed[0])
        # one: 1 at every token, so B = 1/128 and C = 1 everywhere.
        one = mamba.constant()
        mamba.take_by(one, 1.0 / STEP)
        mamba.give_by(one, 1.0)
        # number: 64 at numbers, below any rounding at words; it alone decides the steps.
        number = mamba.channel(_FLAG * residual.rows("flag")[0])
        mamba.step_by(number, 1.0)
        for row in residual.rows("control"):
            # pair: silu(c) - silu(-c) = c, so the two channels together hold the control itself.
            for channel, direction in zip(mamba.pair(row), (row, -row), strict=True):
                mamba.steps(
                    channel, weight=(STEP - HOLD) / _FLAG, bias=HOLD
                )  # 128 resets, softplus(-128) holds
                mamba.skip(channel, -1.0)  # held less own: the residual connection adds own again
                mamba.write(channel, direction)
        return mamba.tensors()

    def transformer(self) -> dict[str, Tensor]:
        """Lemmas 6.4 and 6.5: the score peaks at the number held; flag and code are copied from there."""
        residual = self.residual
        block = TransformerWriter(residual, factor=self.assumed[1], n_pairs=self.turns.n_pairs)
        held = residual.rows("control").unflatten(0, (-1, 2))
        weight = 1.0 / self.layout.n_frequencies
        # 6.4: query (c, -s) from the control held, key (1, 0) from a bias: the score is beta m(t - n).
        block.attend_at_distance(
            [(pair, rows, weight) for pair, rows in zip(self.turns.used, held, strict=True)],
            sharpness=self.sharpness,
        )
        # 6.5: values are flag and code; the gain outweighs the token's own (6.6), so no MLP is needed.
        token = torch.cat((residual.rows("flag"), residual.rows("code")))
        block.copy(token, into=token, gain=self.gain)
        return block.tensors()

    def margins(self) -> Margins:
        """Theorem 6.6."""
        chord, gain, miss = self.code.chord, self.gain, self.miss
        # 6.6: sigma = e^2 (1 - mu)/2 - mu rho e - (e + 2F)/G - e^2/8, the last for rounding.
        signal = chord**2 * (1.0 - miss) / 2.0 - miss * self.louder * chord
        signal -= (chord + 2.0 * self.layout.n_frequencies) / gain + chord**2 / 8.0
        last = self.residual.layer_factor(self.squares()[2], eps=self.config().norm_eps)
        return Margins(
            attention=self.sharpness * self.margin / LOOKBACK_RESERVE,
            target_mass=1.0 / (1.0 + miss),
            logit_gap=self.final_gain * self.layout.amplitude * last * gain * signal,
        )

    def factors(self) -> tuple[NormFactor, ...]:
        first, second = self.assumed
        return (
            NormFactor(layer=1, norm="norm", assumed=first, low=1.0, high=1.0),
            NormFactor(layer=2, norm="input_layernorm", assumed=second, low=1.0, high=self.louder),
        )

    def holdings(self, tokens: Int[Tensor, "*batch time"]) -> tuple[Holding, ...]:
        signals = self.signals()
        number, held = self.task.control(tokens)
        targets, scored = self.task.targets(tokens)
        own = {name: values[tokens] for name, values in signals.items()}
        control = self.control(number) * held.unsqueeze(-1)
        spread = self.gain * (2.0 * self.miss * self.louder + self.louder - 1.0)
        copied = (
            Holding(
                layer=2,
                subspace=name,
                lemma="6.5",
                expected=self.gain * signals[name][targets] + own[name],
                known=scored,
                tolerance=spread,
            )
            for name in ("flag", "code")
        )
        return (
            *(everywhere(0, name, "6.1", values) for name, values in own.items()),
            everywhere(1, "flag", "6.3", own["flag"]),
            everywhere(1, "code", "6.3", own["code"]),
            everywhere(1, "control", "6.3", control),
            *copied,
            everywhere(2, "control", "6.5", control),
        )

    def squares(self) -> tuple[float, float, float]:
        token, control = self.square_before, float(self.layout.n_frequencies)
        return token + control, token + control, (self.louder * self.gain + 1.0) ** 2 * token + control

    def sizes(self) -> dict[str, float]:
        return {"flag": 1.0, "code": 1.0, "control": 1.0}

    def written(self) -> tuple[tuple[int, dict[str, float]], ...]:
        """A pair measures |c| in all, held and own: silu(c) and silu(-c) have different signs."""
        copied = self.gain * self.louder
        return (
            # 6.9: all channels and the stream before; the dimensions copied, a bias and the stream before.
            (2 * self.residual.width("control") + 3, {"control": 2.0}),
            (self.code.width + 3, {"flag": copied, "code": copied}),
        )

    def noise(self, rounding: Rounding) -> dict[tuple[int, str], float]:
        return digits_noise(self, rounding)

    def allowances(self, rounding: Rounding) -> tuple[Allowance, ...]:
        return digits_allowances(self, rounding)

    @property
    def name(self) -> str:
        frequencies = self.layout.n_frequencies
        return (
            f"digits of base {self.layout.base}, {frequencies} frequenc{'y' if frequencies == 1 else 'ies'}"
        )

    def layout_json(self) -> dict[str, Any]:
        return {"name": "digits", **dataclasses.asdict(self.layout)}

    def describe(self) -> str:
        task = self.task
        return f"selective copying with {task.n_words} words and numbers up to {max(task.numbers)}"
