"""Tables beside the main one: patterns compared seed by seed, matrices, and seeds one by one.

Of the last: the seeds of each width, what a mean hides where some of them learn a task and others do not; a pattern's
accuracy at every learning rate; and the parameter ratio read from means, medians, the 90th percentile and the best
seed, with the pure models at their own rates or held to one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from plait.experiments import (
    Cell,
    Difference,
    Summary,
    cell_label,
    paired_difference,
    ratio_curve,
    value_text,
)
from plait.experiments.bootstrap import Statistic
from plait.experiments.fields import counted_text
from plait.findings.members import held_to, is_pure
from plait.findings.number_text import decimals, ratio_text
from plait.findings.series import Panel
from plait.report.document import Column, Entry, Table
from plait.report.tables import difference_entries

_PATTERN = "model.pattern"

_PAIRED = (
    Column(name="setting", title="at", numeric=False),
    Column(name="first", title="model", numeric=False),
    Column(name="second", title="less", numeric=False),
    Column(name="difference", title="difference"),
    Column(name="interval", title="95% interval"),
    Column(name="seeds", title="shared seeds"),
)


def paired_table(cells: Sequence[Cell], *, of_a_kind: bool = False) -> Table | None:
    """Each hybrid less each pure model in the same setting, seed by seed; None where no such pair is.

    Args:
        of_a_kind: whether patterns that are all pure, or all hybrid, are compared with each other instead.
    """
    settings: dict[str, list[Cell]] = {}
    for cell in cells:
        settings.setdefault(repr(_rest(cell)), []).append(cell)
    pairs = [pair for group in settings.values() for pair in permutations(group, 2) if _share_seeds(*pair)]
    told = [(hybrid, pure) for hybrid, pure in pairs if is_pure(pure) and not is_pure(hybrid)]
    words = "hybrid less pure"
    if not told and of_a_kind:
        told = [(one, other) for one, other in pairs if one.pattern > other.pattern]
        words = "one pattern less another"
    if not told:
        return None
    return Table(
        caption=f"Differences in mean accuracy at the same width, {words}, over shared seeds",
        columns=_PAIRED,
        rows=tuple(_paired_row(one, other) for one, other in told),
        notes=("each model at its own learning rate; intervals by bootstrap over the shared seeds",),
    )


def _share_seeds(one: Cell, other: Cell) -> bool:
    return bool(set(one.seeds) & set(other.seeds))


def matrix_table(panel: Panel) -> Table:
    """The means of a panel, a row a line and a column a value of its axis."""
    labels = [line.label for line in panel.lines]
    if panel.view.y is not None:
        labels = _what_differs(labels)
    by_row = panel.view.y is not None and all(_is_number(label) for label in labels)
    xs = sorted(
        {point.x for line in panel.lines for point in line.points},
        key=lambda x: (not isinstance(x, int | float), x if isinstance(x, int | float) else str(x)),
    )
    columns = [Column(name="row", title="trained at" if panel.view.y is not None else "", numeric=by_row)]
    columns += [Column(name=f"at_{value_text(x)}", title=counted_text(x)) for x in xs]
    rows = []
    for line, label in zip(panel.lines, labels, strict=True):
        there = {point.x: point.summary for point in line.points}
        entries = [_mean_entry(there[x].mean) if x in there else Entry(text="-") for x in xs]
        rows.append((Entry(text=label, value=float(label) if by_row else label), *entries))
    title = f"{panel.title}: mean accuracy by {panel.x_label}" if panel.title else f"By {panel.x_label}"
    return Table(caption=title, columns=tuple(columns), rows=tuple(rows))


def _what_differs(labels: list[str]) -> list[str]:
    """Labels without the words that all of them have at the same place."""
    words = [label.split() for label in labels]
    if len(words) < 2 or len({len(one) for one in words}) > 1:
        return labels
    told = [place for place, column in enumerate(zip(*words, strict=True)) if len(set(column)) > 1]
    return [" ".join(one[place] for place in told) for one in words]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _rest(cell: Cell) -> dict[str, object]:
    return {path: value for path, value in cell.settings.items() if path != _PATTERN}


def _paired_row(hybrid: Cell, pure: Cell) -> tuple[Entry, ...]:
    difference: Difference = paired_difference(hybrid, pure)
    label = cell_label(_rest(hybrid)) if _rest(hybrid) else "-"
    return (
        Entry(text=label, value=label),
        Entry(text=hybrid.pattern, value=hybrid.pattern),
        Entry(text=pure.pattern, value=pure.pattern),
        *difference_entries(difference.mean, difference.interval),
        Entry(text=str(difference.seeds), value=difference.seeds),
    )


def _mean_entry(mean: float) -> Entry:
    return Entry(text=decimals(mean), value=mean)


_BEST = "best seed"


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
        _BEST: _quantile(1.0),
    }
)
"""The learning rate is chosen by the same statistic, on the separate sequences."""

_SHARES = (0.6, 0.9, 0.99)
"""Accuracies of which it is told how many seeds reach them."""


def seed_table(summaries: Sequence[Summary], *, patterns: Sequence[str] = ()) -> Table | None:
    """Each cell at its chosen rate: mean, median, worst and best seed, and how many seeds pass some accuracies."""
    shown = [s for s in summaries if not patterns or s.cell.pattern in patterns]
    order = list(dict.fromkeys(patterns or [s.cell.pattern for s in shown]))
    shown.sort(key=lambda s: (order.index(s.cell.pattern), s.cell.parameters))
    if not shown:
        return None
    columns = [Column(name="model", title="model", numeric=False), Column(name="parameters", title="params")]
    columns += [Column(name=name, title=name) for name in ("lr", "mean", "median", "worst", "best")]
    columns += [Column(name=f"at_{share:g}", title=f"seeds >= {decimals(share, 2)}") for share in _SHARES]
    rows = []
    for summary in shown:
        seeds = summary.accuracies
        figures = (summary.mean, float(np.median(seeds)), float(seeds.min()), float(seeds.max()))
        counts = [int((seeds >= share).sum()) for share in _SHARES]
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
            shown = replace(ratio, interval=None) if name == _BEST else ratio
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
