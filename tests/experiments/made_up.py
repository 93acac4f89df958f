"""Cells with made-up numbers, whose right answers are known."""

import numpy as np

from plait.experiments import Cell
from plait.model import HybridConfig
from plait.tasks import SelectiveCopying
from plait.training.run import Run


def made_up_cell(
    accuracy, *, select=None, pattern="SSM-TF", parameters=1_000, diverged=None, seeds=None
) -> Cell:
    """`accuracy[lr][seed]`; selection accuracy is the same unless given."""
    table = np.asarray(accuracy, dtype=np.float64)
    n_lrs, n_seeds = table.shape
    return Cell(
        run=Run(task=SelectiveCopying(), model=HybridConfig(pattern=pattern, d_model=8)),
        settings={"model.pattern": pattern, "model.d_model": 8},
        parameters=parameters,
        lrs=tuple(10.0 ** (i - n_lrs) for i in range(n_lrs)),
        seeds=tuple(range(n_seeds)) if seeds is None else tuple(seeds),
        select=table if select is None else np.asarray(select, dtype=np.float64),
        accuracy=table,
        diverged=np.zeros(table.shape, dtype=bool) if diverged is None else np.asarray(diverged),
    )
