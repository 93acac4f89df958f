"""Decoding recall in two standard blocks, SSM then TF: weights set by hand (docs/theory.md, Theorem 7B).

    Mamba       holds the last bits as a few numbers, and writes the code of the token before
    attention   the token before whose level lies nearest to these numbers, the latest of them; copies the code
    unembedding the token whose level lies nearest

Source: Theorem 4.6 of arXiv 2603.08859 with one layer fewer.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from plait.constructions.assemble import assemble
from plait.constructions.mamba_writer import HOLD, STEP, MambaWriter
from plait.constructions.recency import Recency
from plait.constructions.register import Register
from plait.constructions.residual import Residual
from plait.constructions.transformer_writer import TransformerWriter
from plait.model import HybridConfig, HybridLM
from plait.tasks import DecodingRecall

BIT = 64.0
"""What the register's input channels are at bit 1; at bit 0 they are silu(-64), below any rounding of it."""

PREVIOUS_GAIN = 64.0
REGISTER_GAIN = 16.0


@dataclass(frozen=True, kw_only=True)
class ShortRecallPlan:
    """Everything that decides the weights."""

    task: DecodingRecall
    window: int
    register: Register
    dtype: torch.dtype
    amplitude: float = 2.0**-30

    @property
    def residual(self) -> Residual:
        n = self.register.width
        return Residual(
            subspaces=(("level", n), ("height", 1), ("last level", n), ("last height", 1), ("register", n)),
            amplitude=self.amplitude,
        )

    @property
    def radius(self) -> float:
        """Of the words' levels about their middle."""
        return float(self.register.levels().norm(dim=-1).max())

    def levels(self) -> Tensor:
        """A point for every token: words where the register shows them, bits twice as far out."""
        bits = torch.zeros(2, self.register.width, dtype=torch.float64)
        bits[:, 0] = torch.tensor([-2.0, 2.0]) * self.radius
        return torch.cat((self.register.levels(), bits))

    def heights(self) -> Tensor:
        """`radius^2 / 2 - |level|^2 / 2`: with it, the largest inner product is the nearest level."""
        return (self.radius**2 - self.levels().square().sum(-1, keepdim=True)) / 2

    @property
    def recency(self) -> Recency:
        return Recency(window=self.window, nats=math.log(64 * self.radius / self.register.spacing))

    @property
    def lead(self) -> float:
        tail = float(self.register.tail.abs().sum(-1).norm()) / 2
        before = self.radius**2 / 2 - tail**2 / 2
        bits = self.radius**2 / 2 - self.radius * tail
        return min(self.register.lead, before, bits)

    @property
    def sharpness(self) -> float:
        return self.recency.content_lead / self.lead

    @property
    def gain(self) -> float:
        return 2.0 ** math.ceil(
            math.log2(64 * (2 * self.radius + 4 * self.radius**2) / self.register.spacing)
        )

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
        )

    def signals(self) -> dict[str, Tensor]:
        return {"level": self.levels(), "height": self.heights()}

    def mamba(self) -> dict[str, Tensor]:
        residual, register, radius = self.residual, self.register, self.radius
        mamba = MambaWriter(residual, residual.rms_factor(0.0, eps=self.config().norm_eps), d_conv=2)
        one = mamba.constant()
        # Heights of words are at least 0, of bits -3/2 radius^2: at most -32 at words and 32 at bits.
        bit = mamba.channel(residual.rows("height")[0] * -32.0 / (0.75 * radius**2), bias=-32.0)
        mamba.step_by(bit, 1.0)
        mamba.take_by(one, 1.0 / (STEP * BIT))
        mamba.give_by(one, 1.0)
        out = REGISTER_GAIN * torch.tensor(register.maps, dtype=torch.float64).T @ residual.rows("register")
        for decay, into in zip(register.decays, out, strict=True):
            state = mamba.channel(residual.rows("level")[0] * BIT / (2.0 * radius))
            mamba.steps(state, weight=(STEP - HOLD) / 32.0, bias=HOLD, rate=-math.log(decay) / STEP)
            mamba.write(state, into)
        token = torch.cat((residual.rows("level"), residual.rows("height")))
        last = torch.cat((residual.rows("last level"), residual.rows("last height")))
        for row, into in zip(token, PREVIOUS_GAIN * last, strict=True):
            for channel, direction in zip(mamba.pair(row, lag=1), (into, -into), strict=True):
                mamba.skip(channel, 1.0)
                mamba.write(channel, direction)
        return mamba.tensors()

    def transformer(self) -> dict[str, Tensor]:
        residual, n = self.residual, self.register.width
        factor = residual.layer_factor(0.0, eps=self.config().norm_eps)
        block = TransformerWriter(residual, factor, n_pairs=self.recency.turns.n_pairs)
        nothing = torch.zeros(1, residual.d_model, dtype=torch.float64)
        block.match(
            torch.cat((residual.rows("register") / REGISTER_GAIN, nothing)),
            torch.cat((residual.rows("last level"), residual.rows("last height"))) / PREVIOUS_GAIN,
            sharpness=self.sharpness,
            offset=torch.cat((-self.register.middle, torch.ones(1))),
        )
        block.prefer_recent(pair=self.recency.turns.used[0], sharpness=self.recency.sharpness)
        block.copy(residual.rows("level"), into=residual.rows("level"), gain=self.gain)
        block.add(self.gain * residual.rows("height")[0])
        assert n >= 1
        return block.tensors()

    def build(self) -> HybridLM:
        return assemble(
            self.config(),
            embedding=self.residual.embed(self.signals()),
            blocks=(self.mamba(), self.transformer()),
            final_gain=1.0 / self.amplitude,
            dtype=self.dtype,
        )
