"""The tables that a page of results can hold, by kind.

Three of them are about questions on which the literature disagrees: how much of a parameter ratio is due to the
learning rate that pure models got, how much to the hybrid's states and initial weights, and whether attention really
gets worse with a larger window once every window has its own learning rate.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from plait.experiments import (
    Cell,
    cell_label,
    headline_ratio,
    paired_difference,
    summarise,
)
from plait.findings.evidence import Evidence
from plait.findings.figure import Figure
from plait.findings.members import held_to, leaner_ratios, pure_and_hybrid
from plait.findings.number_text import decimals, ratio_text
from plait.report.comparisons import matrix_table, paired_table, rates_table, seed_table, statistic_table
from plait.report.document import Column, Entry, Table
from plait.report.paper_tables import apart_table, beside_table, odd_table
from plait.report.tables import difference_entries, ratio_table, results_table


def _results(figure: Figure, found: Evidence, _: Sequence[str]) -> Table | None:
    summaries = [found.summary(cell) for cell in found.cells]
    patterns = {cell.pattern for cell in found.cells}
    references = [
        [reference for reference in source if reference.pattern in patterns]
        for source in (figure.paper, figure.rerun)
    ]
    return results_table(summaries, paper=references[0], rerun=references[1])


def _ratio(figure: Figure, found: Evidence, arguments: Sequence[str]) -> Table | None:
    views = [number for number, view in enumerate(found.experiment.views) if view.ratio]
    if not views:
        raise ValueError(f"experiment {found.experiment.name!r} has no view with a ratio")
    shown, place = found.panels(views[0]), number_of(arguments)
    if place >= len(shown):
        return None
    return ratio_table(shown[place].cells, reported=figure.ratios, title=shown[place].title)


def _paired(figure: Figure, found: Evidence, _: Sequence[str]) -> Table | None:
    return paired_table(found.cells)


def _grid(figure: Figure, found: Evidence, arguments: Sequence[str]) -> Table | None:
    shown, place = found.panels(number_of(arguments)), number_of(arguments[1:])
    return matrix_table(shown[place]) if place < len(shown) else None


def _rates(figure: Figure, found: Evidence, arguments: Sequence[str]) -> Table | None:
    return rate_table(found.cells, accuracy=float(arguments[0]) if arguments else 0.6)


def _statistics(figure: Figure, found: Evidence, arguments: Sequence[str]) -> Table | None:
    pattern, *numbers = arguments or ("",)
    accuracy, *rates = map(float, numbers or ("0.6",))
    return statistic_table(found.cells, pure=pattern, accuracy=accuracy, rates=rates)


def _seeds(figure: Figure, found: Evidence, arguments: Sequence[str]) -> Table | None:
    return seed_table([found.summary(cell) for cell in found.cells], patterns=arguments)


def _by_rate(figure: Figure, found: Evidence, arguments: Sequence[str]) -> Table | None:
    return rates_table(found.cells, pattern=arguments[0] if arguments else "")


def _windows(figure: Figure, found: Evidence, _: Sequence[str]) -> Table | None:
    return window_table(found.cells)


def _leaner(figure: Figure, found: Evidence, _: Sequence[str]) -> Table | None:
    return leaner_table(found.cells)


def _beside(figure: Figure, found: Evidence, _: Sequence[str]) -> Table | None:
    return beside_table(figure.paper, found)


def _apart(figure: Figure, found: Evidence, arguments: Sequence[str]) -> Table | None:
    accuracy, *patterns = arguments or ("0.9",)
    return apart_table(found, float(accuracy), pure=patterns)


def _odd(figure: Figure, found: Evidence, _: Sequence[str]) -> Table | None:
    return odd_table(found)


_Maker = Callable[[Figure, Evidence, Sequence[str]], Table | None]

TABLES: Mapping[str, _Maker] = MappingProxyType(
    {
        "results": _results,
        "all": _results,
        "ratio": _ratio,
        "paired": _paired,
        "grid": _grid,
        "rates": _rates,
        "windows": _windows,
        "leaner": _leaner,
        "statistics": _statistics,
        "seeds": _seeds,
        "by-rate": _by_rate,
        "beside": _beside,
        "apart": _apart,
        "odd": _odd,
    }
)
"""Kinds of tables: `results` has the brief columns and `all` every column; `ratio P` belongs to panel P, `grid V P` is
panel P of view V as means, `rates A` belongs to an accuracy, `statistics PATTERN A LR..` to one pure pattern at an
accuracy and held to each of these rates, `seeds PATTERN..` and `by-rate PATTERN` to patterns, `windows` and `leaner` to
the experiments that vary windows, and states and initial weights; `beside` has every accuracy of the paper's and ours,
`apart A PATTERN..` takes the ratio of these pure patterns at an accuracy apart, `odd` has the models
with an odd number of rotary dimensions. Numbers begin at 0."""

OPEN_TABLES = ("ratio", "grid", "rates", "statistics", "by-rate")
"""Kinds whose columns are those patterns, rates or values that are stored."""


def number_of(words: Sequence[str]) -> int:
    """The first word as a number, 0 where there is none.

    Raises:
        ValueError: it is none.
    """
    if not words:
        return 0
    if not words[0].isdigit():
        raise ValueError(f"a number is needed, got {words[0]!r}")
    return int(words[0])


def rate_table(cells: Sequence[Cell], *, accuracy: float = 0.6) -> Table | None:
    """The headline ratio where each width of the pure models has its own best rate, and where all have one rate.

    Hybrids are at their best rates throughout. None without both kinds of cells.
    """
    pure, hybrid = pure_and_hybrid(cells)
    if not pure or not hybrid:
        return None
    rates = sorted({lr for cell in cells for lr in cell.lrs})
    choices = [("the best of all", tuple(rates)), *((f"{lr:g}", (lr,)) for lr in rates)]
    rows = []
    for label, lrs in choices:
        entries = []
        for side in pure.values():
            held = [found for cell in side if (found := held_to(cell, lrs)) is not None]
            ratio = headline_ratio(held, hybrid, accuracy) if held else None
            text = "-" if ratio is None else ratio_text(ratio)
            value = None if ratio is None else {"low": ratio.low, "high": ratio.high}
            entries.append(Entry(text=text, value=value))
        rows.append((Entry(text=label, value=label), *entries))
    columns = [Column(name="rate", title="learning rate of pure models", numeric=False)]
    columns += [Column(name=name.replace(" ", "_"), title=name) for name in pure]
    return Table(
        caption=f"Pure over hybrid parameters at accuracy {accuracy:g}, by the learning rate of the pure models",
        columns=tuple(columns),
        rows=tuple(rows),
        notes=(
            "hybrids at their best rates; >= where no measured width gets there; 95% intervals in brackets",
        ),
    )


def leaner_table(
    cells: Sequence[Cell], *, accuracies: Sequence[float] = (0.6, 0.7, 0.8, 0.9)
) -> Table | None:
    """Pure over hybrid parameters by the settings of both, at some accuracies; None without both."""
    columns = {accuracy: leaner_ratios(cells, accuracy) for accuracy in accuracies}
    rows = [
        (
            Entry(text=f"{small} over {mixed}", value=f"{small} over {mixed}"),
            *(
                Entry(text=ratio_text(column[place][2]), value={"low": column[place][2].low})
                for column in columns.values()
            ),
        )
        for place, (small, mixed, _) in enumerate(columns[accuracies[0]])
    ]
    if not rows:
        return None
    return Table(
        caption="Pure over hybrid parameters, by states, initial weights and MLP, at some accuracies",
        columns=(
            Column(name="settings", title="parameters of", numeric=False),
            *(Column(name=f"at_{accuracy:g}", title=decimals(accuracy, 1)) for accuracy in accuracies),
        ),
        rows=tuple(rows),
        notes=("each width at its own best rate; >= and <= where a side is not measured far enough",),
    )


def window_table(cells: Sequence[Cell], *, reference: int = 20) -> Table | None:
    """By model, the widest window less the reference window: each at its own rate, and both at the reference's.

    None where no model has both windows.
    """
    models: dict[str, list[Cell]] = {}
    for cell in cells:
        if isinstance(cell.run.model.window, int):
            models.setdefault(_without_window(cell), []).append(cell)
    rows = []
    for label, group in models.items():
        by_window = {cell.run.model.window: cell for cell in group}
        widest = max(window for window in by_window if isinstance(window, int))
        if reference not in by_window or widest == reference:
            continue
        rows.append(_window_row(label, by_window[widest], by_window[reference]))
    if not rows:
        return None
    return Table(
        caption=f"What a window of the whole sequence changes against one of {reference}, seed by seed",
        columns=(
            Column(name="model", title="model", numeric=False),
            Column(name="reference", title=f"mean at {reference}"),
            Column(name="reference_lr", title="lr"),
            Column(name="widest", title="mean at the widest"),
            Column(name="widest_lr", title="lr"),
            Column(name="own", title="difference, own rates"),
            Column(name="own_interval", title="95% interval"),
            Column(name="same", title="difference, same rate"),
            Column(name="same_interval", title="95% interval"),
        ),
        rows=tuple(rows),
        notes=("own rates: chosen for each window; same rate: the wide window at the rate of the other",),
    )


def _window_row(label: str, widest: Cell, reference: Cell) -> tuple[Entry, ...]:
    wide, narrow = summarise(widest), summarise(reference)
    own = paired_difference(widest, reference)
    held = held_to(widest, (narrow.lr,))
    same = None if held is None else paired_difference(held, reference)
    return (
        Entry(text=label, value=label),
        Entry(text=decimals(narrow.mean), value=narrow.mean),
        Entry(text=f"{narrow.lr:g}", value=narrow.lr),
        Entry(text=decimals(wide.mean), value=wide.mean),
        Entry(text=f"{wide.lr:g}", value=wide.lr),
        *difference_entries(own.mean, own.interval),
        *(
            (Entry(text="-"), Entry(text="-"))
            if same is None
            else difference_entries(same.mean, same.interval)
        ),
    )


def _without_window(cell: Cell) -> str:
    return cell_label({path: value for path, value in cell.settings.items() if path != "model.window"})
