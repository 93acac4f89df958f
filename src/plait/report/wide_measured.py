"""What pages on the wide models say of stored rows: one model where it is measured, and one model over another."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plait.experiments import Cell, Summary, paired_difference
from plait.experiments.statistics import Difference
from plait.findings.evidence import Evidence
from plait.findings.judges import difference_text, means_text
from plait.findings.leads import ModelPair, Score
from plait.findings.number_text import above_zero, bracketed, decimals
from plait.layers.rope import POSITIONS
from plait.model import HybridConfig
from plait.paper import wide_models as wide
from plait.paper.wide_models import (
    LAYOUTS,
    LONG,
    WIDE,
    WIDE_LONGEST,
    at,
    authors_mamba,
    equal_size,
    laid_out,
    pair,
    rates_of,
    with_positions,
)
from plait.report.document import Block, Column, Entry, Lines, Table

UNTRAINED = Entry(text="-")


@dataclass(frozen=True, kw_only=True)
class Lead:
    """One model less another: the difference, the means of both in words, and the fewest rates that one chose among."""

    difference: Difference
    means: str
    rates: int

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
        return int(above_zero(low)) - int(above_zero(-high))


def lead_of(found: Evidence, pair: ModelPair) -> Lead | None:
    """None where one of the two is not measured, or they share no seed."""
    cells = pair.cells(found)
    if cells is None:
        return None
    rates = min(len(cell.lrs) for cell in cells)
    return Lead(difference=paired_difference(*cells), means=means_text(*cells), rates=rates)


def cell_of_model(
    found: Evidence, model: HybridConfig, *, separator: bool, score: Score = "pooled", **where: Any
) -> Cell | None:
    """The model where `where` says, as `wide_models.at` has it; None where it is not measured."""
    one = at(model, separator=separator, **{"p_bit": 0.2, **where})
    cells = ModelPair(first=one, second=one, lrs=rates_of(separator=separator), score=score).cells(found)
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
    return _counts_entry(one.seeds for one in summaries if one is not None)


def rates_entry(summaries: Iterable[Summary | None]) -> Entry:
    """Fewest and most learning rates that one was chosen among."""
    return _counts_entry(len(one.cell.lrs) for one in summaries if one is not None)


def _counts_entry(counts: Iterable[int]) -> Entry:
    counts = list(counts)
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
    begun = ", begun as its authors'" if model == authors_mamba(WIDE) else ""
    return f"{NAMES[model.pattern]}{begun}, {summary.cell.parameters / 1e6:.0f} M"


NAMES: Mapping[str, str] = {
    wide.WIDE_HYBRID: "hybrid",
    wide.WIDE_ATTENTION: "Transformer",
    wide.DEEP: "Mamba of 32 layers",
    wide.WIDE_RECURRENT: "SSM of 12 layers",
}


def _one_seed(seeds: int) -> str:
    return " (one seed)" if seeds == 1 else ""


_FULL, _RECURRENT = equal_size(WIDE, window=None)[1:]


def positions_part(found: Evidence) -> tuple[Block, ...]:
    """Positions of attention, hybrid and Transformer of its size, full window, separators."""
    rows: list[tuple[Entry, ...]] = []
    kept: tuple[dict[str, float], dict[str, float]] = {}, {}
    for kind in POSITIONS:
        models = with_positions(kind)
        there = [
            summary_of(found, model, separator=True, length=length)
            for model in models
            for length in (LONG, WIDE_LONGEST)
        ]
        if all(one is None for one in there):
            continue
        leads = [
            lead_of(found, pair(*models, separator=True, free=True, length=length))
            for length in (LONG, WIDE_LONGEST)
        ]
        for means, far in zip(kept, there[1::2], strict=True):
            means.update({} if far is None else {kind: far.mean})
        rows.append(
            (
                Entry(text=kind, value=kind),
                *map(mean_entry, there),
                *map(lead_entry, leads),
                seeds_entry(there),
                rates_entry(there),
            )
        )
    what = "**Positions of attention** (full window, separators, equal parameters, trained at 0.2)."
    best = [
        f"the {name} with {_most(means)} ({_listed(means)})"
        for name, means in zip(("hybrid", "Transformer"), kept, strict=True)
        if len(means) > 1
    ]
    said = (
        f" At {WIDE_LONGEST:,} tokens {' and '.join(best)} keep{'s' * (len(best) == 1)} most." if best else ""
    )
    return _part(what + said, _missing(POSITIONS, [row[0].text for row in rows]), _POSITIONS, rows)


def layouts_part(found: Evidence) -> tuple[Block, ...]:
    """Layouts of the hybrid's layers beside the Transformer and the SSM of its size, full window, separators."""
    rows: list[tuple[Entry, ...]] = []
    kept: tuple[dict[str, float], dict[str, float]] = {}, {}
    models = {
        **{pattern: laid_out(pattern) for pattern in LAYOUTS},
        _FULL.pattern: _FULL,
        _RECURRENT.pattern: _RECURRENT,
    }
    for pattern, model in models.items():
        there = [summary_of(found, model, separator=True, length=length) for length in (LONG, WIDE_LONGEST)]
        if all(one is None for one in there):
            continue
        leads = [
            lead_of(found, pair(model, _FULL, separator=True, free=True, length=length))
            for length in (LONG, WIDE_LONGEST)
        ]
        for means, one in zip(kept, there, strict=True):
            means.update({} if one is None or pattern not in LAYOUTS else {pattern: one.mean})
        over = map(lead_entry, (None, None) if pattern == _FULL.pattern else leads)
        counts = (seeds_entry(there), rates_entry(there))
        rows.append((Entry(text=pattern, value=pattern), *map(mean_entry, there), *over, *counts))
    what = "**The hybrid's layout** (full window, separators, equal parameters, trained at 0.2)."
    best = [
        f"at {length:,} tokens {_most(means)} ({_listed(means)})"
        for length, means in zip((LONG, WIDE_LONGEST), kept, strict=True)
        if len(means) > 1
    ]
    said = f" The layout that keeps most: {' and '.join(best)}." if best else ""
    missing = _missing(LAYOUTS, [row[0].text for row in rows])
    return _part(what + said, missing, _LAYOUTS, rows if any(kept) else ())


