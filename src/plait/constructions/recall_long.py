"""Decoding recall in three standard blocks, SSM-TF-TF: weights set by hand (docs/theory.md, Theorem 7A).

    Mamba        holds the last bits as one number
    attention 1  writes the code of the token before; its MLP turns the number into the code of a word
    attention 2  the token before that is this word, the latest of them; copies the code
    unembedding  finds the token of that code

Source: repairs Theorem 4.6 of arXiv 2603.08859.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from plait.constructions.assemble import assemble
from plait.constructions.codes import DigitCode
from plait.constructions.mamba_writer import HOLD, STEP, MambaWriter
from plait.constructions.recency import Recency
from plait.constructions.register import Register, widest_gap_decay
from plait.constructions.residual import Residual
from plait.constructions.transformer_writer import TransformerWriter
from plait.model import HybridConfig, HybridLM
from plait.tasks import DecodingRecall

BIT = 64.0
PREVIOUS_GAIN = 4.0
REGISTER_GAIN = 4.0


@dataclass(frozen=True, kw_only=True)
class RecallPlan:
    """Everything that decides the weights."""

    task: DecodingRecall
    window: int
    base: int
    dtype: torch.dtype
    amplitude: float = 2.0**-30

    @property
    def code(self) -> DigitCode:
        return DigitCode(n_points=self.task.n_words, base=self.base)

    @property
    def register(self) -> Register:
        return widest_gap_decay(self.task.n_bits)

    @property
    def residual(self) -> Residual:
        width = self.code.width
        return Residual(
            subspaces=(
                ("flag", 1), ("code", width), ("last flag", 1), ("last code", width), ("register", 1),
                ("wanted code", width),
            ),
            amplitude=self.amplitude,
        )  # fmt: skip

    @property
    def recency(self) -> Recency:
        return Recency(window=self.window, nats=math.log(128 / self.code.chord))

    @property
    def sharpness(self) -> float:
        return self.recency.content_lead / (self.code.chord**2 / 2)

    @property
    def gain(self) -> float:
        return 2.0 ** math.ceil(math.log2(64 / self.code.chord))

    def config(self) -> HybridConfig:
        residual = self.residual
        return HybridConfig(
            self.task.vocab_size,
            pattern="SSM-TF-TF",
            d_model=residual.d_model,
            window=(None, 2, self.window),
            d_state=1,
            d_inner=3,
            dt_rank=1,
            d_conv=1,
            rotary_fraction=self.recency.turns.fraction(residual.d_model),
            rotary_base=self.recency.turns.base,
            d_mlp=(None, 2 * (self.task.n_words - 1), 0),
        )

    def signals(self) -> dict[str, Tensor]:
        points = self.code.points()
        return {
            "flag": torch.tensor([-1.0] * self.task.n_words + [1.0] * 2).unsqueeze(-1),
            "code": torch.cat((points, points[:2])),
        }

    def mamba(self) -> dict[str, Tensor]:
        residual, register = self.residual, self.register
        mamba = MambaWriter(residual, residual.rms_factor(0.0, eps=self.config().norm_eps))
        one = mamba.constant()
        bit = mamba.channel(32.0 * residual.rows("flag")[0])
        mamba.step_by(bit, 1.0)
        mamba.take_by(one, 1.0 / (STEP * BIT))
        mamba.give_by(one, 1.0)
        zero, unit = self.code.points()[:2]
        across = 2.0 * BIT * (unit - zero) / float((unit - zero).square().sum())
        state = mamba.channel(across @ residual.rows("code"), bias=-BIT - float(across @ zero))
        mamba.steps(state, weight=(STEP - HOLD) / 32.0, bias=HOLD, rate=-math.log(register.decays[0]) / STEP)
        mamba.write(state, REGISTER_GAIN * register.maps[0][0] * residual.rows("register")[0])
        return mamba.tensors()

    def previous_and_wanted(self) -> dict[str, Tensor]:
        residual, turns = self.residual, self.recency.turns
        factor = residual.layer_factor(0.0, eps=self.config().norm_eps)
        block = TransformerWriter(residual, factor, n_pairs=turns.n_pairs)
        block.attend_at_fixed_distance(1, pair=0, frequency=1.0, sharpness=256.0)
        block.copy(
            torch.cat((residual.rows("flag"), residual.rows("code"))),
            into=torch.cat((residual.rows("last flag"), residual.rows("last code"))),
            gain=PREVIOUS_GAIN,
        )
        levels, order = (self.register.levels()[:, 0] - self.register.levels()[0, 0]).sort()
        tail = float(self.register.tail.sum())
        points = self.code.points()[order] @ residual.rows("wanted code")
        block.think(points[0])
        reads = residual.rows("register")[0] / REGISTER_GAIN
        for place in range(1, len(levels)):
            block.step(
                reads,
                low=float(levels[place - 1]) + tail,
                high=float(levels[place]),
                into=points[place] - points[place - 1],
            )
        return block.tensors()

    def recall(self) -> dict[str, Tensor]:
        residual, turns = self.residual, self.recency.turns
        factor = residual.layer_factor(0.0, eps=self.config().norm_eps)
        block = TransformerWriter(residual, factor, n_pairs=turns.n_pairs)
        nothing = torch.zeros(1, residual.d_model, dtype=torch.float64)
        block.match(
            torch.cat((residual.rows("wanted code"), nothing)),
            torch.cat((residual.rows("last code"), residual.rows("last flag"))) / PREVIOUS_GAIN,
            sharpness=self.sharpness,
            offset=torch.tensor([0.0] * self.code.width + [-1.0], dtype=torch.float64),
        )
        block.prefer_recent(pair=turns.used[0], sharpness=self.recency.sharpness)
        token = torch.cat((residual.rows("flag"), residual.rows("code")))
        block.copy(token, into=token, gain=self.gain)
        return block.tensors()

    def build(self) -> HybridLM:
        return assemble(
            self.config(),
            embedding=self.residual.embed(self.signals()),
            blocks=(self.mamba(), self.previous_and_wanted(), self.recall()),
            final_gain=1.0 / self.amplitude,
            dtype=self.dtype,
        )
