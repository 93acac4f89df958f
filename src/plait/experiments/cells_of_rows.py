"""The cells of an experiment: its stored members, by what was varied."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl

from plait.deferred import deferred
from plait.experiments.cell import Cell
from plait.experiments.fields import get_field
from plait.experiments.schema import evaluation_id
from plait.experiments.selection import EARLY_STEPS, RuleName
from plait.experiments.spec import Experiment
from plait.tasks import task_to_json
from plait.training.run import Evaluation, Run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = deferred("numpy")

StoredRow = Mapping[str, Any]


def cells(experiment: Experiment, rows: pl.DataFrame) -> tuple[Cell, ...]:
    """The experiment's cells that have at least one complete seed, in the experiment's order."""
    return tuple(placed_cells(experiment, rows).values())


def evaluated_cells(
    experiment: Experiment, rows: pl.DataFrame, evaluations: pl.DataFrame
) -> tuple[Cell, ...]:
    """One cell for each evaluation of each cell, with the accuracy there; `select` is still of the training task.

    Its settings say where it was measured: `test.seq_len`, `test.p_bit`, whatever differs among evaluations.
    """
    return tuple(placed_cells(experiment, rows, evaluations).values())


def placed_cells(
    experiment: Experiment, rows: pl.DataFrame, evaluations: pl.DataFrame | None = None
) -> dict[int, Cell]:
    """`cells`, or `evaluated_cells` where evaluations are given, each by its place among all that could be there.

    Models of the same place in two settings of an experiment differ in what the settings say alone.
    """
    stored = _by_member(rows, experiment)
    if evaluations is None:
        named = zip(experiment.expand_cells(), experiment.members(), strict=True)
        found = [_cell(experiment, runs, members, stored) for runs, members in named]
    else:
        found = list(_evaluated(experiment, stored, evaluations))
    return {place: cell for place, cell in enumerate(found) if cell is not None}


def _evaluated(
    experiment: Experiment, stored: Mapping[str, StoredRow], evaluations: pl.DataFrame
) -> Iterator[Cell | None]:
    measured: dict[str, dict[str, dict[str, float | None]]] = {}
    scores = [name for name in ("accuracy", "sequence_accuracy") if name in evaluations.columns]
    own = evaluations.filter(pl.col("member").is_in(list(stored)))
    for member, name, *found in own.select("member", "evaluation", *scores).iter_rows():
        measured.setdefault(name, {})[member] = dict(zip(scores, found, strict=True))
    names: dict[str, list[str]] = {}
    settings_of = evaluation_settings(experiment.evaluations)
    for runs, members in zip(experiment.expand_cells(), experiment.members(), strict=True):
        rows = {m: {**stored[m], "sequence_accuracy": None} for m in members if m in stored}
        task = runs[0].task
        if repr(task) not in names:
            names[repr(task)] = [evaluation_id(evaluation.of(task)) for evaluation in experiment.evaluations]
        for name, settings in zip(names[repr(task)], settings_of, strict=True):
            there = measured.get(name)
            both = {m: rows[m] | there[m] for m in rows.keys() & there.keys()} if there and rows else {}
            cell = _cell(experiment, runs, members, both) if both else None
            yield None if cell is None else replace(cell, settings={**cell.settings, **settings})


def evaluation_settings(evaluations: Sequence[Evaluation]) -> tuple[dict[str, Any], ...]:
    """What tells each evaluation from the others, as `test.FIELD`; tasks of several classes by their names."""
    given: list[dict[str, Any]] = []
    for evaluation in evaluations:
        fields: dict[str, Any] = {"test.seq_len": evaluation.seq_len, "test.sequences": evaluation.sequences}
        if evaluation.task is not None:
            document = task_to_json(evaluation.task)
            fields["test.task"] = str(document["task"]).rpartition(":")[2]
            parameters = document["params"]
            assert isinstance(parameters, dict)
            fields |= {f"test.{name}": value for name, value in parameters.items()}
        given.append(fields)
    names = dict.fromkeys(name for fields in given for name in fields if name != "test.sequences")
    differing = [name for name in names if len({repr(fields.get(name)) for fields in given}) > 1]
    return tuple({name: fields.get(name) for name in differing} for fields in given)


def _by_member(rows: pl.DataFrame, experiment: Experiment) -> dict[str, StoredRow]:
    """The experiment's rows; loss curves only where the rule of its rates looks at them."""
    own = [member for cell in experiment.members() for member in cell]
    columns = ["member", "parameters", "select_accuracy", "accuracy", "eight_accuracy", "sequence_accuracy"]
    columns += ["diverged_at"]
    columns += ["loss_steps", "losses"] if experiment.setting.rule == "early" else []
    found = rows.filter(pl.col("member").is_in(own)).select(c for c in columns if c in rows.columns)
    return {row["member"]: row for row in found.iter_rows(named=True)}


def _cell(
    experiment: Experiment, runs: tuple[Run, ...], members: tuple[str, ...], stored: Mapping[str, StoredRow]
) -> Cell | None:
    pairs = zip(runs, members, strict=True)
    found = {(r.train.lr, r.train.seed): stored[member] for r, member in pairs if member in stored}
    settings = {path: get_field(runs[0], path) for path in experiment.varied}
    return cell_of(runs[0], settings, found, by=experiment.setting.rule)


def cell_of(
    run: Run,
    settings: Mapping[str, Any],
    found: Mapping[tuple[float, int], StoredRow],
    *,
    by: RuleName = "select",
) -> Cell | None:
    """The cell of these rows, by learning rate and seed; None where no seed has every rate.

    Args:
        by: the rule that chooses its rate.
    """
    lrs = tuple(sorted({lr for lr, _ in found}))
    seeds = tuple(sorted({seed for _, seed in found}))
    trained = np.array([[(lr, seed) in found for seed in seeds] for lr in lrs])
    if not found or not trained.all(axis=0).any():
        return None

    def tabled(value: Callable[[StoredRow], float], absent: float = math.nan) -> NDArray[np.float64]:
        return np.array(
            [[value(found[lr, seed]) if (lr, seed) in found else absent for seed in seeds] for lr in lrs]
        )

    return Cell(
        run=run,
        settings=settings,
        parameters=next(iter(found.values()))["parameters"],
        lrs=lrs,
        seeds=seeds,
        select=tabled(lambda row: row["select_accuracy"]),
        accuracy=tabled(lambda row: row["accuracy"]),
        diverged=tabled(lambda row: row["diverged_at"] is not None, False).astype(bool),
        by=by,
        early=tabled(_early_loss) if by == "early" else None,
        eight=tabled(lambda row: _number(row, "eight_accuracy")),
        by_sequence=tabled(lambda row: _number(row, "sequence_accuracy")),
        trained=trained,
        members=np.array(
            [
                [found[lr, seed].get("member", "") if (lr, seed) in found else "" for seed in seeds]
                for lr in lrs
            ]
        ),
    ).settled()


def _early_loss(row: StoredRow) -> float:
    """Mean training loss over the first `EARLY_STEPS` steps (nats); a curve has means since the step before.

    Not a number where one of these is not, or is missing.
    """
    steps, losses = row.get("loss_steps") or (), row.get("losses") or ()
    before = (0, *steps)
    parts = [
        (math.nan if loss is None else loss, step - last)
        for loss, step, last in zip(losses, steps, before, strict=False)
        if step <= EARLY_STEPS
    ]
    total = sum(weight for _, weight in parts)
    return sum(loss * weight for loss, weight in parts) / total if total else math.nan


def _number(row: StoredRow, name: str) -> float:
    value = row.get(name)
    return math.nan if value is None else float(value)
