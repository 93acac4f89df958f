"""What pages are written from: the rows of a folder, read once, as figures in their readings."""

import os
from dataclasses import dataclass, field
from functools import cached_property

from plait.experiments import Store
from plait.findings.evidence import Evidence, StoredRows
from plait.findings.figure import Figure, StoredFigure, stored_figures
from plait.findings.readings import AS_TRAINED, find_reading, read
from plait.paper import FIGURES, find_figure


def stored_rows(folder: str | os.PathLike[str]) -> StoredRows:
    """Raises:
    StoreError: a damaged shard; a folder that is missing or empty has no rows.
    """
    store = Store(folder)
    return StoredRows(rows=store.read(), evaluations=store.read_evaluations())


@dataclass(frozen=True, kw_only=True)
class FolderResults:
    """The figures of the catalogue, as far as a folder holds them."""

    stored: StoredRows
    known: dict[str, tuple[Figure, Evidence]] = field(default_factory=dict)
    """What was read before, by `name@reading`."""

    @cached_property
    def figures(self) -> dict[str, StoredFigure]:
        """Every figure, with the readings in which it was run."""
        run = {one.figure.name: one for one in stored_figures(FIGURES.values(), self.stored)[0]}
        return {
            name: run.get(name) or StoredFigure(figure=figure, readings=())
            for name, figure in FIGURES.items()
        }

    def of(self, name: str) -> tuple[Figure, Evidence]:
        """A figure and what is stored of it, in the reading that `name@reading` asks for.

        Raises:
            ValueError: no such figure or reading.
        """
        if name not in self.known:
            plain, _, reading = name.partition("@")
            figure = find_figure(plain)
            chosen = find_reading(reading) if reading else AS_TRAINED
            self.known[name] = figure, read(figure.experiment, self.stored, chosen)
        return self.known[name]
