"""Members of no known experiment, as cells: grouped by what differs among their runs.

Pure models and hybrids apart, and the parameters of the one over those of the other.

The ratio by what an experiment sets: dropout, initial weights and precision; states and MLP.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from plait.checks import counted
from plait.experiments import Ratio, cell_label, headline_ratio, ratio_curve, value_text
from plait.experiments.cell import Cell
from plait.experiments.cells_of_rows import cell_of
from plait.experiments.fields import get_field, known_paths
from plait.experiments.schema import named_run
from plait.experiments.shards import told_key
from plait.experiments.view import View
from plait.findings.series import value_of
from plait.training.run import Run

_PATTERN, _WIDTH = "model.pattern", "model.d_model"
UNTOLD = ("train.lr", "train.seed", "model.vocab_size", "model", "task", "train", "start")
"""What differs inside a cell, what follows from the task, and whole parts."""

CODE = "code"
"""Digests of the user's own code, where members of one run were trained with several."""

_Group = list[tuple[Run, Mapping[str, Any]]]


def cells_of_members(rows: pl.DataFrame) -> tuple[tuple[Cell, ...], pl.DataFrame]:
    """The rows as cells, smallest first within a task and pattern; and the rows of code that is not there any more.

    A cell's settings are its pattern, its width, and whatever else differs among the cells. Tasks, layers and start
    weights of other packages are told by their names and parameters; nothing of theirs is imported.
    """
    groups: dict[tuple[str, str | None], _Group] = {}
    lost: list[str] = []
    for row in rows.iter_rows(named=True):
        try:
            run = named_run(row)
        except (
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
        ):  # of code that is not there any more, or without its task
            lost.append(row["member"])
            continue
        groups.setdefault((told_key(run), row["code_json"]), []).append((run, row))
    differing = _differing([group[0][0] for group in groups.values()])
    keys = [key for key, _ in groups]
    cells = [
        _cell(group, differing, code if keys.count(key) > 1 else None)
        for (key, code), group in groups.items()
    ]
    found = sorted((cell for cell in cells if cell is not None), key=_place)
    return tuple(found), rows.filter(pl.col("member").is_in(lost))


def view_of(cells: Sequence[Cell]) -> View:
    """The plot that shows the cells: against parameters where they differ in size, else against what differs."""
    others = [
        path for path in dict.fromkeys(p for c in cells for p in c.settings) if path not in (_PATTERN, _WIDTH)
    ]
    sizes = {(cell.pattern, cell.parameters) for cell in cells}
    kinds = {is_pure(cell) for cell in cells}
    if len(sizes) > len({pattern for pattern, _ in sizes}):
        return View(panels=tuple(others), ratio=len(kinds) == 2)
    numbers = [path for path in others if all(_is_number(cell.settings.get(path)) for cell in cells)]
    if numbers:
        first = numbers[0]
        return View(x=first, panels=tuple(path for path in others if path != first), log=False)
    return View(x=_PATTERN, lines=tuple(others) or (_WIDTH,), log=False)


def _differing(runs: Sequence[Run]) -> tuple[str, ...]:
    """The fields that do not have one value in all runs that have them, and whether the tasks are of several kinds."""
    values: dict[str, set[str]] = {}
    for run in runs:
        for path in known_paths(run):
            if path not in UNTOLD:
                values.setdefault(path, set()).add(repr(get_field(run, path)))
    kinds = {type(run.task) for run in runs}
    several = ("task",) if len(kinds) > 1 else ()
    return (*several, *(path for path, found in values.items() if len(found) > 1))


def _cell(group: _Group, differing: Iterable[str], code: str | None) -> Cell | None:
    run = group[0][0]
    known = known_paths(run)
    settings = {path: get_field(run, path) for path in (_PATTERN, _WIDTH, *differing) if path in known}
    if code is not None:
        settings[CODE] = "".join(str(digest)[:6] for digest in json.loads(code).values())
    return cell_of(run, settings, {(one.train.lr, one.train.seed): row for one, row in group})


def _place(cell: Cell) -> tuple[str, str, int]:
    return type(cell.run.task).__name__, cell.pattern, cell.parameters


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


ACCURACIES = tuple(round(0.5 + 0.01 * i, 2) for i in range(50))
"""From .5 to .99."""

Ratios = Mapping[str, tuple[Ratio, ...]]


def is_pure(cell: Cell) -> bool:
    return len(set(cell.run.model.parts)) == 1


def pure_and_hybrid(cells: Sequence[Cell]) -> tuple[dict[str, list[Cell]], list[Cell]]:
    """Pure cells, all together and by pattern, and hybrid ones."""
    pure = [cell for cell in cells if is_pure(cell)]
    by_pattern = {cell.pattern: [c for c in pure if c.pattern == cell.pattern] for cell in pure}
    together = {"smallest pure": pure} if len(by_pattern) > 1 else {}
    return together | by_pattern, [cell for cell in cells if not is_pure(cell)]


def ratios_by_pattern(cells: Sequence[Cell], accuracies: Sequence[float] = ACCURACIES) -> Ratios | None:
    """For each pure pattern and all of them, the ratio at every accuracy; None without both kinds of cells."""
    pure, hybrid = pure_and_hybrid(cells)
    if not pure or not hybrid:
        return None
    return {name: ratio_curve(side, hybrid, accuracies) for name, side in pure.items()}


def held_to(cell: Cell, lrs: Sequence[float]) -> Cell | None:
    """The cell with some of its learning rates alone; None where it has none of them."""
    kept = [place for place, lr in enumerate(cell.lrs) if any(np.isclose(lr, other) for other in lrs)]
    if not kept:
        return None
    return cell.of_rates(kept)


DECISIVE = {"selective-copying": 0.9, "multi-key-recall": 0.6}
"""The accuracy at which each task's verdict is read."""

_CHOICES = ("model.dropout", "model.init", "train.dtype")


def setting_ratios(cells: Sequence[Cell]) -> list[tuple[str, str, Ratio]]:
    """The headline ratio at the decisive accuracy, by task and by the setting of what `choices` varies."""
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        setting = cell_label({path: value_of(cell, path) for path in _CHOICES})
        groups.setdefault((value_text(cell.run.task), setting), []).append(cell)
    found: list[tuple[str, str, Ratio]] = []
    for (task, setting), group in groups.items():
        pure, hybrid = pure_and_hybrid(group)
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
    words = [] if is_pure(cell) else [f"with {counted(states, 'state')}"]
    words += ["Mamba's initial weights"] if init == "mamba" else []
    words += ["without MLP"] if mlp == 0 else []
    return f"{cell.pattern} {', '.join(words)}".strip()
