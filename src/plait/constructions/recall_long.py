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
from jaxtyping import Float, Int
from torch import Tensor

from plait.constructions.assemble import assemble
from plait.constructions.codes import DigitCode
from plait.constructions.mamba_writer import HOLD, STEP, MambaWriter
from plait.constructions.plan import Gaze, Holding, Margins, everywhere
from plait.constructions.recall_plan import BIT, FLAG, RecallPlan, counted
from plait.constructions.recall_rounding import long_allowances, long_noise
from plait.constructions.recency import Recency
from plait.constructions.residual import Residual
from plait.constructions.rounding import Allowance, Rounding
from plait.constructions.transformer_writer import SETTLED, TransformerWriter
from plait.model import HybridConfig

LARGEST_PREVIOUS, LEAST_PREVIOUS = 64.0, 8.0
"""Of the previous token's code: the finer the code, the louder it must stand in the stream that it is read from."""

LOUD_REGISTER = 2.0**-7
"""Gain of the register's number in a stream of amplitude 1: it must not change what norms divide by."""

QUIET_REGISTER = 2.0
"""The same in a quiet stream, whose norms see nothing but epsilon: larger than the code that it is read beside."""

UNSETTLED = 4.0 * SETTLED * math.exp(-SETTLED)
"""What the steps on either side of the register's number may lack of 0 or 1, times the largest move of a code."""

PEEK = 256.0
"""Sharpness of attention at distance 1: exp(-256 (1 - cos 1)) = 10^-51 is beside it (Lemma 7.1)."""

RESERVE = 3.0 / 16.0
"""Share of the wanted code's lead e^2/2 that is kept for rounding (7.8): the rest pays for a sharpness by 16/13."""