_COUNTS = (Column(name="seeds", title="seeds"), Column(name="rates", title="rates tried"))
_POSITIONS = (
    Column(name="positions", title="positions", numeric=False),
    *(
        Column(name=f"{name.lower()}_{length}", title=f"{name}, {length:,}")
        for name in ("hybrid", "Transformer", "lead")
        for length in (LONG, WIDE_LONGEST)
    ),
    *_COUNTS,
)
_LAYOUTS = (
    Column(name="layout", title="layout", numeric=False),
    *(Column(name=f"at_{length}", title=f"{length:,} tokens") for length in (LONG, WIDE_LONGEST)),
    *(
        Column(name=f"over_{length}", title=f"over the Transformer, {length:,}")
        for length in (LONG, WIDE_LONGEST)
    ),
    *_COUNTS,
)


def _part(
    text: str, missing: str, columns: tuple[Column, ...], rows: Sequence[tuple[Entry, ...]]
) -> tuple[Block, ...]:
    caption = columns[0].title
    tried = {row[-1].text for row in rows}
    if len(tried) > 1:
        text += " Rows differ in how many rates one was chosen among: more of them favour a model."
    made = Table(caption=f"By {caption}", columns=columns, rows=tuple(rows))
    return (Lines(lines=(f"{text}{missing}",)), *((made,) if rows else ()))


def _missing(wanted: Sequence[str], there: Sequence[str]) -> str:
    rest = [one for one in wanted if one not in there]
    if len(rest) == len(wanted):
        return " Not trained yet."
    return f" Not trained yet: {', '.join(rest)}." if rest else ""


def _most(means: dict[str, float]) -> str:
    return max(means, key=lambda name: means[name])


def _listed(means: dict[str, float]) -> str:
    return ", ".join(f"{name} {decimals(mean)}" for name, mean in means.items())
