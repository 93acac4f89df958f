"""What pages on the wide models say of stored rows: one model where it is measured, and one model over another."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plait.experiments import Cell, Summary, paired_difference
from plait.experiments.statistics import Difference
from plait.findings.evidence import Evidence
from plait.findings.judges import difference_text
from plait.findings.leads import Pair, Score
from plait.findings.words import bracketed, decimals
from plait.model import HybridConfig
from plait.paper import wide_models as wide
from plait.paper.wide_pairs import at, rates_of
from plait.report.document import Entry

UNTRAINED = Entry(text="-")


@dataclass(frozen=True, kw_only=True)
class Lead:
    """One model less another: the difference, and the mean of each."""

    difference: Difference
    means: tuple[float, float]

    @property
    def mean(self) -> float:
        return self.difference.mean

    @property
    def text(self) -> str:
        """`+0.060 [+0.052, +0.071]`; `+0.060 (one seed)`."""
        return f"{difference_text(self.difference)}{_one_seed(self.difference.seeds)}"

    @property
    def sign(self) -> int:
        """1 and -1 where the interval, or the mean of a single seed, lies on one side of 0, else 0."""
        interval = self.difference.interval
        low, high = (self.mean, self.mean) if interval is None else (interval.low, interval.high)
        return int(low > 0) - int(high < 0)


def lead_of(found: Evidence, pair: Pair) -> Lead | None:
    """None where one of the two is not measured, or they share no seed."""
    cells = pair.cells(found)
    if cells is None:
        return None
    first, second = (found.summary(cell).mean for cell in cells)
    return Lead(difference=paired_difference(*cells), means=(first, second))


def cell_of_model(
    found: Evidence, model: HybridConfig, *, separator: bool, score: Score = "pooled", **where: Any
) -> Cell | None:
    """The model where `where` says, as `wide_pairs.at` has it; None where it is not measured."""
    one = at(model, separator=separator, **{"p_bit": 0.2, **where})
    cells = Pair(first=one, second=one, lrs=rates_of(separator=separator), score=score).cells(found)
    return None if cells is None else cells[0]


def summary_of(found: Evidence, model: HybridConfig, **where: Any) -> Summary | None:
    cell = cell_of_model(found, model, **where)
    return None if cell is None else found.summary(cell)


def mean_entry(summary: Summary | None, *, spread: bool = True) -> Entry:
    """`0.627 [0.622, 0.632]`."""
    if summary is None:
        return UNTRAINED
    text = bracketed(summary) if spread else decimals(summary.mean)
    return Entry(text=text, value=summary.mean)


def lead_entry(lead: Lead | None) -> Entry:
    return UNTRAINED if lead is None else Entry(text=difference_text(lead.difference), value=lead.mean)


def seeds_entry(summaries: Iterable[Summary | None]) -> Entry:
    """Fewest and most seeds of what is measured."""
    counts = [one.seeds for one in summaries if one is not None]
    if not counts:
        return UNTRAINED
    low, high = min(counts), max(counts)
    return Entry(text=f"{low}" if low == high else f"{low} to {high}", value=low)


def told(summary: Summary) -> str:
    """`0.627 [0.622, 0.632]`; `0.548 (one seed)`."""
    return f"{bracketed(summary)}{_one_seed(summary.seeds)}"


def means_over(found: Evidence, model: HybridConfig, lengths: Sequence[int]) -> tuple[float, float] | None:
    """The least and the most of any seed's mean over lengths, as run and scored as run; None where a length lacks."""
    cells = [
        cell_of_model(found, model, separator=False, score="sequences", length=length) for length in lengths
    ]
    if not cells or any(cell is None for cell in cells):
        return None
    by_seed = np.mean([found.summary(cell).accuracies for cell in cells if cell is not None], axis=0)
    return float(by_seed.min()), float(by_seed.max())


def named(model: HybridConfig, summary: Summary) -> str:
    """`hybrid, 90 M`."""
    return f"{NAMES[model.pattern]}, {summary.cell.parameters / 1e6:.0f} M"


NAMES: Mapping[str, str] = {
    wide.HYBRID: "hybrid",
    wide.ATTENTION: "Transformer",
    wide.DEEP: "Mamba of 32 layers",
    wide.RECURRENT: "SSM of 12 layers",
}


def _one_seed(seeds: int) -> str:
    return " (one seed)" if seeds == 1 else ""
