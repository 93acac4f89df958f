"""Decoding recall in three standard blocks, SSM-TF-TF: weights set by hand (docs/theory-constructions.md, Theorem 7.6).

    Mamba        holds the last bits as one number
    attention 1  writes the code of the token before; its MLP turns the number into the code of a word
    attention 2  the token before that is this word, the latest of them; copies the code
    unembedding  finds the token of that code

Repairs Theorem 4.6 of arXiv 2603.08859.
"""

import math
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from plait.checks import counted
from plait.constructions.mamba_writer import HOLD, STEP, MambaWriter
from plait.constructions.plan import Gaze, Holding, Margins, everywhere
from plait.constructions.recall_long_stream import PEEK, UNSETTLED, LongRecallStream
from plait.constructions.recall_plan import BIT, FLAG
from plait.constructions.recall_rounding import long_allowances, long_noise
from plait.constructions.residual import assemble
from plait.constructions.rounding import Allowance, Rounding
from plait.constructions.transformer_writer import TransformerWriter


@dataclass(frozen=True, kw_only=True)
class LongRecallPlan(LongRecallStream):
    """Everything that decides the weights; each weight stands beside the lemma that it serves."""

    theorem: ClassVar[str] = "7.6"

    def mamba(self) -> dict[str, Tensor]:
        """Lemma 7.2: channels that take up a bit at bit tokens, decay there, and hold at words."""
        residual, register = self.residual, self.register
        mamba = MambaWriter(residual, factor=self.factors()[0].assumed)
        # B = 1/(128 * 64) and C = 1 at every token.
        one = mamba.constant()
        mamba.take_by(one, 1.0 / (STEP * BIT))
        mamba.give_by(one, 1.0)
        # 64 at bits, below any rounding at words: it alone decides the steps.
        bit = mamba.channel(FLAG * residual.rows("flag")[0])
        mamba.step_by(bit, 1.0)
        zero, unit = self.points[:2]
        across = 2.0 * BIT * (unit - zero) / float((unit - zero).square().sum())
        for decay, weight in zip(register.decays, register.maps[0], strict=True):
            # Input silu(64) at bit 1, silu(-64) at bit 0; a bit multiplies the state by the decay, a word holds it.
            state = mamba.channel(across @ residual.rows("code"), bias=-BIT - float(across @ zero))
            mamba.steps(state, weight=(STEP - HOLD) / FLAG, bias=HOLD, rate=-math.log(decay) / STEP)
            mamba.write(state, self.register_gain * weight * residual.rows("register")[0])
        return mamba.tensors()

    def previous_and_wanted(self) -> dict[str, Tensor]:
        """Lemma 7.1: attention at distance 1. Lemma 7.3: a step in every gap of the register's levels."""
        residual, turns = self.residual, self.recency.turns
        block = TransformerWriter(residual, factor=self.factors()[1].assumed, n_pairs=turns.n_pairs)
        # 7.1: distance 1 leads distance 0 by 256 (1 - cos 1) nats, in a window of 2.
        block.attend_at_fixed_distance(1, pair=0, frequency=1.0, sharpness=PEEK)
        block.copy(
            torch.cat((residual.rows("flag"), residual.rows("code"))),
            into=torch.cat((residual.rows("previous flag"), residual.rows("previous code"))),
            gain=self.previous,
        )
        # 7.3: the middle level's code everywhere, and at each gap passed, upwards or downwards, the difference to the
        # next level's.
        codes = self.code.points() @ residual.rows("wanted code")
        block.think(codes[self.middle])
        number = residual.rows("register")[0] / self.register_gain
        low, high = (ends.tolist() for ends in self.intervals)
        for place in range(1, self.task.n_words):
            move = codes[place] - codes[place - 1]
            if place > self.middle:
                block.step(number, low=high[place - 1], high=low[place], into=move)
            else:
                block.step(-number, low=-low[place], high=-high[place - 1], into=-move)
        return block.tensors()

    def recall(self) -> dict[str, Tensor]:
        """Lemma 7.5 and Theorem 7.6: the wanted code wins on content, the latest of them by recency."""
        residual, turns = self.residual, self.recency.turns
        block = TransformerWriter(residual, factor=self.factors()[2].assumed, n_pairs=turns.n_pairs)
        nothing = torch.zeros(1, residual.d_model, dtype=torch.float64)
        # 7.6: wanted . previous code - previous flag, which sets bits back behind every word.
        block.match(
            torch.cat((residual.rows("wanted code"), nothing)),
            torch.cat((residual.rows("previous code"), residual.rows("previous flag"))) / self.previous,
            sharpness=self.sharpness,
            offset=torch.tensor([0.0] * self.code.width + [-1.0], dtype=torch.float64),
        )
        block.prefer_recent(pair=turns.used[0], sharpness=self.recency.sharpness)  # 7.5
        token = torch.cat((residual.rows("flag"), residual.rows("code")))
        block.copy(token, into=token, gain=self.gain)
        return block.tensors()

    def weights(self) -> dict[str, Tensor]:
        return assemble(
            self.residual.embed(self.signals),
            (self.mamba(), self.previous_and_wanted(), self.recall()),
            vocab_size=self.task.vocab_size,
            final_gain=self.final_gain,
        )

    def margins(self) -> Margins:
        """Theorem 7.6."""
        chord, miss = self.code.chord, self.miss + self.softening
        # 7.6: e^2/2 less the e^2/8 that is kept for rounding.
        signal = chord**2 * (3.0 / 8.0 - miss / 2.0) - miss * chord - chord / self.gain
        last = self.residual.layer_factor(self.squares()[3], eps=self.norm_eps)
        return Margins(
            attention=self.recency.kept,
            target_mass=1.0 - self.miss,
            logit_gap=self.final_gain * self.amplitude * last * self.gain * signal,
        )

    def holdings(self, tokens: Int[Tensor, "*batch time"]) -> tuple[Holding, ...]:
        wanted, _ = self.task.control(tokens)
        spread = 2.0 * self.miss + self.softening
        return (
            *self._own(tokens, layer=0, lemma="6.1"),
            *self._own(tokens, layer=1, lemma="7.2"),
            *self._register(tokens, gain=self.register_gain),
            *self._previous(tokens, layer=2, gain=self.previous, first=1.0),
            everywhere(2, "wanted code", "7.3", self.points[wanted], UNSETTLED),
            *(
                self._copied(tokens, name, layer=3, lemma="7.6", gain=self.gain, spread=spread)
                for name in self.signals
            ),
        )

    def gazes(self, tokens: Int[Tensor, "*batch time"]) -> tuple[Gaze, ...]:
        one = torch.ones_like(tokens)
        peek = Gaze(
            layer=2,
            lemma="7.1",
            distance=one,
            known=one.cumsum(-1) > 1,
            margin=PEEK * (1.0 - math.cos(1.0)) / 2.0,
            mass=1.0 - math.exp(-PEEK * (1.0 - math.cos(1.0)) / 2.0),
        )
        return peek, self._gaze(tokens, layer=3, lemma="7.6")

    def sizes(self) -> dict[str, float]:
        return {"flag": 1.0, "code": 1.0}

    def written(self) -> tuple[tuple[int, dict[str, float]], ...]:
        """The MLP's units beside `_summing`: those of a step passed are two terms, of others nothing."""
        width, units = self.code.width, 2 * self.passed
        previous = {"previous flag": self.previous, "previous code": self.previous, "wanted code": 1.0}
        return (
            (len(self.register.decays) + 3, {"register": self.register_gain * self.register.cancellation}),
            (width + 4 + units, previous),
            (width + 3, {"flag": self.gain, "code": self.gain}),
        )

    @cached_property
    def heights(self) -> float:
        """Of a step, on average: by how much it moves a coordinate of the wanted code."""
        return float((self.code.points()[1:] - self.code.points()[:-1]).abs().mean(0).max())

    def noise(self, rounding: Rounding) -> dict[tuple[int, str], float]:
        return long_noise(self, rounding)

    def allowances(self, rounding: Rounding) -> tuple[Allowance, ...]:
        return long_allowances(self, rounding)

    @property
    def name(self) -> str:
        quiet = ", quiet" if self.amplitude < 1.0 else ""
        return f"digits of base {self.base}, {counted(len(self.register.decays), 'decay')}{quiet}"

    def describe(self) -> str:
        return (
            f"decoding recall of {counted(self.task.n_bits, 'bit')} over a window of {self.window} in three layers, "
            f"digits of base {self.base}"
        )

    def layout_json(self) -> dict[str, Any]:
        return {
            "name": "long",
            "base": self.base,
            "register": asdict(self.register),
            "register_gain": self.register_gain,
            "reserve": self.reserve,
            "previous_gain": self.previous_gain,
            "steps_from": self.steps_from,
        }