@dataclass(frozen=True, kw_only=True)
class LongRecallPlan(RecallPlan):
    """Everything that decides the weights; each weight stands beside the lemma that it serves.

    Args:
        base: digits of the token code.
        register_gain: of the register's number in the stream.
        reserve: share of the wanted code's lead that is kept for rounding.
        previous_gain: of the previous token's code, a power of 2; None for one that suits the code.
        steps_from: the level from which steps lead either way (Lemma 7.3); None for the middle one.
    """

    theorem: ClassVar[str] = "7.6"

    base: int
    register_gain: float = QUIET_REGISTER
    reserve: float = RESERVE
    previous_gain: float | None = None
    steps_from: int | None = None

    @property
    def code(self) -> DigitCode:
        return DigitCode(n_points=self.task.n_words, base=self.base)

    @property
    def residual(self) -> Residual:
        width = self.code.width
        names = (("flag", 1), ("code", width), ("previous flag", 1), ("previous code", width))
        names += (("register", 1), ("wanted code", width))
        return Residual(subspaces=names, amplitude=self.amplitude)

    def config(self) -> HybridConfig:
        residual = self.residual
        return HybridConfig(
            self.task.vocab_size,
            pattern="SSM-TF-TF",
            d_model=residual.d_model,
            window=(None, 2, self.window),
            d_state=1,
            d_inner=2 + len(self.register.decays),
            dt_rank=1,
            d_conv=1,
            rotary_fraction=self.recency.turns.fraction(residual.d_model),
            rotary_base=self.recency.turns.base,
            d_mlp=(None, 2 * (self.task.n_words - 1), 0),
            norm_eps=self.norm_eps,
            init="paper",  # of no effect: every weight is set; part of the config that stored members name
        )

    @cached_property
    def order(self) -> Int[Tensor, " words"]:
        """The words by their level in the register."""
        return self.register.levels[:, 0].argsort()

    @cached_property
    def points(self) -> Float[Tensor, "words width"]:
        """Codes along the register: neighbours there have neighbouring codes, so steps are small."""
        points = torch.empty(self.task.n_words, self.code.width, dtype=torch.float64)
        points[self.order] = self.code.points()
        return points

    @cached_property
    def signals(self) -> dict[str, Float[Tensor, "tokens width"]]:
        """A flag apart words and bits; a code for every word; the two bits have those of words 0 and 1."""
        flags = torch.tensor([-1.0] * self.task.n_words + [1.0] * 2, dtype=torch.float64)
        return {"flag": flags.unsqueeze(-1), "code": torch.cat((self.points, self.points[:2]))}

    @cached_property
    def intervals(self) -> tuple[Float[Tensor, " words"], Float[Tensor, " words"]]:
        """The least and the greatest number that each word may show, in the order of levels (Lemma 7.3)."""
        middle = self.register.levels[self.order, 0] + self.register.middle[0]
        half = float(self.register.tail.abs().sum()) / 2
        return middle - half, middle + half

    @property
    def middle(self) -> int:
        """The level from which steps lead either way."""
        return self.task.n_words // 2 if self.steps_from is None else self.steps_from

    @property
    def passed(self) -> int:
        """Steps that a number passes at most: half of them, if they lead from the middle."""
        return max(self.middle, self.task.n_words - 1 - self.middle)

    @property
    def span(self) -> float:
        """The largest distance of a number from the middle level's interval."""
        low, high = self.intervals
        return float(torch.maximum(high[-1] - high[self.middle], low[self.middle] - low[0]))

    @property
    def gap(self) -> float:
        low, high = self.intervals
        return float((low[1:] - high[:-1]).min())

    @property
    def miss(self) -> float:
        return self.code.chord / 64.0  # 7.6: mu = e/64

    @property
    def recency(self) -> Recency:
        return Recency(window=self.window, miss=self.miss, reserve=self.recency_reserve)

    @property
    def sharpness(self) -> float:
        """A word's code leads by at least chord^2 / 2 over every other."""
        return self.recency.content_lead / ((1.0 - self.reserve) * self.code.chord**2 / 2)

    @property
    def previous(self) -> float:
        """Gain of the previous token's code, a power of 2."""
        if self.previous_gain is not None:
            return self.previous_gain
        # 7.6: the power of 2 from 12/e on; what reads and leaks err by enters a key over this gain (7.8).
        wanted = 2.0 ** math.ceil(math.log2(12.0 / self.code.chord))
        return min(max(wanted, LEAST_PREVIOUS), LARGEST_PREVIOUS)

    @property
    def gain(self) -> float:
        """Of the copied code, over the token's own, and no less than that of a previous code that suits, beside which
        the last norm reads it."""
        # 7.6: so the own code (e) takes e/G <= e^2/16.
        over_own = 2.0 ** math.ceil(math.log2(16.0 / self.code.chord))
        return over_own if self.previous_gain is not None else max(self.previous, over_own)

    def least_squares(self) -> tuple[float, float, float]:
        """Every token's code has one norm; what the register shows varies, and so the size of copied codes."""
        token, residual, eps = 1.0 + self.code.n_digits, self.residual, self.norm_eps
        copied = residual.layer_factor(self.squares()[1], eps=eps) / residual.layer_factor(token, eps=eps)
        return token, token, (1.0 + (self.previous * copied) ** 2) * token + self._wanted_square(-1.0)

    def _wanted_square(self, side: float) -> float:
        """Of the wanted code: its norm, and on either side what steps leave unsettled."""
        return self.code.n_digits * (1.0 + side * 2.0 * UNSETTLED) ** 2

    def squares(self) -> tuple[float, float, float, float]:
        token = 1.0 + self.code.n_digits
        held = (self.register_gain * 2.0 * self.register.reach) ** 2
        both = (1.0 + self.previous**2) * token + held + self._wanted_square(1.0)
        return token, token + held, both, both + ((self.gain + 1.0) ** 2 - 1.0) * token

    @property
    def final_gain(self) -> float:
        last = self.residual.layer_factor(self.gain**2, eps=self.norm_eps)
        return 1.0 / (self.amplitude * last * self.gain)

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
