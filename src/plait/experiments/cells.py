"""Cells: the stored members of an experiment, by what was varied, as tables of learning rates x seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from plait.deferred import deferred
from plait.experiments.evaluations import evaluation_id
from plait.experiments.fields import get_field
from plait.experiments.selection import EARLY_STEPS, BestMean, LeastEarlyLoss, RuleName, SelectionRule
from plait.experiments.spec import Experiment
from plait.tasks import task_to_json
from plait.training.evaluation import Evaluation
from plait.training.run import Run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = deferred("numpy")

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """One task, architecture and protocol.

    `select`, `accuracy` and `diverged` have shape `(n_lrs, n_seeds)`: `lrs` are those with anything stored,
    `seeds` those that each of them has, `unused` counts stored members whose seed lacks a rate.
    A diverged member's accuracy is the one measured with its frozen weights: it counts like any other. `by` names the
    rule that chooses the rate; `early` is the mean training loss over the first steps, and `eight` the accuracy on
    eight sequences as the released program scores them, `by_sequence` that of all sequences scored so (NaN where a row
    does not say).
    """

    run: Run
    settings: Mapping[str, Any]
    parameters: int
    lrs: tuple[float, ...]
    seeds: tuple[int, ...]
    select: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    diverged: NDArray[np.bool_]
    unused: int = 0
    by: RuleName = "select"
    early: NDArray[np.float64] | None = None
    eight: NDArray[np.float64] | None = None
    by_sequence: NDArray[np.float64] | None = None

    @property
    def pattern(self) -> str:
        return self.run.model.pattern

    @property
    def rule(self) -> SelectionRule:
        """What chooses its learning rate.

        Raises:
            ValueError: the rule of early losses, of members that are stored without a loss curve.
        """
        if self.by == "select":
            return BestMean(self.select)
        if self.early is None or np.isnan(self.early).all():
            raise ValueError(
                f"the rule of early losses needs loss curves, and {self.pattern} of width {self.run.model.d_model} "
                "is stored without"
            )
        return LeastEarlyLoss(self.early)

    def of_seeds(self, seeds: Sequence[int]) -> Cell:
        """The same with some of its seeds, in this order."""
        columns = [self.seeds.index(seed) for seed in seeds]
        tables = {name: getattr(self, name) for name in _TABLES}
        cut = {name: None if table is None else table[:, columns] for name, table in tables.items()}
        return replace(self, seeds=tuple(seeds), **cut)

    def of_rates(self, rows: Sequence[int]) -> Cell:
        """The same with some of its learning rates."""
        kept = list(rows)
        tables = {name: getattr(self, name) for name in _TABLES}
        cut = {name: None if table is None else table[kept] for name, table in tables.items()}
        return replace(self, lrs=tuple(self.lrs[row] for row in kept), **cut)


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
    experiment: Experiment, stored: Mapping[str, Row], evaluations: pl.DataFrame
) -> Iterator[Cell | None]:
    measured: dict[str, dict[str, dict[str, float | None]]] = {}
    scores = [name for name in ("accuracy", "sequence_accuracy") if name in evaluations.columns]
    for member, name, *found in evaluations.select("member", "evaluation", *scores).iter_rows():
        measured.setdefault(name, {})[member] = dict(zip(scores, found, strict=True))
    for runs, members in zip(experiment.expand_cells(), experiment.members(), strict=True):
        for evaluation, settings in zip(
            experiment.evaluations, evaluation_settings(experiment.evaluations), strict=True
        ):
            there = measured.get(evaluation_id(evaluation.of(runs[0].task)), {})
            both = {
                m: {**stored[m], "sequence_accuracy": None, **there[m]}
                for m in members
                if m in there and m in stored
            }
            cell = _cell(experiment, runs, members, both)
            yield None if cell is None else replace(cell, settings={**cell.settings, **settings})


def at_its_best(cells: Sequence[Cell]) -> Cell:
    """The same model in several settings as one cell, whose choice of a rate is one of setting and rate.

    Each rate stands once for every setting that has it, over the seeds that all settings have; so an interval also
    carries the luck of choosing the setting.

    Raises:
        ValueError: no cell.
    """
    if not cells:
        raise ValueError("a choice of settings needs at least one cell")
    if len(cells) == 1:
        return cells[0]
    seeds = tuple(seed for seed in cells[0].seeds if all(seed in cell.seeds for cell in cells))
    if not seeds:
        return max(cells, key=lambda cell: len(cell.seeds))
    order = sorted(
        ((lr, place, row) for place, cell in enumerate(cells) for row, lr in enumerate(cell.lrs)),
        key=lambda entry: entry[:2],
    )

    def stacked(name: str) -> NDArray[Any] | None:
        given = [getattr(cell, name) for cell in cells]
        if any(table is None for table in given):
            return None
        tables = [
            table[:, [cell.seeds.index(seed) for seed in seeds]]
            for table, cell in zip(given, cells, strict=True)
        ]
        return np.stack([tables[place][row] for _, place, row in order])

    return replace(
        cells[0],
        lrs=tuple(lr for lr, _, _ in order),
        seeds=seeds,
        **{name: stacked(name) for name in _TABLES},
        unused=sum(cell.unused for cell in cells),
    )


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


def by_learning_rate(cell: Cell) -> tuple[Cell, ...]:
    """Each learning rate of a cell as a cell of its own, with the setting `train.lr`."""
    return tuple(
        replace(cell.of_rates([i]), settings={**cell.settings, "train.lr": lr})
        for i, lr in enumerate(cell.lrs)
    )


_TABLES = ("select", "accuracy", "diverged", "early", "eight", "by_sequence")
"""Of a cell, `(n_lrs, n_seeds)`; the last three may be missing."""


def _by_member(rows: pl.DataFrame, experiment: Experiment) -> dict[str, Row]:
    """The experiment's rows; loss curves only where the rule of its rates looks at them."""
    own = [member for cell in experiment.members() for member in cell]
    columns = ["member", "parameters", "select_accuracy", "accuracy", "eight_accuracy", "sequence_accuracy"]
    columns += ["diverged_at"]
    columns += ["loss_steps", "losses"] if experiment.setting.rule == "early" else []
    found = rows.filter(pl.col("member").is_in(own)).select(c for c in columns if c in rows.columns)
    return {row["member"]: row for row in found.iter_rows(named=True)}


