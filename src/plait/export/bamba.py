"""Both constructions carried by a class that plain `transformers` loads: Bamba, Mamba-2 and attention with RMSNorm.

They are variants: the same ideas in other blocks, not the same weights (see `bamba_writer.py`). Attention has no window
there, so a target is found wherever it stands in the sequence.
"""

import dataclasses
import math
from typing import TYPE_CHECKING

import torch

from plait.constructions import Plan
from plait.constructions.codes import DigitCode
from plait.constructions.mamba_writer import HOLD, STEP
from plait.constructions.recall import recall_plan
from plait.constructions.recall_plan import BIT, PREVIOUS, REGISTER
from plait.constructions.recall_short import ShortRecallPlan
from plait.export.bamba_writer import BambaChannel, BambaShape, BambaWriter, bamba_model, rotary_margin
from plait.export.blocks import need_transformers
from plait.tasks import DecodingRecall, SelectiveCopying

if TYPE_CHECKING:
    from transformers import BambaForCausalLM

_N_FREQUENCIES = 6
_BASES = (2.0**0.5, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0, 50.0, 100.0, 300.0, 1000.0, 10000.0)
RESET = 32.0
"""The step size of a write: exp(-32) of the old state stays."""

MISS = 1e-5
"""Softmax mass that may fall beside the target of selective copying."""


def bamba(plan: Plan) -> "BambaForCausalLM":
    """A `BambaForCausalLM` in float32 that solves the plan's task on sequences of its length.

    Raises:
        ValueError: no transformers, or a register that float32 cannot carry in two layers.
    """
    need_transformers()
    if isinstance(plan.task, SelectiveCopying):
        writer, expand, taps = _copying(plan.task, plan.seq_len)
    else:
        assert isinstance(plan.task, DecodingRecall)
        writer, expand, taps = _recall(plan.task, plan.seq_len)
    shape = BambaShape(
        vocab_size=plan.task.vocab_size,
        d_model=writer.d_model,
        expand=expand,
        taps=taps,
        seq_len=writer.seq_len,
        rotary_base=writer.rotary_base,
    )
    return bamba_model(shape, writer.tensors)


def _copying(task: SelectiveCopying, seq_len: int) -> tuple[BambaWriter, int, int]:
    """Mamba-2 holds the angles of the latest number; attention looks back by them and copies flag and code."""
    n, code = _N_FREQUENCIES, DigitCode(n_points=max(task.n_words, len(task.numbers)), base=2)
    subspaces = (("flag", 1), ("code", code.width), ("number", 2 * n), ("held", 2 * n))
    pairs = BambaWriter(subspaces=subspaces, seq_len=seq_len, rotary_base=1.0).n_pairs
    margins = {
        base: rotary_margin(_turns(base, pairs)[:n], before=max(task.numbers), after=seq_len)
        for base in _BASES
    }
    base = max(_BASES, key=lambda base: margins[base])
    writer = BambaWriter(subspaces=subspaces, seq_len=seq_len, rotary_base=base)
    n_numbers = len(task.numbers)
    angles = torch.outer(
        torch.tensor(task.numbers, dtype=torch.float64), torch.tensor(_turns(base, pairs)[:n])
    )
    held = torch.stack((angles.cos(), angles.sin()), dim=-1).flatten(-2)
    points = code.points()
    signals = {
        "flag": torch.tensor([[-1.0]] * task.n_words + [[1.0]] * n_numbers),
        "code": torch.cat((points[: task.n_words], points[:n_numbers])),
        "number": torch.cat((torch.zeros(task.n_words, 2 * n, dtype=torch.float64), held)),
    }
    writer.embed(signals, vocab_size=task.vocab_size)
    step = (RESET - HOLD) / 2 * writer.rows("flag")[0] + (RESET + HOLD) / 2 * writer.one
    channels = [
        BambaChannel(reads=sign * row, steps=step, writes=sign / RESET * into)
        for row, into in zip(writer.rows("number"), writer.rows("held"), strict=True)
        for sign in (1.0, -1.0)
    ]
    expand = writer.mamba(0, channels)
    sharpness = math.log(seq_len / MISS) / margins[base]
    cosines, sines = (sharpness / n * writer.rows("held")[part::2] for part in (0, 1))
    token = torch.cat((writer.rows("flag"), writer.rows("code")))
    writer.attention(
        1, turning=list(zip(range(n), cosines, sines, strict=True)), matching=(), copies=token, gain=64.0 * n
    )
    return writer, expand, 1


def _recall(task: DecodingRecall, seq_len: int) -> tuple[BambaWriter, int, int]:
    """Theorem 7.7: registers and the token before by Mamba-2, the latest nearest level by attention."""
    plan = recall_plan(task, max(seq_len, 2), success=1.0, pattern="SSM-TF", dtype=torch.float32)
    plan.check()
    assert isinstance(plan, ShortRecallPlan)
    plan = dataclasses.replace(plan, window=max(seq_len, 2))
    n, radius, register = plan.register.width, plan.radius, plan.register
    subspaces = (
        ("level", n), ("height", 1), ("previous level", n), ("previous height", 1), ("register", n),
    )  # fmt: skip
    pairs = BambaWriter(subspaces=subspaces, seq_len=seq_len, rotary_base=1.0).n_pairs
    slow = plan.recency.turns.values[0]
    writer = BambaWriter(subspaces=subspaces, seq_len=seq_len, rotary_base=slow ** (-pairs / (pairs - 1)))
    writer.embed(plan.signals, vocab_size=task.vocab_size)
    # Heights: at least 0 at words, -3/2 radius^2 at bits; a step at bits, none at words.
    step = (HOLD - STEP) / (1.5 * radius**2) * writer.rows("height")[0] + HOLD * writer.one
    out = REGISTER * torch.tensor(register.maps, dtype=torch.float64).T @ writer.rows("register")
    channels = [
        BambaChannel(
            reads=writer.rows("level")[0] * BIT / (2.0 * radius),
            steps=step,
            rate=-math.log(decay) / STEP,
            writes=into / (STEP * BIT),
        )
        for decay, into in zip(register.decays, out, strict=True)
    ]
    token = torch.cat((writer.rows("level"), writer.rows("height")))
    previous = torch.cat((writer.rows("previous level"), writer.rows("previous height")))
    channels += [
        BambaChannel(reads=sign * row, lag=1, skip=1.0, writes=sign * PREVIOUS * into)
        for row, into in zip(token, previous, strict=True)
        for sign in (1.0, -1.0)
    ]
    expand = writer.mamba(0, channels)
    wanted = [
        row / REGISTER - float(middle) * writer.one
        for row, middle in zip(writer.rows("register"), register.middle, strict=True)
    ]
    sharp = plan.sharpness / PREVIOUS
    recent = plan.recency.sharpness * 0.5**0.5 * writer.one
    writer.attention(
        1,
        turning=[(pairs - 1, recent, -recent)],
        matching=[(sharp * w, p) for w, p in zip((*wanted, writer.one), previous, strict=True)],
        copies=writer.rows("level"),
        gain=plan.gain,
        adds=plan.gain * writer.rows("height")[0],
    )
    return writer, expand, 2


def _turns(base: float, n_pairs: int) -> list[float]:
    return [base ** (-pair / n_pairs) for pair in range(n_pairs)]
