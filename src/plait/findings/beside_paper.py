"""Every accuracy that somebody reports beside ours as it was run; a difference that nothing explains is open.

What is reported belongs to a size that is read off an axis. A width of ours within a seventh of it is taken for the one
meant; else ours is interpolated between the two widths around it. A difference counts as explained where it lies within
what the intervals of those widths span, or `CLOSE` beyond.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from plait.experiments import Summary
from plait.findings.evidence import Evidence
from plait.findings.reported import Reference

MEANT = 1.15
"""Sizes that differ by no larger factor are taken for the same."""

CLOSE = 0.05
"""A larger difference is first of all a question to our protocol."""


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A reported accuracy and ours.

    Args:
        reference: what is reported.
        ours: our mean at that many parameters, interpolated in their logarithm between measured widths.
        low, high: what the intervals of the widths around it span.
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
        """How far the reported number lies outside of what size and seeds explain."""
        return max(0.0, self.low - self.reference.accuracy, self.reference.accuracy - self.high)

    @property
    def open(self) -> bool:
        return self.unexplained > CLOSE


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
    return Beside(
        reference=reference,
        ours=first.mean + share * (last.mean - first.mean),
        low=min(low for low, _ in ends),
        high=max(high for _, high in ends),
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
