"""Evidence of cells whose seeds lie around means that are known."""

import numpy as np

from plait.experiments import Cell
from plait.findings.evidence import Evidence, StoredRows
from plait.model import HybridConfig
from plait.paper import find_experiment
from plait.tasks import SelectiveCopying
from plait.training.run import Run

LUCK = np.array([-0.03, -0.02, -0.01, 0.0, 0.01, 0.02, 0.03, 0.0])
PATTERN, WIDTH = "model.pattern", "model.d_model"


def cell(pattern, parameters, *means, d_model=8, window=20, luck=LUCK, lrs=(1e-3, 1e-2), **more) -> Cell:
    """A cell whose seeds lie around one mean for each learning rate."""
    table = np.array([mean + luck for mean in means])
    settings = {PATTERN: pattern, WIDTH: d_model, "model.window": window, **more}
    return Cell(
        run=Run(task=SelectiveCopying(), model=HybridConfig(pattern=pattern, d_model=d_model, window=window)),
        settings=settings,
        parameters=parameters,
        lrs=lrs[: len(means)],
        seeds=tuple(range(table.shape[1])),
        select=table,
        accuracy=table,
        diverged=np.zeros(table.shape, dtype=bool),
    )


def found(*cells, name="fig4") -> Evidence:
    return Evidence(
        experiment=find_experiment(name), cells=cells, stored=StoredRows(rows=made_up_rows_of_nothing())
    )


def made_up_rows_of_nothing():
    import polars as pl

    from plait.experiments import COLUMNS

    return pl.DataFrame(schema=COLUMNS)
