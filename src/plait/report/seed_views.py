"""Seeds one by one: what a mean hides where some seeds learn a task and others do not.

Tables of the seeds of each width, of a pattern's accuracy at every learning rate, and of the parameter ratio read
from means, medians, the 90th percentile and the best seed, with the pure models at their own rates or held to one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from plait.experiments import Cell, Summary, cell_label, ratio_curve
from plait.experiments.bootstrap import Statistic
from plait.findings.members import held_to, is_pure
from plait.findings.words import decimals, ratio_text
from plait.report.document import Column, Entry, Table

BEST = "best seed"


def _quantile(share: float) -> Statistic:
    """Linear between the two seeds around it."""

    def weights(n_seeds: int) -> NDArray[np.float64]:
        place = share * (n_seeds - 1)
        return np.maximum(0.0, 1.0 - np.abs(np.arange(n_seeds) - place))

    return weights


STATISTICS: Mapping[str, Statistic] = MappingProxyType(
    {
        "mean": lambda n_seeds: np.full(n_seeds, 1 / n_seeds),
        "median": _quantile(0.5),
        "90th percentile": _quantile(0.9),
        BEST: _quantile(1.0),
    }
)
"""The learning rate is chosen by the same statistic, on the separate sequences."""

SHARES = (0.6, 0.9, 0.99)


def seed_table(summaries: Sequence[Summary], *, patterns: Sequence[str] = ()) -> Table | None:
    """Each cell at its chosen rate: mean, median, worst and best seed, and how many seeds pass some accuracies."""
    shown = [s for s in summaries if not patterns or s.cell.pattern in patterns]
    order = list(dict.fromkeys(patterns or [s.cell.pattern for s in shown]))
    shown.sort(key=lambda s: (order.index(s.cell.pattern), s.cell.parameters))
    if not shown:
        return None
    columns = [Column(name="model", title="model", numeric=False), Column(name="parameters", title="params")]
    columns += [Column(name=name, title=name) for name in ("lr", "mean", "median", "worst", "best")]
    columns += [Column(name=f"at_{share:g}", title=f"seeds >= {decimals(share, 2)}") for share in SHARES]
    rows = []
    for summary in shown:
        seeds = summary.accuracies
        figures = (summary.mean, float(np.median(seeds)), float(seeds.min()), float(seeds.max()))
        counts = [int((seeds >= share).sum()) for share in SHARES]
        rows.append(
            (
                Entry(text=cell_label(summary.cell.settings), value=cell_label(summary.cell.settings)),
                Entry(text=f"{summary.cell.parameters:,}", value=summary.cell.parameters),
                Entry(text=f"{summary.lr:g}", value=summary.lr),
                *(Entry(text=decimals(value), value=value) for value in figures),
                *(Entry(text=f"{count} of {summary.seeds}", value=count) for count in counts),
            )
        )
    return Table(caption="Seeds at the chosen learning rate", columns=tuple(columns), rows=tuple(rows))


def rates_table(cells: Sequence[Cell], *, pattern: str = "") -> Table | None:
    """The mean accuracy at every learning rate, a row a model; of one pattern, or of all. None where one rate is."""
    shown = [cell for cell in cells if pattern in ("", cell.pattern)]
    lrs = sorted({lr for cell in shown for lr in cell.lrs})
    if not shown or (len(lrs) < 2 and not pattern):
        return None
    columns = [Column(name="model", title="model", numeric=False), Column(name="parameters", title="params")]
    columns += [Column(name=f"lr_{lr:g}", title=f"{lr:g}") for lr in lrs]
    rows = []
    patterns = list(dict.fromkeys(cell.pattern for cell in shown))
    for cell in sorted(shown, key=lambda cell: (patterns.index(cell.pattern), cell.parameters)):
        entries = [_mean(_at_rate(cell, lr)) for lr in lrs]
        label = cell_label(cell.settings)
        size = Entry(text=f"{cell.parameters:,}", value=cell.parameters)
        rows.append((Entry(text=label, value=label), size, *entries))
    caption = "Mean accuracy at every learning rate"
    return Table(
        caption=f"{pattern}: m{caption[1:]}" if pattern else caption, columns=tuple(columns), rows=tuple(rows)
    )


def _at_rate(cell: Cell, lr: float) -> float | None:
    """The mean at one rate; of a model in several settings, in the one with the best mean on separate sequences."""
    there = [place for place, other in enumerate(cell.lrs) if other == lr]
    best = max(there, key=lambda place: float(cell.select_means[place]), default=None)
    return None if best is None else float(cell.means[best])


def statistic_table(
    cells: Sequence[Cell], *, pure: str, accuracy: float = 0.6, rates: Sequence[float] = ()
) -> Table | None:
    """Parameters of a pure pattern over those of the smallest hybrid, by the statistic that is read at `accuracy`.

    Args:
        pure: its pattern.
        rates: learning rates that it is held to, beside its own best.
    """
    small = [cell for cell in cells if cell.pattern == pure]
    hybrid = [cell for cell in cells if not is_pure(cell)]
    if len(small) < 2 or len(hybrid) < 2:
        return None
    held = {f"{pure} at {lr:g}": [h for cell in small if (h := held_to(cell, (lr,)))] for lr in rates}
    columns = {f"{pure} at its best rate": small} | {name: side for name, side in held.items() if side}
    rows = []
    for name, statistic in STATISTICS.items():
        entries = []
        for side in columns.values():
            (ratio,) = ratio_curve(side, hybrid, (accuracy,), statistic=statistic)
            shown = replace(ratio, interval=None) if name == BEST else ratio
            entries.append(Entry(text=ratio_text(shown), value={"low": ratio.low, "high": ratio.high}))
        rows.append((Entry(text=name, value=name), *entries))
    return Table(
        caption=f"Pure over hybrid parameters at accuracy {accuracy:g}, by what is read of the seeds",
        columns=(
            Column(name="statistic", title="of the seeds", numeric=False),
            *(Column(name=f"side_{place}", title=title) for place, title in enumerate(columns)),
        ),
        rows=tuple(rows),
        notes=(
            "the same statistic chooses each learning rate, on separate sequences, and stands on both sides; the best "
            "of the seeds has no bootstrap interval",
        ),
    )


def _mean(value: float | None) -> Entry:
    return Entry(text="-") if value is None else Entry(text=decimals(float(value)), value=float(value))
