"""One cell: a model's members as a table of learning rates x seeds, and the rate that its rule chooses.

A rate is chosen among the seeds that were trained at every one of them. What is told of a cell is of every seed that
was trained at the chosen rate: runs that exist are not left away for rates at which nobody ran them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from plait.deferred import deferred
from plait.experiments.selection import EARLY_STEPS, BestMean, LeastEarlyLoss, RuleName, SelectionRule, once
from plait.training.run import Run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = deferred("numpy")

StoredRow = Mapping[str, Any]

_TABLES = ("select", "accuracy", "diverged", "early", "eight", "by_sequence", "trained", "members")
"""Of a cell, `(n_lrs, n_seeds)`; the last five may be missing."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """One task, architecture and protocol.

    `select`, `accuracy` and `diverged` have shape `(n_lrs, n_seeds)`: `lrs` are those with anything stored, `seeds`
    those that were trained at the rate that is chosen, `trained` says at which others (None: at all), `unused` counts
    stored members of other seeds. A diverged member's accuracy is the one measured with its frozen weights: it counts
    like any other. `by` names the rule that chooses the rate; `early` is the mean training loss over the first steps,
    `eight` the accuracy on eight sequences as the released program scores them, and `by_sequence` that of all sequences
    scored so (NaN where a row does not say, or is not there). `members` are the identities of the rows, empty where
    none is.
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
    trained: NDArray[np.bool_] | None = None
    members: NDArray[np.str_] | None = None

    @property
    def pattern(self) -> str:
        return self.run.model.pattern

    @property
    def rule(self) -> SelectionRule:
        """What chooses its learning rate, among the seeds that have every one.

        Raises:
            ValueError: the rule of early losses, of members that are stored without a loss curve.
        """
        complete = self._complete()
        if self.by == "select":
            return BestMean(self.select, complete)
        if self.early is None or np.isnan(self.early if complete is None else self.early[:, complete]).all():
            raise ValueError(
                f"the rule of early losses needs loss curves, and {self.pattern} of width {self.run.model.d_model} "
                "is stored without"
            )
        return LeastEarlyLoss(self.early, complete)

    @property
    def was_trained(self) -> NDArray[np.bool_]:
        """`trained` as a table, also where it is all of them."""
        return np.ones(self.accuracy.shape, dtype=bool) if self.trained is None else self.trained

    @property
    def means(self) -> NDArray[np.float64]:
        """The mean accuracy at every rate `(n_lrs,)`, of the seeds that were trained at it."""
        return self._means(self.accuracy)

    @property
    def select_means(self) -> NDArray[np.float64]:
        """The same on the separate sequences."""
        return self._means(self.select)

    @property
    def complete_seeds(self) -> tuple[int, ...]:
        """The seeds that were trained at every rate."""
        complete = self._complete()
        if complete is None:
            return self.seeds
        return tuple(seed for seed, every in zip(self.seeds, complete.tolist(), strict=True) if every)

    def of_seeds(self, seeds: Sequence[int]) -> Cell:
        """The same with some of its seeds, in this order.

        Rates that not all of them have fall away if none has all, or if one of those rates would be chosen.
        """
        if self.trained is None and tuple(seeds) == self.seeds:
            return self
        columns = [self.seeds.index(seed) for seed in seeds]
        cut = self._cut(lambda table: table[:, columns], seeds=tuple(seeds))
        if cut.trained is None or cut._at_chosen().all():
            return cut
        return cut.of_rates(np.flatnonzero(cut.trained.all(axis=1)).tolist())

    def of_rates(self, rows: Sequence[int]) -> Cell:
        """The same with some of its learning rates."""
        kept = list(rows)
        if self.trained is None and kept == list(range(len(self.lrs))):
            return self
        return self._cut(lambda table: table[kept], lrs=tuple(self.lrs[row] for row in kept)).settled()

    def settled(self) -> Cell:
        """The same without the seeds that were not trained at the rate that is chosen."""
        if self.trained is None or self.trained.all():
            return replace(self, trained=None)
        columns = np.flatnonzero(self._at_chosen()).tolist()
        seeds = tuple(self.seeds[column] for column in columns)
        cut = self._cut(lambda table: table[:, columns], seeds=seeds)
        assert cut.trained is not None
        lost = int(self.trained.sum()) - int(cut.trained.sum())
        return replace(cut, unused=self.unused + lost, trained=None if cut.trained.all() else cut.trained)

    def _at_chosen(self) -> NDArray[np.bool_]:
        """Of every seed, whether it was trained at the rate that is chosen.

        Only those that have every rate where nothing chooses: where that is none, or none with the losses of its rule.
        """
        complete = np.asarray(self.was_trained.all(axis=0), dtype=np.bool_)
        unchosen = self.by == "early" and (self.early is None or np.isnan(self.early[:, complete]).all())
        if unchosen or not complete.any():
            return complete
        return self.was_trained[int(self.rule.chosen(once(len(self.seeds)))[0])]

    def _complete(self) -> NDArray[np.bool_] | None:
        """Of every seed, whether it has every rate; None where all have."""
        return None if self.trained is None else np.asarray(self.trained.all(axis=0), dtype=np.bool_)

    def _means(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        table = np.nan_to_num(table, nan=0.0)
        if self.trained is None:
            return table.mean(axis=1)
        return (table * self.trained).sum(axis=1) / self.trained.sum(axis=1)

    def _cut(self, cut: Callable[[Any], Any], **fields: Any) -> Cell:
        tables = {name: getattr(self, name) for name in _TABLES}
        cuts = {name: None if table is None else cut(table) for name, table in tables.items()}
        return replace(self, **fields, **cuts)


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


def at_its_best(cells: Sequence[Cell]) -> Cell:
    """The same model in several settings as one cell, whose choice of a rate is one of setting and rate.

    Each rate stands once for every setting that has it. The choice is made among the seeds that have every rate of
    every setting; so an interval also carries the luck of choosing the setting.

    Raises:
        ValueError: no cell.
    """
    if not cells:
        raise ValueError("a choice of settings needs at least one cell")
    if len(cells) == 1:
        return cells[0]
    if not set.intersection(*(set(cell.complete_seeds) for cell in cells)):
        return max(cells, key=lambda cell: len(cell.seeds))
    seeds = tuple(sorted(set().union(*(cell.seeds for cell in cells))))
    order = sorted(
        ((lr, place, row) for place, cell in enumerate(cells) for row, lr in enumerate(cell.lrs)),
        key=lambda entry: entry[:2],
    )

    def stacked(name: str) -> NDArray[Any] | None:
        given = [getattr(cell, name) for cell in cells]
        if name == "trained":
            given = [cell.was_trained for cell in cells]
        if any(table is None for table in given):
            return None
        wide = [_widened(table, cell.seeds, seeds) for table, cell in zip(given, cells, strict=True)]
        return np.stack([wide[place][row] for _, place, row in order])

    return replace(
        cells[0],
        lrs=tuple(lr for lr, _, _ in order),
        seeds=seeds,
        **{name: stacked(name) for name in _TABLES},
        unused=sum(cell.unused for cell in cells),
    ).settled()


def by_learning_rate(cell: Cell) -> tuple[Cell, ...]:
    """Each learning rate of a cell as a cell of its own, with the setting `train.lr`."""
    return tuple(
        replace(cell.of_rates([i]), settings={**cell.settings, "train.lr": lr})
        for i, lr in enumerate(cell.lrs)
    )


def _widened(table: NDArray[Any], own: Sequence[int], seeds: Sequence[int]) -> NDArray[Any]:
    """The table with a column for each of `seeds`; of those that it lacks, False, no name or not a number."""
    absent = {"b": False, "U": ""}.get(table.dtype.kind, math.nan)
    wide = np.full((len(table), len(seeds)), absent, dtype=table.dtype)
    wide[:, [seeds.index(seed) for seed in own]] = table
    return wide


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
