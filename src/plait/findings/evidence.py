"""Evidence: what a folder of results holds, and what of it belongs to one experiment."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import polars as pl

from plait.experiments import Cell, Experiment, Summary, summarise
from plait.experiments.cells_of_rows import placed_cells
from plait.experiments.schema import evaluation_id
from plait.findings.series import Panel, panels, telling


@dataclass(frozen=True, kw_only=True)
class StoredRows:
    """What a folder holds: trained members, and their evaluations elsewhere (None where none are read)."""

    rows: pl.DataFrame
    evaluations: pl.DataFrame | None = None
    placed_before: dict[int, tuple[Experiment, dict[int, Cell]]] = field(
        default_factory=dict, repr=False, compare=False
    )
    """Experiments by `id`, and their cells."""
    read_before: dict[tuple[int, Hashable], tuple[Experiment, Evidence]] = field(
        default_factory=dict, repr=False, compare=False
    )
    """The same by reading (`plait.findings.figure.read`)."""

    def cells(self, experiment: Experiment) -> tuple[Cell, ...]:
        """The experiment's cells; measured elsewhere, where that is what the experiment asks."""
        return tuple(self.placed(experiment).values())

    def placed(self, experiment: Experiment) -> dict[int, Cell]:
        """The same by their places (see `placed_cells`)."""
        if self.rows.is_empty() or (experiment.evaluations and self.evaluations is None):
            return {}
        if id(experiment) not in self.placed_before:
            evaluations = self.evaluations if experiment.evaluations else None
            found = placed_cells(experiment, self.rows, evaluations)
            self.placed_before[id(experiment)] = experiment, found
        return self.placed_before[id(experiment)][1]

    def own(self, experiment: Experiment) -> pl.DataFrame:
        """The rows of the experiment's members; only of those measured elsewhere where that is what it asks."""
        members = list(chain.from_iterable(experiment.members()))
        rows = self.rows.filter(pl.col("member").is_in(members))
        measured = self.measured(experiment)
        return rows if measured is None else rows.filter(pl.col("member").is_in(measured["member"].to_list()))

    def measured(self, experiment: Experiment) -> pl.DataFrame | None:
        """The experiment's evaluations; None where it asks for none."""
        if not experiment.evaluations or self.evaluations is None:
            return None
        tasks = {repr(runs[0].task): runs[0].task for runs in experiment.expand_cells()}
        wanted = {evaluation_id(e.of(task)) for e in experiment.evaluations for task in tasks.values()}
        members = list(chain.from_iterable(experiment.members()))
        return self.evaluations.filter(
            pl.col("evaluation").is_in(sorted(wanted)) & pl.col("member").is_in(members)
        )


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is stored of one experiment.

    Args:
        forms: the experiment in each of the settings that the cells are from; itself where none is given.
    """

    experiment: Experiment
    forms: tuple[Experiment, ...] = ()
    cells: tuple[Cell, ...]
    stored: StoredRows
    summaries: dict[int, Summary] = field(default_factory=dict)
    remembered: dict[str, Any] = field(default_factory=dict)
    """What was made of the cells before, by name."""

    @property
    def in_forms(self) -> tuple[Experiment, ...]:
        return self.forms or (self.experiment,)

    def summary(self, cell: Cell) -> Summary:
        if id(cell) not in self.summaries:
            self.summaries[id(cell)] = summarise(cell)
        return self.summaries[id(cell)]

    def best(self, cell: Cell) -> float:
        """The best seed's accuracy at the cell's chosen learning rate."""
        return float(self.summary(cell).accuracies.max())

    def panels(self, view: int) -> tuple[Panel, ...]:
        """Raises:
        ValueError: no view of that number.
        """
        if not 0 <= view < len(self.experiment.views):
            n_views = len(self.experiment.views)
            raise ValueError(f"experiment {self.experiment.name!r} has {n_views} views, got number {view}")
        shown = self.experiment.views[view]
        cells = self.at_rates(tuple(shown.where.get("train.lr", ())))
        return telling(panels(shown, cells, summary=self.summary))

    def at_rates(self, lrs: tuple[float, ...]) -> Sequence[Cell]:
        """The cells of these rates alone, as they are where none is given: seeds that lack another rate have theirs."""
        if not lrs:
            return self.cells
        name = f"cells at {lrs}"
        if name not in self.remembered:
            try:
                held = self.stored.cells(self.experiment.where({"train.lr": lrs}))
            except ValueError:  # the slice leaves nothing
                held = ()
            self.remembered[name] = held if self.cells else ()
        return self.remembered[name]
