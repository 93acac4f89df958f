"""Decoding recall in two standard blocks, SSM then TF: weights set by hand (docs/theory-constructions.md, Theorem 7.7).

    Mamba       holds the last bits as a few numbers, and writes the signals of the token before
    attention   the token before whose level lies nearest to these numbers, the latest of them; copies the level
    unembedding the token whose level lies nearest

Theorem 4.6 of arXiv 2603.08859 with one layer fewer.
"""

import math
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.checks import counted
from plait.constructions.mamba_writer import HOLD, STEP, MambaWriter
from plait.constructions.plan import Gaze, Holding, Margins, everywhere
from plait.constructions.recall_plan import BIT, FLAG, PREVIOUS, REGISTER, RecallPlan
from plait.constructions.recall_rounding import short_allowances, short_noise
from plait.constructions.residual import Residual, assemble
from plait.constructions.rotary import Recency
from plait.constructions.rounding import Allowance, Rounding
from plait.constructions.transformer_writer import TransformerWriter
from plait.model import HybridConfig


@dataclass(frozen=True, kw_only=True)
class ShortRecallPlan(RecallPlan):
    """Everything that decides the weights; each weight stands beside the lemma that it serves."""

    theorem: ClassVar[str] = "7.7"

    @property
    def residual(self) -> Residual:
        n = self.register.width
        names = (("level", n), ("height", 1), ("previous level", n), ("previous height", 1), ("register", n))
        return Residual(subspaces=names, amplitude=self.amplitude)

    def config(self) -> HybridConfig:
        residual = self.residual
        return HybridConfig(
            self.task.vocab_size,
            pattern="SSM-TF",
            d_model=residual.d_model,
            window=self.window,
            d_state=1,
            d_inner=2 + 2 * (self.register.width + 1) + len(self.register.decays),
            dt_rank=1,
            d_conv=2,
            rotary_fraction=self.recency.turns.fraction(residual.d_model),
            rotary_base=self.recency.turns.base,
            d_mlp=0,
            norm_eps=self.norm_eps,
            init="paper",  # of no effect: every weight is set; part of the config that stored members name
        )

    @cached_property
    def radius(self) -> float:
        """Of the words' levels about their middle."""
        return float(self.register.levels.norm(dim=-1).max())

    @cached_property
    def signals(self) -> dict[str, Float[Tensor, "tokens width"]]:
        """Levels: words where the register shows them, bits twice as far out; heights complete Lemma 7.4."""
        bits = torch.zeros(2, self.register.width, dtype=torch.float64)
        bits[:, 0] = torch.tensor([-2.0, 2.0], dtype=torch.float64) * self.radius
        levels = torch.cat((self.register.levels, bits))
        return {"level": levels, "height": (self.radius**2 - levels.square().sum(-1, keepdim=True)) / 2}

    @property
    def spacing(self) -> float:
        """The least distance between two tokens' levels."""
        return min(self.register.spacing, self.radius)

    @cached_property
    def lead(self) -> float:
        """The least lead of the nearest level over other words, bits, and the nothing before the start."""
        tail = float(self.register.tail.abs().sum(-1).norm()) / 2
        return min(
            self.register.lead,
            self.radius**2 / 2 - self.radius * tail,
            self.radius**2 / 2 - tail**2 / 2,
        )

    @property
    def miss(self) -> float:
        return self.spacing / (32.0 * self.radius)  # 7.7: so 4 r mu = delta/8

    @property
    def recency(self) -> Recency:
        return Recency(window=self.window, miss=self.miss, reserve=self.recency_reserve)

    @property
    def sharpness(self) -> float:
        return (
            8.0 / 7.0 * self.recency.content_lead / self.lead
        )  # an eighth of the lead is for rounding (7.8)

    @property
    def gain(self) -> float:
        """Of the copied level, over the token's own."""
        # 7.7: own levels and heights move a logit by at most 2r + 3 r^3 times |x|; so they take delta/8.
        return 2.0 ** math.ceil(math.log2(8.0 * (2 * self.radius + 3 * self.radius**3) / self.spacing))

    def least_squares(self) -> tuple[float, float]:
        return 0.0, 0.0

    def squares(self) -> tuple[float, float, float]:
        # 7.4: of bits, the farthest: level 2r, height (r^2 - 4 r^2)/2.
        token = (2.0 * self.radius) ** 2 + (1.5 * self.radius**2) ** 2
        held = (REGISTER * 2.0 * self.register.reach) ** 2 * self.register.width
        copied = (2.0 * self.radius * (self.gain + 1.0)) ** 2 + (self.gain + 1.5 * self.radius**2) ** 2
        return token, (1.0 + PREVIOUS**2) * token + held, copied + PREVIOUS**2 * token + held

    @property
    def final_gain(self) -> float:
        last = self.residual.layer_factor(self.gain**2, eps=self.norm_eps)
        return 1.0 / (self.amplitude * last * self.gain)

    def mamba(self) -> dict[str, Tensor]:
        """Lemmas 7.1 and 7.2: pairs that look one token back; channels that take up bits and decay."""
        residual, register, radius = self.residual, self.register, self.radius
        mamba = MambaWriter(residual, factor=self.factors()[0].assumed, d_conv=2)
        # B = 1/(128 * 64) and C = 1 at every token.
        one = mamba.constant()
        mamba.take_by(one, 1.0 / (STEP * BIT))
        mamba.give_by(one, 1.0)
        # Heights: at least 0 at words, -3/2 radius^2 at bits; the channel is then silu of -FLAG or less, and of FLAG.
        bit = mamba.channel(residual.rows("height")[0] * -FLAG / (0.75 * radius**2), bias=-FLAG)
        mamba.step_by(bit, 1.0)
        # 7.2: a channel a decay, and the register's linear map in out_proj.
        out = REGISTER * torch.tensor(register.maps, dtype=torch.float64).T @ residual.rows("register")
        for decay, into in zip(register.decays, out, strict=True):
            state = mamba.channel(residual.rows("level")[0] * BIT / (2.0 * radius))
            mamba.steps(state, weight=(STEP - HOLD) / FLAG, bias=HOLD, rate=-math.log(decay) / STEP)
            mamba.write(state, into)
        # 7.1: pairs that see one token back through the convolution; steps never set stay at softplus(-128).
        token = torch.cat((residual.rows("level"), residual.rows("height")))
        previous = torch.cat((residual.rows("previous level"), residual.rows("previous height")))
        for row, into in zip(token, PREVIOUS * previous, strict=True):
            for channel, direction in zip(mamba.pair(row, lag=1), (into, -into), strict=True):
                mamba.skip(channel, 1.0)
                mamba.write(channel, direction)
        return mamba.tensors()

    def transformer(self) -> dict[str, Tensor]:
        """Lemmas 7.4 and 7.5: the nearest level wins on content, the latest of them by recency."""
        residual = self.residual
        block = TransformerWriter(
            residual, factor=self.factors()[1].assumed, n_pairs=self.recency.turns.n_pairs
        )
        nothing = torch.zeros(1, residual.d_model, dtype=torch.float64)
        # 7.4: query (x, 1), key (level, height) of the token before: the largest is the nearest level.
        block.match(
            torch.cat((residual.rows("register") / REGISTER, nothing)),
            torch.cat((residual.rows("previous level"), residual.rows("previous height"))) / PREVIOUS,
            sharpness=self.sharpness,
            offset=torch.cat((-self.register.middle, torch.ones(1, dtype=torch.float64))),
        )
        block.prefer_recent(pair=self.recency.turns.used[0], sharpness=self.recency.sharpness)  # 7.5
        # 7.7: the mean of the levels looked at, G times, and G in the height: unembedding finds the nearest level.
        block.copy(residual.rows("level"), into=residual.rows("level"), gain=self.gain)
        block.add(self.gain * residual.rows("height")[0])
        return block.tensors()

    def weights(self) -> dict[str, Tensor]:
        return assemble(
            self.residual.embed(self.signals),
            (self.mamba(), self.transformer()),
            vocab_size=self.task.vocab_size,
            final_gain=self.final_gain,
        )

    def margins(self) -> Margins:
        """Theorem 7.7."""
        radius, spacing = self.radius, self.spacing
        # 7.7: delta (7 delta/16 - 4 r mu - (2r + 3 r^3)/G), delta^2/16 being kept for rounding.
        signal = spacing * (
            spacing * 7 / 16 - 4 * radius * self.miss - (2 * radius + 3 * radius**3) / self.gain
        )
        last = self.residual.layer_factor(self.squares()[2], eps=self.norm_eps)
        return Margins(
            attention=self.recency.kept,
            target_mass=1.0 - self.miss,
            logit_gap=self.final_gain * self.amplitude * last * self.gain * signal,
        )

    def holdings(self, tokens: Int[Tensor, "*batch time"]) -> tuple[Holding, ...]:
        # 7.7: |zeta| <= 4 r mu: levels of two tokens are at most 4 r apart.
        spread = 4.0 * self.radius * self.miss
        return (
            *self._own(tokens, layer=0, lemma="6.1"),
            *self._own(tokens, layer=1, lemma="7.1"),
            *self._previous(tokens, layer=1, gain=PREVIOUS, first=0.0),
            *self._register(tokens, gain=REGISTER),
            self._copied(tokens, "level", layer=2, lemma="7.4", gain=self.gain, spread=spread),
            everywhere(2, "height", "7.4", self.gain + self.signals["height"][tokens]),
        )

    def gazes(self, tokens: Int[Tensor, "*batch time"]) -> tuple[Gaze, ...]:
        return (self._gaze(tokens, layer=2, lemma="7.4"),)

    @property
    def largest(self) -> float:
        """The largest signal of a token (7.4): of bits, level 2r and height 3/2 r^2."""
        return max(2.0 * self.radius, 1.5 * self.radius**2)

    def sizes(self) -> dict[str, float]:
        return {"level": 2.0 * self.radius, "height": 1.5 * self.radius**2}

    def written(self) -> tuple[tuple[int, dict[str, float]], ...]:
        """A pair measures in all what it writes; the register's channels cancel."""
        previous = {f"previous {name}": PREVIOUS * size for name, size in self.sizes().items()}
        first = {**previous, "register": REGISTER * self.register.cancellation}
        copied = {"level": self.gain * 2.0 * self.radius, "height": self.gain}
        channels = 2 + 2 * (self.register.width + 1) + len(self.register.decays)
        return (channels + 1, first), (self.register.width + 3, copied)

    def noise(self, rounding: Rounding) -> dict[tuple[int, str], float]:
        return short_noise(self, rounding)

    def allowances(self, rounding: Rounding) -> tuple[Allowance, ...]:
        return short_allowances(self, rounding)

    @property
    def name(self) -> str:
        return f"{counted(self.register.width, 'number')} from {counted(len(self.register.decays), 'decay')}"

    def describe(self) -> str:
        numbers = "one number" if self.register.width == 1 else f"{self.register.width} numbers"
        return (
            f"decoding recall of {counted(self.task.n_bits, 'bit')} over a window of {self.window} in two layers, "
            f"a register of {numbers}"
        )

    def layout_json(self) -> dict[str, Any]:
        return {"name": "short", "register": asdict(self.register)}
