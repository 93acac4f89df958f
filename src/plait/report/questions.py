"""Tables for questions on which the literature disagrees.

How much of a parameter ratio is due to the learning rate that pure models got, how much to the hybrid's states and
initial weights, and whether attention really gets worse with a larger window once every window has its own learning
rate.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from plait.experiments import (
    Cell,
    Ratio,
    cell_label,
    headline_ratio,
    paired_difference,
    summarise,
    value_text,
)
from plait.report.document import Column, Entry, Table
from plait.report.ratio_plot import is_pure, sides
from plait.report.series import value_of
from plait.report.tables import difference_entries
from plait.report.words import decimals, ratio_text


def held_to(cell: Cell, lrs: Sequence[float]) -> Cell | None:
    """The cell with some of its learning rates alone; None where it has none of them."""
    kept = [place for place, lr in enumerate(cell.lrs) if any(np.isclose(lr, other) for other in lrs)]
    if not kept:
        return None
    return replace(
        cell,
        lrs=tuple(cell.lrs[place] for place in kept),
        select=cell.select[kept],
        accuracy=cell.accuracy[kept],
        diverged=cell.diverged[kept],
    )


def rate_table(cells: Sequence[Cell], *, accuracy: float = 0.6) -> Table | None:
    """The headline ratio where each width of the pure models has its own best rate, and where all have one rate.

    Hybrids are at their best rates throughout. None without both kinds of cells.
    """
    pure, hybrid = sides(cells)
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


DECISIVE = {"selective-copying": 0.9, "multi-key-recall": 0.6}
"""The accuracy at which each task's verdict is read."""

CHOICES = ("model.dropout", "model.init", "train.dtype")


def setting_ratios(cells: Sequence[Cell]) -> list[tuple[str, str, Ratio]]:
    """The headline ratio at the decisive accuracy, by task and by the setting of what `choices` varies."""
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        setting = cell_label({path: value_of(cell, path) for path in CHOICES})
        groups.setdefault((value_text(cell.run.task), setting), []).append(cell)
    found: list[tuple[str, str, Ratio]] = []
    for (task, setting), group in groups.items():
        pure, hybrid = sides(group)
        if task in DECISIVE and pure and hybrid:
            smallest = next(iter(pure.values()))
            found.append((task, setting, headline_ratio(smallest, hybrid, DECISIVE[task])))
    return found


def leaner_ratios(cells: Sequence[Cell], accuracy: float) -> list[tuple[str, str, Ratio]]:
    """Each setting of the pure models against each of the hybrids': labels, pure first, and the ratio.

    Settings of a single size are left out.
    """
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(_block_words(cell), []).append(cell)
    rows = {label: group for label, group in groups.items() if len({c.parameters for c in group}) > 1}
    pure = {label: group for label, group in rows.items() if is_pure(group[0])}
    hybrid = {label: group for label, group in rows.items() if label not in pure}
    return [
        (small, mixed, headline_ratio(pure[small], hybrid[mixed], accuracy))
        for mixed in hybrid
        for small in pure
    ]


def _block_words(cell: Cell) -> str:
    """`TF-TF without MLP`, `SSM-TF with 1 state, Mamba's initial weights`: what `lean` varies beside widths."""
    states, init, mlp = (value_of(cell, f"model.{name}") for name in ("d_state", "init", "mlp_factor"))
    words = [] if is_pure(cell) else [f"with {states} state{'s' if states != 1 else ''}"]
    words += [] if init == "paper" else ["Mamba's initial weights"]
    words += ["without MLP"] if mlp == 0 else []
    return f"{cell.pattern} {', '.join(words)}".strip()


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
