"""Selective copying in two standard blocks, SSM then TF: weights set by hand (docs/theory.md, Theorem 6).

    Mamba       holds the control of the latest number, in place of the token's own
    attention   looks back by the number held, and copies the code found there
    unembedding finds the token of that code

Source: repairs Theorem 4.3 of arXiv 2603.08859.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from plait.constructions.assemble import assemble
from plait.constructions.codes import DigitCode
from plait.constructions.mamba_writer import HOLD, STEP, MambaWriter
from plait.constructions.residual import Residual
from plait.constructions.rotary import Frequencies, frequencies
from plait.constructions.transformer_writer import TransformerWriter
from plait.model import HybridConfig, HybridLM
from plait.tasks import SelectiveCopying


@dataclass(frozen=True, kw_only=True)
class CopyingLayout:
    """How wide and how precise: the trade-off of Lemma 6.2.

    Args:
        base: digits of the token code.
        n_frequencies: rotary frequencies of the control.
        amplitude: what a signal of 1 measures in the residual stream.
    """

    base: int = 2
    n_frequencies: int = 1
    amplitude: float = 1.0


@dataclass(frozen=True, kw_only=True)
class CopyingPlan:
    """Everything that decides the weights."""

    task: SelectiveCopying
    layout: CopyingLayout
    dtype: torch.dtype

    @property
    def code(self) -> DigitCode:
        """Words and numbers apart: a flag stands before the digits."""
        return DigitCode(n_points=max(self.task.n_words, len(self.task.numbers)), base=self.layout.base)

    @property
    def window(self) -> int:
        return max(self.task.numbers) + 1

    @property
    def turns(self) -> Frequencies:
        return frequencies(self.layout.n_frequencies, period=self.window)

    @property
    def residual(self) -> Residual:
        return Residual(
            subspaces=(("flag", 1), ("code", self.code.width), ("control", 2 * self.layout.n_frequencies)),
            amplitude=self.layout.amplitude,
        )

    @property
    def margin(self) -> float:
        """The attention margin: how far the target's mean cosine lies above every other in the window."""
        numbers = self.task.numbers
        return self.turns.margin(range(-max(numbers), self.window - min(numbers)))

    @property
    def miss(self) -> float:
        """The softmax mass that may fall beside the target."""
        return self.code.chord / 64

    @property
    def sharpness(self) -> float:
        """(window - 1) exp(-sharpness * margin) = miss."""
        return math.log(max(self.window - 1, 1) / self.miss) / self.margin

    @property
    def gain(self) -> float:
        """Of the copied code, over the token's own code and the control: a power of 2."""
        chord = self.code.chord
        return 2.0 ** math.ceil(math.log2(16 * (chord + 2 * self.layout.n_frequencies) / chord**2))

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
        )

    def signals(self) -> dict[str, Tensor]:
        """What every token's embedding holds: words, then numbers."""
        task, points = self.task, self.code.points()
        n_numbers = len(task.numbers)
        values = torch.tensor((0,) * task.n_words + task.numbers, dtype=torch.float64)
        angles = torch.outer(values, torch.tensor(self.turns.values, dtype=torch.float64))
        return {
            "flag": torch.tensor([-1.0] * task.n_words + [1.0] * n_numbers).unsqueeze(-1),
            "code": torch.cat((points[: task.n_words], points[:n_numbers])),
            "control": torch.stack((angles.cos(), angles.sin()), dim=-1).flatten(-2),
        }

    @property
    def square(self) -> float:
        """Sum of the squared signals of any token, and of any position once a number is held."""
        return 1.0 + self.code.n_digits + self.layout.n_frequencies

    def mamba(self) -> dict[str, Tensor]:
        residual, eps = self.residual, self.config().norm_eps
        mamba = MambaWriter(residual, residual.rms_factor(self.square, eps=eps))
        one = mamba.constant()
        number = mamba.channel(32.0 * residual.rows("flag")[0])
        mamba.step_by(number, 1.0)
        mamba.take_by(one, 1.0 / STEP)
        mamba.give_by(one, 1.0)
        for row in residual.rows("control"):
            for channel, direction in zip(mamba.pair(row), (row, -row), strict=True):
                mamba.steps(channel, weight=(STEP - HOLD) / 32.0, bias=HOLD)
                mamba.skip(channel, -1.0)
                mamba.write(channel, direction)
        return mamba.tensors()

    def transformer(self) -> dict[str, Tensor]:
        residual, eps = self.residual, self.config().norm_eps
        factor = residual.layer_factor(self.square, eps=eps)
        block = TransformerWriter(residual, factor, n_pairs=self.turns.n_pairs)
        held = residual.rows("control").unflatten(0, (-1, 2))
        weight = 1.0 / self.layout.n_frequencies
        block.attend_at_distance(
            [(pair, rows, weight) for pair, rows in zip(self.turns.used, held, strict=True)],
            sharpness=self.sharpness,
        )
        token = torch.cat((residual.rows("flag"), residual.rows("code")))
        block.copy(token, into=token, gain=self.gain)
        return block.tensors()

    def build(self) -> HybridLM:
        return assemble(
            self.config(),
            embedding=self.residual.embed(self.signals()),
            blocks=(self.mamba(), self.transformer()),
            final_gain=1.0 / self.layout.amplitude,
            dtype=self.dtype,
        )


def selective_copying(
    task: SelectiveCopying,
    seq_len: int,
    *,
    dtype: torch.dtype = torch.float32,
    layout: CopyingLayout | None = None,
) -> HybridLM:
    """A model that is right at every defined position of every input.

    Args:
        task: its words and numbers.
        seq_len: tokens of a sequence; distances are relative, so every length is served alike.
        dtype: of the weights.
        layout: None for one coordinate a bit and one frequency.
    """
    return CopyingPlan(task=task, layout=layout or CopyingLayout(), dtype=dtype).build()
