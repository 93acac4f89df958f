"""A ratio of sizes taken apart: one protocol turned into another, one choice at a time, each with its factor.

As the released program ran it, a hybrid needs so many times fewer parameters than a pure model. How much of that is
the rule for the learning rate, how much odd rotary dimensions, dropout, and initial step sizes, and what is left? The
seeds are those that all protocols have, the bootstrap samples the same throughout, so that the factors multiply to the
whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from plait.experiments import Cell, Experiment
from plait.experiments.bootstrap import SAMPLES, Interval, interval_of
from plait.experiments.ratio import ratio_samples
from plait.experiments.settings import AS_RUN, BARE, DROPPED, KEPT, Setting
from plait.findings.evidence import StoredRows


@dataclass(frozen=True, kw_only=True)
class Span:
    """A quantity between `low` and `high` (equal where it is measured), with its interval over seeds."""

    low: float
    high: float
    interval: Interval


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The ratio under one protocol, and by what it was multiplied on the way from the stage before.

    Args:
        change: what was changed, in words; of the first stage, what it is.
        factor: the ratio before over the ratio here: what the choice that was given up had made of it. None for the
            first.
    """

    change: str
    ratio: Span
    factor: Span | None
    seeds: int


STAGES: tuple[tuple[str, Setting], ...] = (
    ("as it was run", AS_RUN),
    ("the rate with the best accuracy on separate sequences", replace(AS_RUN, rule="select")),
    ("odd rotary dimensions in pairs", replace(DROPPED, seeds=AS_RUN.seeds)),
    ("no dropout", BARE),
    ("Mamba's step sizes kept", KEPT),
)
"""Each protocol differs from the one before in what its words say."""


def taken_apart(
    experiment: Experiment,
    stored: StoredRows,
    accuracy: float,
    *,
    pure: Sequence[str],
    hybrid: str,
    samples: int = SAMPLES,
) -> tuple[Stage, ...]:
    """The ratio at one accuracy, stage by stage; empty where a protocol lacks rows of one of the patterns.

    Args:
        pure, hybrid: patterns; the smallest pure model stands for all of them.
    """
    by_stage = [stored.cells(experiment.in_setting(setting)) for _, setting in STAGES]
    wanted = (*pure, hybrid)
    if any(not any(cell.pattern == pattern for cell in cells) for cells in by_stage for pattern in wanted):
        return ()
    sides = [_sides(cells, pure, hybrid) for cells in by_stage]
    seeds = _shared_seeds([cell for stage in sides for side in stage for cell in side])
    if len(seeds) < 2:
        return ()
    stages: list[Stage] = []
    before: tuple[tuple[float, float], tuple[NDArray[np.float64], NDArray[np.float64]]] | None = None
    for (change, _), stage in zip(STAGES, sides, strict=True):
        with_pure, with_hybrid = ([cell.of_seeds(seeds) for cell in side] for side in stage)
        low, high = (float(end[0]) for end in ratio_samples(with_pure, with_hybrid, accuracy, samples=None))
        drawn = ratio_samples(with_pure, with_hybrid, accuracy, samples=samples)
        factor = None
        if before is not None:
            (low_before, high_before), (lows, highs) = before
            with np.errstate(divide="ignore", invalid="ignore"):
                factor = _span(
                    float(np.float64(low_before) / high),
                    float(np.float64(high_before) / low),
                    (np.nan_to_num(lows / drawn[1], nan=0.0), np.nan_to_num(highs / drawn[0], nan=np.inf)),
                    len(seeds),
                )
        stages.append(
            Stage(change=change, ratio=_span(low, high, drawn, len(seeds)), factor=factor, seeds=len(seeds))
        )
        before = (low, high), drawn
    return tuple(stages)


def _sides(cells: Sequence[Cell], pure: Sequence[str], hybrid: str) -> tuple[list[Cell], list[Cell]]:
    return [c for c in cells if c.pattern in pure], [c for c in cells if c.pattern == hybrid]


def _shared_seeds(cells: Sequence[Cell]) -> tuple[int, ...]:
    return tuple(seed for seed in cells[0].seeds if all(seed in cell.seeds for cell in cells))


def _span(
    low: float, high: float, drawn: tuple[NDArray[np.float64], NDArray[np.float64]], n_seeds: int
) -> Span:
    interval = Interval(low=interval_of(drawn[0], n_seeds).low, high=interval_of(drawn[1], n_seeds).high)
    return Span(low=low, high=high, interval=interval)
