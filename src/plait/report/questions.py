"""Tables for questions on which the literature disagrees.

How much of a parameter ratio is due to the learning rate that pure models got, how much to the hybrid's states and
initial weights, and whether attention really gets worse with a larger window once every window has its own learning
rate.
"""

from collections.abc import Sequence

from plait.experiments import (
    Cell,
    cell_label,
    headline_ratio,
    paired_difference,
    summarise,
)
from plait.findings.members import held_to, leaner_ratios, pure_and_hybrid
from plait.findings.words import decimals, ratio_text
from plait.report.document import Column, Entry, Table
from plait.report.tables import difference_entries


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
