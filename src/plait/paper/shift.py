"""Selective copying trained with a number in every fifth place, tested with other proportions and other words."""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from plait.experiments.spec import Experiment
from plait.experiments.view import View
from plait.findings.claims import Claim, Finding, Outcome
from plait.findings.evidence import Evidence
from plait.findings.figure import READINGS, Figure
from plait.findings.judges import PATTERN, WIDTH, having, training
from plait.findings.number_text import bracketed, decimals
from plait.findings.series import value_of
from plait.paper.grids import COPYING_WINDOW, PATTERNS, PROTOCOL, SWEEP, two_layers
from plait.random import Stream
from plait.tasks import SelectiveCopying
from plait.training.run import Evaluation, Run


@dataclass(frozen=True, kw_only=True)
class SkewedCopying(SelectiveCopying):
    """The numbers, their places and the targets are those of `SelectiveCopying`; words alone are drawn otherwise.

    Raises:
        ValueError: as `SelectiveCopying`, or another variant than uniform.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.variant != "uniform":
            raise ValueError(f"skewed words have the variant uniform alone, got {self.variant!r}")

    def _draw(self, stream: Stream, batch: int, seq_len: int) -> Int[Tensor, "*members batch time"]:
        tokens = super()._draw(stream, batch, seq_len)
        weights = 1.0 / torch.arange(1, self.n_words + 1, dtype=torch.float64)
        edges = (weights.cumsum(0) / weights.sum())[:-1].to(stream.device)
        uniform = stream.uniform((batch, seq_len), draw=3).double()
        words = torch.searchsorted(edges, uniform, right=True)
        return torch.where(tokens >= self.n_words, tokens, words)


_PROPORTIONS = (0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 0.9)

_TASKS = (
    *(SelectiveCopying(p_number=p_number) for p_number in _PROPORTIONS),
    SelectiveCopying(variant="repetitive"),
    SelectiveCopying(variant="adversarial"),
    SkewedCopying(),
)


def least_over_proportions(found: Evidence) -> Finding | None:
    """The lowest accuracy of each pattern over the proportions of numbers, at the largest width."""
    tested = [
        cell
        for cell in found.cells
        if value_of(cell, "test.task") == "selective-copying" and value_of(cell, "test.variant") == "uniform"
    ]
    widest = max((value_of(cell, WIDTH) for cell in tested), default=0)
    words, least, shown = [], [], []
    for pattern in dict.fromkeys(cell.pattern for cell in tested):
        cells = having(tested, {PATTERN: pattern, WIDTH: widest})
        if len(cells) < 2:
            continue
        trained = [cell for cell in cells if value_of(cell, "test.p_number") == cell.run.task.p_number]  # pyright: ignore[reportAttributeAccessIssue]
        worst = min(cells, key=lambda cell: found.summary(cell).mean)
        before = f"{bracketed(found.summary(trained[0]))} at 0.2, " if trained else ""
        words.append(
            f"{pattern} {before}least {bracketed(found.summary(worst))} at {value_of(worst, 'test.p_number'):g}"
        )
        least.append(f"{pattern} {decimals(found.summary(worst).mean)}")
        shown += cells[:1]
    if not words:
        return None
    return Finding(
        outcome=Outcome.OWN,
        ours="; ".join(words),
        short=f"least of width {widest}: {', '.join(least)}",
        why=f"width {widest}",
        **training(found, shown),
    )


SHIFT = Figure(
    readings=READINGS,
    experiment=Experiment(
        name="shift",
        question="Does what was learned at one proportion of numbers hold at others, and on other words?",
        base=Run(task=SelectiveCopying(), model=two_layers(window=COPYING_WINDOW), train=PROTOCOL),
        vary={"model.pattern": PATTERNS, "model.d_model": (8, 24)},
        sweep=SWEEP,
        quick=({"train.lr": (3.16e-3, 1e-2, 3.16e-2), "train.seed": range(8)},),
        evaluations=tuple(Evaluation(task=task, sequences=512) for task in _TASKS),
        views=(
            View(
                x="test.p_number",
                where={"test.task": ("selective-copying",), "test.variant": ("uniform",)},
                panels=("model.d_model",),
                title="Trained at 0.2",
            ),
            View(
                x="model.d_model",
                where={"test.p_number": (0.2,)},
                panels=("test.task", "test.variant"),
                log=False,
                title="Trained on uniform words",
            ),
        ),
    ),
    claims=(
        Claim(
            statement="What was learned at a proportion of numbers of 0.2, at 0.03 to 0.9",
            judge=least_over_proportions,
        ),
    ),
)
