"""What the paper's experiments share: learning rates, widths, seeds and models, and how others' numbers are read.

Source of the former: arXiv 2603.08859, section 5. The paper's accuracies belong to parameter counts that are read off
a figure's axis (about 1,000, 2,000, 6,000 and 12,000); the rerun's to exact counts.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from plait.findings.figure import Reference, ReferenceRatio
from plait.model import HybridConfig
from plait.training.run import Train

LR_GRID = (1e-4, 3.16e-4, 1e-3, 3.16e-3, 1e-2, 3.16e-2, 1e-1, 3.16e-1, 1.0)
"""1e-4 .. 1 in factors of sqrt(10), to three digits."""

SEEDS = range(32)
"""Seeds of a full experiment (the paper has 11 runs)."""

SWEEP: Mapping[str, Any] = {"train.lr": LR_GRID, "train.seed": SEEDS}
"""The members of a cell in full."""

QUICK_LRS = LR_GRID[2:7]
"""1e-3 .. 1e-1: where the best rates of these models have been found."""

ATTENTION, RECURRENT, OTHER, HYBRID = PATTERNS = ("TF-TF", "SSM-SSM", "TF-SSM", "SSM-TF")
"""The two-layer models of Figures 4 and 6."""

WIDTHS = (4, 8, 12, 16, 20, 24)

WIDER = (32, 40)
"""Widths of pure models beyond the paper's, where the accuracies that hybrids reach are to be found."""

COPYING_WINDOW = 20
RECALL_WINDOW = 100
"""Windows of selective copying and of multi-key recall; the latter is the whole sequence in training."""

PROTOCOL = Train(steps=4_000)


def two_layers(*, window: int | None) -> HybridConfig:
    """The base model of the two-layer experiments; pattern and width are varied."""
    return HybridConfig(pattern="SSM-TF", d_model=8, window=window, init="paper")


def sizes(
    patterns: Iterable[str], widths: Iterable[int], *, pure_widths: Iterable[int] = ()
) -> tuple[tuple[str, int], ...]:
    """(pattern, width) pairs: every pattern with `widths`, and TF-TF and SSM-SSM with `pure_widths` too."""
    patterns = tuple(patterns)
    pure = [pattern for pattern in patterns if len(set(pattern.split("-"))) == 1]
    return (*itertools.product(patterns, widths), *itertools.product(pure, pure_widths))


PAPER_SOURCE = "arXiv 2603.08859"
RERUN_SOURCE = (
    "independent rerun: 8 CPU cores, learning rate picked from 3-4 values, 11 seeds, "
    "1,024-2,048 fresh test sequences a seed"
)
_SIZES = (1_000, 2_000, 6_000, 12_000)
"""Parameters at which the paper's figures are read."""


def read_off(name: str, columns: Mapping[str, Sequence[float]]) -> tuple[Reference, ...]:
    """The paper's accuracies at `_SIZES`, by pattern."""
    return tuple(
        Reference(pattern=pattern, parameters=parameters, accuracy=accuracy, source=f"{PAPER_SOURCE}, {name}")
        for pattern, accuracies in columns.items()
        for parameters, accuracy in zip(_SIZES, accuracies, strict=True)
    )


def rerun_ratio(
    pure: str, accuracy: float, ratio: float, *, pure_parameters: int, hybrid_parameters: int
) -> ReferenceRatio:
    """A ratio of the independent rerun's."""
    return ReferenceRatio(
        pure=pure,
        accuracy=accuracy,
        ratio=ratio,
        source=RERUN_SOURCE,
        pure_parameters=pure_parameters,
        hybrid_parameters=hybrid_parameters,
    )


def rerun_text(ratios: Sequence[ReferenceRatio], accuracy: float) -> str:
    """The rerun's ratios at one accuracy, as a claim quotes them."""
    found = [r for r in ratios if r.source == RERUN_SOURCE and r.accuracy == accuracy]
    return ", ".join(f"{r.ratio:g} ({r.pure})" for r in found) or "-"
