"""What stands in the stream of decoding recall in three blocks, and how loud: Theorem 7.6."""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.constructions.codes import DigitCode
from plait.constructions.recall_plan import RecallPlan
from plait.constructions.residual import Residual
from plait.constructions.rotary import Recency
from plait.constructions.transformer_writer import SETTLED
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

CODE_RESERVE = 3.0 / 16.0
"""Share of the wanted code's lead e^2/2 that is kept for rounding (7.8): the rest pays for a sharpness by 16/13."""


@dataclass(frozen=True, kw_only=True)
class LongRecallStream(RecallPlan):
    """Codes, gains and sharpness, from which the weights follow.

    Args:
        base: digits of the token code.
        register_gain: of the register's number in the stream.
        reserve: share of the wanted code's lead that is kept for rounding.
        previous_gain: of the previous token's code, a power of 2; None for one that suits the code.
        steps_from: the level from which steps lead either way (Lemma 7.3); None for the middle one.
    """

    base: int
    register_gain: float = QUIET_REGISTER
    reserve: float = CODE_RESERVE
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