def _early_loss(row: Row) -> float:
    """Mean training loss over the first `EARLY_STEPS` steps (nats); a curve has means since the step before."""
    steps, losses = row.get("loss_steps") or (), row.get("losses") or ()
    before = (0, *steps)
    parts = [
        (loss, step - last)
        for loss, step, last in zip(losses, steps, before, strict=False)
        if step <= EARLY_STEPS and loss is not None
    ]
    total = sum(weight for _, weight in parts)
    return sum(loss * weight for loss, weight in parts) / total if total else math.nan


def _cell(
    experiment: Experiment, runs: tuple[Run, ...], members: tuple[str, ...], stored: Mapping[str, Row]
) -> Cell | None:
    pairs = zip(runs, members, strict=True)
    found = {(r.train.lr, r.train.seed): stored[member] for r, member in pairs if member in stored}
    settings = {path: get_field(runs[0], path) for path in experiment.varied}
    return cell_of(runs[0], settings, found, by=experiment.setting.rule)


def cell_of(
    run: Run,
    settings: Mapping[str, Any],
    found: Mapping[tuple[float, int], Row],
    *,
    by: RuleName = "select",
) -> Cell | None:
    """The cell of these rows, by learning rate and seed; None where no seed has every rate.

    Args:
        by: the rule that chooses its rate.
    """
    lrs = tuple(sorted({lr for lr, _ in found}))
    seeds = tuple(
        seed for seed in sorted({seed for _, seed in found}) if all((lr, seed) in found for lr in lrs)
    )
    if not seeds:
        return None
    table = [[found[lr, seed] for seed in seeds] for lr in lrs]

    def tabled(value: Callable[[Row], float]) -> NDArray[np.float64]:
        return np.array([[value(row) for row in rows] for rows in table])

    return Cell(
        run=run,
        settings=settings,
        parameters=table[0][0]["parameters"],
        lrs=lrs,
        seeds=seeds,
        select=tabled(lambda row: row["select_accuracy"]),
        accuracy=tabled(lambda row: row["accuracy"]),
        diverged=np.array([[row["diverged_at"] is not None for row in rows] for rows in table]),
        unused=len(found) - len(lrs) * len(seeds),
        by=by,
        early=tabled(_early_loss) if by == "early" else None,
        eight=tabled(lambda row: _number(row, "eight_accuracy")),
        by_sequence=tabled(lambda row: _number(row, "sequence_accuracy")),
    )


def _number(row: Row, name: str) -> float:
    value = row.get(name)
    return math.nan if value is None else float(value)
