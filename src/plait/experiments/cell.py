"""One cell: a model's members as a table of learning rates x seeds, and the rate that its rule chooses.

Two rates are compared by the seeds that both have (`BestMean`). What is told of a cell is of every seed that was
trained at the chosen rate: runs that exist are not left away for rates at which nobody ran them. Of a model in several
settings each setting's rate is chosen so, and between these rates all seeds that have both (`BestSetting`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from plait.deferred import deferred
from plait.experiments.selection import (
    BestMean,
    BestSetting,
    LeastEarlyLoss,
    RuleName,
    SelectionRule,
    once,
)
from plait.training.run import Run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = deferred("numpy")

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
    none is. `setting` `(n_lrs,)` says to which of several settings each rate belongs (None: there is one).
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
    setting: NDArray[np.int64] | None = None

    @property
    def pattern(self) -> str:
        return self.run.model.pattern

    @property
    def rule(self) -> SelectionRule:
        """What chooses its learning rate; by early losses, among the seeds that have every one.

        Raises:
            ValueError: the rule of early losses, of members that are stored without a loss curve.
        """
        if self.setting is not None:
            rules = tuple(part.rule for _, part in self.by_setting)
            rows = tuple(rows for rows, _ in self.by_setting)
            return BestSetting(rules, rows, self.select, self.was_trained)
        if self.by == "select":
            return BestMean(self.select, self.trained)
        complete = self._complete()
        if self.early is None or np.isnan(self.early if complete is None else self.early[:, complete]).all():
            raise ValueError(
                f"the rule of early losses needs loss curves, and {self.pattern} of width {self.run.model.d_model} "
                "is stored without"
            )
        return LeastEarlyLoss(self.early, complete)

    @property
    def by_setting(self) -> tuple[tuple[NDArray[np.int64], Cell], ...]:
        """Of each setting the places of its rates, and these alone as a cell, with all seeds."""
        if self.setting is None:
            return ((np.arange(len(self.lrs)), self),)
        return tuple(
            (rows, self._with_rows(rows.tolist(), setting=None))
            for rows in (np.flatnonzero(self.setting == one) for one in np.unique(self.setting))
        )

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
        setting = None if self.setting is None else self.setting[kept]
        return self._with_rows(kept, setting=setting).settled()

    def settled(self) -> Cell:
        """The same without the seeds that were not trained at the rate that is chosen.

        Those that are left choose for themselves: a setting that is not chosen may have lost some that chose its rate.
        """
        if self.trained is None or self.trained.all():
            return replace(self, trained=None)
        cut = self._settled_once()
        return cut if len(cut.seeds) == len(self.seeds) else cut.settled()

    def _settled_once(self) -> Cell:
        columns = np.flatnonzero(self._at_chosen()).tolist()
        seeds = tuple(self.seeds[column] for column in columns)
        cut = self._cut(lambda table: table[:, columns], seeds=seeds)
        lost = int(self.was_trained.sum()) - int(cut.was_trained.sum())
        return replace(cut, unused=self.unused + lost, trained=None if cut.was_trained.all() else cut.trained)

    def _at_chosen(self) -> NDArray[np.bool_]:
        """Of every seed, whether it was trained at the rate that is chosen.

        Only those that have every rate where nothing chooses: where that is none, or none with the losses of its rule,
        in one of its settings.
        """
        if not all(part._can_choose for _, part in self.by_setting):
            return np.asarray(self.was_trained.all(axis=0), dtype=np.bool_)
        return self.was_trained[int(self.rule.chosen(once(len(self.seeds)))[0])]

    @property
    def _can_choose(self) -> bool:
        complete = np.asarray(self.was_trained.all(axis=0), dtype=np.bool_)
        if self.by == "select":
            return bool(complete.any())
        return self.early is not None and not np.isnan(self.early[:, complete]).all()

    def _complete(self) -> NDArray[np.bool_] | None:
        """Of every seed, whether it has every rate; None where all have."""
        return None if self.trained is None else np.asarray(self.trained.all(axis=0), dtype=np.bool_)

    def _means(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        table = np.nan_to_num(table, nan=0.0)
        if self.trained is None:
            return table.mean(axis=1)
        return (table * self.trained).sum(axis=1) / self.trained.sum(axis=1)

    def _with_rows(self, rows: Sequence[int], *, setting: NDArray[np.int64] | None) -> Cell:
        cut = self._cut(lambda table: table[rows], lrs=tuple(self.lrs[row] for row in rows))
        return replace(cut, setting=setting)

    def _cut(self, cut: Callable[[Any], Any], **fields: Any) -> Cell:
        tables = {name: getattr(self, name) for name in _TABLES}
        cuts = {name: None if table is None else cut(table) for name, table in tables.items()}
        return replace(self, **fields, **cuts)


def at_its_best(cells: Sequence[Cell]) -> Cell:
    """The same model in several settings as one cell, whose choice of a rate is one of setting and rate.

    Each rate stands once for every setting that has it. In each setting two rates are compared by the seeds that have
    both, then all seeds that have the chosen rate of every setting choose the setting; never by the accuracy that is
    told. So an interval also carries the luck of both choices. Where no seed has every rate of every setting, it is
    the cell with the most seeds.

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
        setting=np.array([place for _, place, _ in order]),
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
