"""Cells: the stored members of an experiment, by what was varied, as tables of learning rates x seeds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from plait.experiments.fields import get_field
from plait.experiments.identity import member_id
from plait.experiments.shards import cells_of
from plait.experiments.spec import Experiment
from plait.training.run import Run

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """One task, architecture and protocol.

    `select`, `accuracy` and `diverged` have shape `(n_lrs, n_seeds)`: `lrs` are those with anything stored,
    `seeds` those that each of them has, `unused` counts stored members whose seed lacks a rate.
    A diverged member's accuracy is the one measured with its frozen weights: it counts like any other.
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

    @property
    def pattern(self) -> str:
        return self.run.model.pattern


def cells(experiment: Experiment, rows: pl.DataFrame) -> tuple[Cell, ...]:
    """The experiment's cells that have at least one complete seed, in the experiment's order."""
    columns = ("member", "parameters", "select_accuracy", "accuracy", "diverged_at")
    stored = {row["member"]: row for row in rows.select(columns).iter_rows(named=True)}
    found = (_cell(experiment, runs, stored) for runs in cells_of(experiment.expand()))
    return tuple(cell for cell in found if cell is not None)


def _cell(experiment: Experiment, runs: tuple[Run, ...], stored: Mapping[str, Row]) -> Cell | None:
    found = {(r.train.lr, r.train.seed): row for r in runs if (row := stored.get(member_id(r))) is not None}
    lrs = tuple(sorted({lr for lr, _ in found}))
    seeds = tuple(
        seed for seed in sorted({seed for _, seed in found}) if all((lr, seed) in found for lr in lrs)
    )
    if not seeds:
        return None
    table = [[found[lr, seed] for seed in seeds] for lr in lrs]
    return Cell(
        run=runs[0],
        settings={path: get_field(runs[0], path) for path in experiment.varied},
        parameters=table[0][0]["parameters"],
        lrs=lrs,
        seeds=seeds,
        select=np.array([[row["select_accuracy"] for row in rows] for rows in table]),
        accuracy=np.array([[row["accuracy"] for row in rows] for rows in table]),
        diverged=np.array([[row["diverged_at"] is not None for row in rows] for rows in table]),
        unused=len(found) - len(lrs) * len(seeds),
    )
