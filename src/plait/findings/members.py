"""Members of no known experiment, as cells: grouped by what differs among their runs."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from plait.experiments.cell import Cell, cell_of
from plait.experiments.fields import get_field, known_paths
from plait.experiments.schema import run_of
from plait.experiments.shards import cell_key
from plait.experiments.view import View
from plait.findings.sides import is_pure
from plait.training.run import Run

PATTERN, WIDTH = "model.pattern", "model.d_model"
UNTOLD = ("train.lr", "train.seed", "model.vocab_size", "model", "task", "train", "start")
"""What differs inside a cell, what follows from the task, and whole parts."""

CODE = "code"
"""Digests of the user's own code, where members of one run were trained with several."""

_Group = list[tuple[Run, Mapping[str, Any]]]


def cells_of_members(rows: pl.DataFrame) -> tuple[tuple[Cell, ...], pl.DataFrame]:
    """The rows as cells, smallest first within a task and pattern; and the rows of code that is not there any more.

    A cell's settings are its pattern, its width, and whatever else differs among the cells.
    """
    groups: dict[tuple[str, str | None], _Group] = {}
    lost: list[str] = []
    for row in rows.iter_rows(named=True):
        try:
            run = run_of(row)
        except (ValueError, TypeError):  # of code that is not there any more, or without its task
            lost.append(row["member"])
            continue
        groups.setdefault((cell_key(run), row["code_json"]), []).append((run, row))
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
        path for path in dict.fromkeys(p for c in cells for p in c.settings) if path not in (PATTERN, WIDTH)
    ]
    sizes = {(cell.pattern, cell.parameters) for cell in cells}
    kinds = {is_pure(cell) for cell in cells}
    if len(sizes) > len({pattern for pattern, _ in sizes}):
        return View(panels=tuple(others), ratio=len(kinds) == 2)
    numbers = [path for path in others if all(_is_number(cell.settings.get(path)) for cell in cells)]
    if numbers:
        first = numbers[0]
        return View(x=first, panels=tuple(path for path in others if path != first), log=False)
    return View(x=PATTERN, lines=tuple(others) or (WIDTH,), log=False)


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
    settings = {path: get_field(run, path) for path in (PATTERN, WIDTH, *differing) if path in known}
    if code is not None:
        settings[CODE] = "".join(str(digest)[:6] for digest in json.loads(code).values())
    return cell_of(run, settings, {(one.train.lr, one.train.seed): row for one, row in group})


def _place(cell: Cell) -> tuple[str, str, int]:
    return type(cell.run.task).__name__, cell.pattern, cell.parameters


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
