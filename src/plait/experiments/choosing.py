"""Sweeps that cost a fraction: every learning rate with a few seeds, the other seeds at the rate that these choose.

What is told of a cell is of every seed at its chosen rate, and two rates are compared by the seeds that have both (see
cell.py). So an accuracy has as many seeds as in the whole sweep; its rate is chosen by fewer.
"""

import os
from collections.abc import Sequence
from typing import Any

import polars as pl

from plait.checks import check_integer
from plait.experiments.cell import Cell
from plait.experiments.cells_of_rows import placed_cells
from plait.experiments.runner import run_experiment
from plait.experiments.selection import once
from plait.experiments.spec import Experiment
from plait.experiments.store import Store

SEED, RATE = "train.seed", "train.lr"


def choosing_part(experiment: Experiment, seeds: int) -> Experiment:
    """Its first `seeds` seeds, at every learning rate.

    Raises:
        ValueError: `seeds` below 1.
    """
    return experiment.where({SEED: _first(experiment, seeds)})


def chosen_part(experiment: Experiment, rows: pl.DataFrame, seeds: int, *, guess: bool = False) -> Experiment:
    """`choosing_part`, and the other seeds of each model at the rate that is chosen, in rows that are stored.

    Args:
        guess: whether models of which no rate can be chosen yet have the lowest one, to count what will be asked for;
            if not, they have no further seeds.

    Raises:
        ValueError: `seeds` below 1, or rows without the loss curves that the rule of the rates needs.
    """
    first = _first(experiment, seeds)
    wanted: list[dict[str, Sequence[Any]]] = [{SEED: first}]
    placed = placed_cells(experiment, rows) if len(rows) else {}
    for place, (runs, varied) in enumerate(zip(experiment.expand_cells(), experiment.places(), strict=True)):
        asked = {(run.train.lr, run.train.seed) for run in runs if run.train.seed in first}
        rate = _chosen(placed.get(place), {lr for lr, _ in asked}, {seed for _, seed in asked})
        if rate is None and guess:
            rate = min(run.train.lr for run in runs)
        if rate is not None:
            own: dict[str, Sequence[Any]] = {path: (value,) for path, value in varied.items()}
            wanted.append({**own, RATE: (rate,)})
    return experiment.where(*wanted)


def run_choosing(
    experiment: Experiment, folder: str | os.PathLike[str], *, seeds: int, **how: Any
) -> pl.DataFrame:
    """`run_experiment` of `choosing_part`, then of `chosen_part`: all rows of the latter.

    Args:
        how: as `run_experiment` takes it.

    Raises:
        ValueError, StoreError, Stopped: as `run_experiment` and `chosen_part`.
    """
    run_experiment(choosing_part(experiment, seeds), folder, **how)
    return run_experiment(chosen_part(experiment, Store(folder).read(), seeds), folder, **how)


def _first(experiment: Experiment, seeds: int) -> tuple[int, ...]:
    check_integer("choosing-seeds", seeds, least=1)
    return tuple(sorted({run.train.seed for run in experiment.expand()})[:seeds])


def _chosen(cell: Cell | None, rates: set[float], seeds: set[int]) -> float | None:
    """The rate that is chosen once all of these are stored; None before."""
    if cell is None or not rates <= set(cell.lrs) or not seeds <= set(cell.complete_seeds):
        return None
    return cell.lrs[int(cell.rule.chosen(once(len(cell.seeds)))[0])]
