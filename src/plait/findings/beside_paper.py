"""Every accuracy that somebody reports beside ours as it was run; a difference that nothing explains is open.

What is reported belongs to a size that is read off an axis. A width of ours within a seventh of it is taken for the one
meant; else ours is interpolated between the two widths around it, its interval too. A difference above `CLOSE` counts
as explained by one thing alone, our seeds: where the reported number lies within our 95% interval at that size, or no
further out than it may be read wrong. That it lies between what two neighbouring widths have explains nothing, nor does
the luck of the seeds behind the reported number, of which nothing is known.

A ratio of sizes taken apart: one protocol turned into another, one choice at a time, each with its factor.

As the released program ran it, a hybrid needs so many times fewer parameters than a pure model. How much of that is
the rule for the learning rate, how much odd rotary dimensions, dropout, and initial step sizes, and what is left? The
seeds are those that all protocols have, the bootstrap samples the same throughout, so that the factors multiply to the
whole.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from plait.experiments import Cell, Experiment, Summary
from plait.experiments.bootstrap import SAMPLES, Interval, interval_of
from plait.experiments.ratio import ratio_samples
from plait.experiments.settings import AS_RUN, BARE, DROPPED, KEPT, Setting
from plait.findings.evidence import Evidence, StoredRows
from plait.findings.figure import Reference
from plait.findings.judges import READING

MEANT = 1.15
"""Sizes that differ by no larger factor are taken for the same."""

CLOSE = 0.05
"""A larger difference is first of all a question to our protocol, whatever our interval."""


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A reported accuracy and ours.

    Args:
        reference: what is reported.
        ours: our mean at that many parameters, interpolated in their logarithm between measured widths.
        low, high: our 95% interval there, interpolated as the mean is.
        widths: those widths.
        eight: the same means by the score on eight sequences; None where rows do not have it.
    """

    reference: Reference
    ours: float
    low: float
    high: float
    widths: tuple[int, ...]
    eight: float | None

    @property
    def difference(self) -> float:
        """Reported less ours."""
        return self.reference.accuracy - self.ours

    @property
    def unexplained(self) -> float:
        """How far the reported number lies outside of our interval, and of how far it may be read wrong."""
        outside = max(self.low - self.reference.accuracy, self.reference.accuracy - self.high)
        return max(0.0, outside - READING)

    @property
    def far(self) -> bool:
        """Whether the difference asks for an explanation."""
        return abs(self.difference) > CLOSE

    @property
    def open(self) -> bool:
        """Whether nothing explains it."""
        return self.far and self.unexplained > 0.0


def beside(references: Sequence[Reference], evidence: Evidence) -> tuple[Beside, ...]:
    """Every reference of which a width no further than a factor of two is trained, in their order."""
    by_pattern: dict[str, list[Summary]] = {}
    for cell in sorted(evidence.cells, key=lambda cell: cell.parameters):
        by_pattern.setdefault(cell.pattern, []).append(evidence.summary(cell))
    found = [_beside(reference, by_pattern.get(reference.pattern, [])) for reference in references]
    return tuple(entry for entry in found if entry is not None)


def _beside(reference: Reference, summaries: Sequence[Summary]) -> Beside | None:
    around = _around(reference.parameters, summaries)
    if not around:
        return None
    first, last = around[0], around[-1]
    share = 0.0
    if last.cell.parameters > first.cell.parameters:
        whole = math.log(last.cell.parameters / first.cell.parameters)
        share = math.log(reference.parameters / first.cell.parameters) / whole
    eights = [_eight(summary) for summary in around]
    ends = [(s.mean, s.mean) if s.interval is None else (s.interval.low, s.interval.high) for s in around]
    (first_low, first_high), (last_low, last_high) = ends[0], ends[-1]
    return Beside(
        reference=reference,
        ours=first.mean + share * (last.mean - first.mean),
        low=first_low + share * (last_low - first_low),
        high=first_high + share * (last_high - first_high),
        widths=tuple(summary.cell.run.model.d_model for summary in around),
        eight=None if None in eights else eights[0] + share * (eights[-1] - eights[0]),  # pyright: ignore
    )


def _around(parameters: int, summaries: Sequence[Summary]) -> list[Summary]:
    """The model that is meant, or the nearest smaller and larger one, or an end of the widths that is near enough."""

    def apart(summary: Summary) -> float:
        return abs(math.log(summary.cell.parameters / parameters))

    nearest = min(summaries, key=apart, default=None)
    if nearest is not None and apart(nearest) <= math.log(MEANT):
        return [nearest]
    below = [s for s in summaries if s.cell.parameters <= parameters][-1:]
    above = [s for s in summaries if s.cell.parameters > parameters][:1]
    around = below + above
    near = [s for s in around if 0.5 <= s.cell.parameters / parameters <= 2.0]
    return around if len(around) == 2 and near else near


def _eight(summary: Summary) -> float | None:
    table = summary.cell.eight
    if table is None:
        return None
    mean = float(table[summary.chosen].mean())
    return None if math.isnan(mean) else mean


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
